package expertrun

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
)

// Metrics carry no names of objects: their number must not grow with the
// number of experts.
var (
	stageSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "repoexpert_stage_duration_seconds",
		Help:    "Time from a stage's first attempt to its end.",
		Buckets: []float64{10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400},
	}, []string{"stage", "state"})
	verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "repoexpert_verdicts_total",
		Help: "Verdicts of the gate.",
	}, []string{"decision"})
)

// RegisterMetrics adds the controller's metrics to the manager's.
func RegisterMetrics() error {
	for _, c := range []prometheus.Collector{stageSeconds, verdicts} {
		if err := metrics.Registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func observe(before, after v1alpha1.ExpertRunStatus) {
	for _, s := range after.Stages {
		old := pipeline.Stage(&before, s.Name)
		ended := s.State == v1alpha1.StageSucceeded || s.State == v1alpha1.StageFailed
		if old != nil && old.State != s.State && ended && s.StartTime != nil && s.CompletionTime != nil {
			stageSeconds.WithLabelValues(string(s.Name), string(s.State)).Observe(s.CompletionTime.Sub(s.StartTime.Time).Seconds())
		}
	}
	if v := after.Verdict; v != nil && (before.Verdict == nil || before.Verdict.Digest != v.Digest) {
		verdicts.WithLabelValues(string(v.Decision)).Inc()
	}
}
