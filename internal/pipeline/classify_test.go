package pipeline_test

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

// TestEndsOfPods: what an attempt's end is taken for, by all that is known of
// its pod.
func TestEndsOfPods(t *testing.T) {
	success := func(w *world) string { return encode(w.result(w.under())) }
	with := func(change func(*contract.StageResult)) func(w *world) string {
		return func(w *world) string {
			r := w.result(w.under())
			change(&r)
			return encode(r)
		}
	}
	nothing := func(*world) string { return "" }
	tests := map[string]struct {
		exitCode int32
		message  func(*world) string
		pod      func(*pipeline.Pod)
		complete bool
		want     v1alpha1.FailureClass
		words    string
	}{
		"success":                         {message: success, complete: true, want: v1alpha1.Succeeded},
		"success although memory ran out": {message: success, pod: reason("OOMKilled"), complete: true, want: v1alpha1.Succeeded},
		"exit 0 without a result":         {message: nothing, complete: true, want: v1alpha1.FailureUnknown, words: "cannot be read"},
		"exit 0, result cut off":          {message: func(w *world) string { return success(w)[:60] }, complete: true, want: v1alpha1.FailureUnknown},
		"exit 0, result too long": {message: with(func(r *contract.StageResult) { r.Message = strings.Repeat("x", 2000) }),
			complete: true, want: v1alpha1.FailureUnknown},
		"exit 0, of another run": {message: with(func(r *contract.StageResult) { r.Run = "other" }), complete: true,
			want: v1alpha1.FailureUnknown, words: "another run"},
		"exit 0, of another stage":     {message: with(func(r *contract.StageResult) { r.Stage = v1alpha1.StageTrain }), complete: true, want: v1alpha1.FailureUnknown},
		"exit 0, of another attempt":   {message: with(func(r *contract.StageResult) { r.Attempt = 7 }), complete: true, want: v1alpha1.FailureUnknown},
		"exit 0, no manifest":          {message: with(func(r *contract.StageResult) { r.ManifestDigest = "" }), complete: true, want: v1alpha1.FailureUnknown, words: "no sealed manifest"},
		"exit 0, says it failed":       {message: with(func(r *contract.StageResult) { r.Class = v1alpha1.FailureData }), complete: true, want: v1alpha1.FailureUnknown},
		"configuration":                {exitCode: 40, message: with(func(r *contract.StageResult) { r.Class, r.Message = v1alpha1.FailureConfiguration, "field x" }), want: v1alpha1.FailureConfiguration, words: "field x"},
		"exit code without a result":   {exitCode: 42, message: nothing, want: v1alpha1.FailureData, words: "exit code 42"},
		"exit code and class differ":   {exitCode: 42, message: with(func(r *contract.StageResult) { r.Class = v1alpha1.FailureSource }), want: v1alpha1.FailureData, words: "no readable result"},
		"a class only we give":         {exitCode: 1, message: with(func(r *contract.StageResult) { r.Class = v1alpha1.FailureDisrupted }), want: v1alpha1.FailureUnknown},
		"killed":                       {exitCode: 137, message: nothing, want: v1alpha1.FailureOutOfMemory},
		"memory ran out, exit 1":       {exitCode: 1, message: nothing, pod: reason("OOMKilled"), want: v1alpha1.FailureOutOfMemory, words: "memory limit"},
		"evicted by the API":           {exitCode: 137, message: nothing, pod: func(p *pipeline.Pod) { p.Disrupted = true }, want: v1alpha1.FailureDisrupted},
		"evicted by the kubelet":       {exitCode: 137, message: nothing, pod: func(p *pipeline.Pod) { p.Reason, p.Message = "Evicted", "volume tmp is full" }, want: v1alpha1.FailureUnknown, words: "volume tmp is full"},
		"deadline of the pod":          {exitCode: 143, message: nothing, pod: func(p *pipeline.Pod) { p.Reason = "DeadlineExceeded" }, want: v1alpha1.FailureDeadline},
		"the worker never started":     {message: nothing, pod: func(p *pipeline.Pod) { p.Worker = nil }, want: v1alpha1.FailureDisrupted},
		"an init container failed":     {message: nothing, pod: func(p *pipeline.Pod) { p.Worker, p.Install = nil, &pipeline.ContainerEnd{ExitCode: 2} }, want: v1alpha1.FailureUnknown, words: "exit code 2"},
		"something else":               {exitCode: 3, message: nothing, want: v1alpha1.FailureUnknown},
		"unknown, as the worker says":  {exitCode: 1, message: with(func(r *contract.StageResult) { r.Class, r.Message = v1alpha1.FailureUnknown, "odd" }), want: v1alpha1.FailureUnknown, words: "odd"},
		"message with escape sequence": {exitCode: 42, message: with(func(r *contract.StageResult) { r.Class, r.Message = v1alpha1.FailureData, "a\x1b[2Jb\nc" }), want: v1alpha1.FailureData, words: "a [2Jb c"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.until(v1alpha1.StagePlan)
			pod := w.pod(0, test.exitCode, test.message(w))
			if test.pod != nil {
				test.pod(&pod)
			}
			w.finish(test.complete, pod)
			checkAttempt(t, w, v1alpha1.StagePlan, test.want, test.words)
		})
	}
}

func reason(text string) func(*pipeline.Pod) { return func(p *pipeline.Pod) { p.Worker.Reason = text } }

func checkAttempt(t *testing.T, w *world, stage v1alpha1.StageName, want v1alpha1.FailureClass, words string) {
	t.Helper()
	first := pipeline.Stage(&w.input.Run.Status, stage).Attempts[0]
	if first.Outcome != want || !strings.Contains(first.Message, words) {
		t.Errorf("attempt = %s %q, want %s %q", first.Outcome, first.Message, want, words)
	}
}

// TestEndsOfShards: Experience counts only when every shard does.
func TestEndsOfShards(t *testing.T) {
	tests := map[string]struct {
		complete bool
		failed   []int32
		pods     func(w *world, ok string) []pipeline.Pod
		want     v1alpha1.FailureClass
		words    string
	}{
		"both": {complete: true, want: v1alpha1.Succeeded,
			pods: func(w *world, ok string) []pipeline.Pod { return []pipeline.Pod{w.pod(0, 0, ok), w.pod(1, 0, ok)} }},
		"retried inside": {complete: true, want: v1alpha1.Succeeded,
			pods: func(w *world, ok string) []pipeline.Pod {
				return []pipeline.Pod{w.pod(0, 1, ""), w.pod(0, 0, ok), w.pod(1, 0, ok)}
			}},
		"a result is lost": {complete: true, want: v1alpha1.FailureUnknown, words: "shard 1",
			pods: func(w *world, ok string) []pipeline.Pod { return []pipeline.Pod{w.pod(0, 0, ok)} }},
		"a result is forged": {complete: true, want: v1alpha1.FailureUnknown, words: "shard 1",
			pods: func(w *world, ok string) []pipeline.Pod {
				return []pipeline.Pod{w.pod(0, 0, ok), w.pod(1, 0, forged)}
			}},
		"the cause, not who was stopped by it": {want: v1alpha1.FailureRepositoryCode, words: "shard 1", failed: []int32{1},
			pods: func(w *world, _ string) []pipeline.Pod {
				return []pipeline.Pod{w.pod(0, 143, ""), w.pod(1, 43, "")}
			}},
		"no pod is left": {want: v1alpha1.FailureDisrupted,
			pods: func(*world, string) []pipeline.Pod { return nil }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.until(v1alpha1.StageExperience)
			id := w.under()
			job := w.input.Jobs[id]
			job.End = &pipeline.JobEnd{Complete: test.complete, Time: w.input.Now.Time, FailedIndexes: test.failed}
			job.Pods = test.pods(w, encode(w.result(id)))
			w.input.Jobs[id] = job
			w.settle()
			checkAttempt(t, w, v1alpha1.StageExperience, test.want, test.words)
			s := pipeline.Stage(&w.input.Run.Status, v1alpha1.StageExperience)
			if test.want == v1alpha1.Succeeded {
				shard := digest(string(v1alpha1.StageExperience))
				if want := contract.ShardsDigest([]string{shard, shard}); s.ManifestDigest != want || s.Counts[0].Value != 4 {
					t.Errorf("stage = %+v, want digest %s and counts summed", s, want)
				}
			}
		})
	}
}
