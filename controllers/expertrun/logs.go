package expertrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
)

const (
	logTimeout = 10 * time.Second
	// A container runtime splits lines of more than 16 KiB, and the kubelet
	// counts the pieces, so a record of one line may be three of them.
	recordLines   = 4
	recordBytes   = 4 * (contract.MaxRecordBytes + 256)
	progressLines = 5
	progressBytes = 8 << 10
)

// LogReader reads the end of a container's log, bounded in lines and in bytes.
type LogReader interface {
	Tail(ctx context.Context, pod types.NamespacedName, container string, lines, bytes int64) (string, error)
}

// PodLogs reads logs through the API server.
type PodLogs struct {
	Client kubernetes.Interface
}

// Tail implements LogReader.
func (l PodLogs) Tail(ctx context.Context, pod types.NamespacedName, container string, lines, bytes int64) (_ string, err error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	stream, err := l.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: container, TailLines: ptr.To(lines), LimitBytes: ptr.To(bytes),
	}).Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("read the log of pod %s: %w", pod, err)
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	text, err := io.ReadAll(io.LimitReader(stream, bytes))
	if err != nil {
		return "", fmt.Errorf("read the log of pod %s: %w", pod, err)
	}
	return string(text), nil
}

// gatherLogs reads the evaluation record once Evaluate has ended, and now and
// then the progress of a long stage.
func (r *Reconciler) gatherLogs(ctx context.Context, s *scope, _ *v1alpha1.RepoExpert) error {
	id := s.current()
	job, ok := s.input.Jobs[id]
	if !ok || !pipeline.ReportsProgress(id.Stage) {
		return nil
	}
	switch {
	case job.End != nil && job.End.Complete && id.Stage == v1alpha1.StageEvaluate:
		r.readRecord(ctx, s, id)
	case job.End == nil && s.input.Expert == pipeline.ExpertActive:
		r.readProgress(ctx, s, id)
	}
	return nil
}

func (r *Reconciler) readRecord(ctx context.Context, s *scope, id pipeline.AttemptID) {
	pod := s.pod(id, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	if pod == nil {
		return
	}
	text, err := r.logs.Tail(ctx, nameOf(pod), contract.ContainerWorker, recordLines, recordBytes)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("the evaluation record cannot be read yet", "cause", err.Error())
		s.input.Record.Err = "the log cannot be read"
		return
	}
	s.input.Record.Line = lastLine(text, contract.RecordPrefix)
}

// readProgress is best effort: without it the run shows less, nothing more.
func (r *Reconciler) readProgress(ctx context.Context, s *scope, id pipeline.AttemptID) {
	pod := s.pod(id, func(p *corev1.Pod) bool { return podFacts(p).Running })
	if pod == nil || !r.tails.due(nameOf(s.run), r.clock.Now()) {
		return
	}
	text, err := r.logs.Tail(ctx, nameOf(pod), contract.ContainerWorker, progressLines, progressBytes)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("progress cannot be read", "cause", err.Error())
		return
	}
	if progress, err := contract.ParseProgress(lastLine(text, contract.ProgressPrefix)); err == nil {
		s.input.Progress = &progress
	}
}

func (s *scope) pod(id pipeline.AttemptID, match func(*corev1.Pod) bool) *corev1.Pod {
	pods := podsByAttempt(s.pods, s.run.Name)[id]
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return match(&p) })
	if i < 0 {
		return nil
	}
	return &pods[i]
}

// lastLine returns the last line that starts with a prefix; empty when there is
// none.
func lastLine(text, prefix string) string {
	found := ""
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.HasPrefix(line, prefix) {
			found = line
		}
	}
	return found
}

// tails remembers when a run's log was read last.
type tails struct {
	mu   sync.Mutex
	last map[types.NamespacedName]time.Time
}

func newTails() *tails { return &tails{last: map[types.NamespacedName]time.Time{}} }

func (t *tails) due(run types.NamespacedName, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last[run]; ok && now.Sub(last) < pipeline.ProgressInterval {
		return false
	}
	t.last[run] = now
	return true
}

func (t *tails) forget(run types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, run)
}
