package evaluate

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/report"
)

// checkReport holds the report against what the models did, and the page against
// the report.
func (w *world) checkReport(folder string, facts int) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, ReportFile))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := report.Parse(content)
	if err != nil {
		w.t.Fatal(err)
	}
	var page strings.Builder
	if err := report.WriteHTML(&page, r); err != nil {
		w.t.Fatal(err)
	}
	if sealed, err := os.ReadFile(filepath.Join(folder, PageFile)); err != nil || string(sealed) != page.String() {
		w.t.Errorf("the page is not that of the report: %v", err)
	}
	if r.Run.Commit != w.env.Spec.Commit || r.Run.ServedCommit != "" || r.Decision != nil || len(r.Seen) != 1 || r.Holdout.Percent != 50 {
		w.t.Errorf("report %+v", r)
	}
	qa, masks := r.Kinds[0], r.Kinds[1]
	candidate := qa.Arms[1]
	if candidate.Name != v1alpha1.ArmCandidate || candidate.Solved != facts || candidate.Tasks != facts || *candidate.Macro != 100 || *qa.Guess <= 0 || *qa.Groups[0].Majority <= 0 {
		w.t.Errorf("questions %+v", qa)
	}
	// The model server says 10 tokens read and 5 written for every answer.
	if e := candidate.Effort; e.PromptTokens != int64(10*facts) || *e.TokensPerSolved != 15 || e.Seconds <= 0 || e.Episodes != nil {
		w.t.Errorf("effort %+v", e)
	}
	if e := qa.Arms[0].Effort; e.TokensPerSolved != nil || e.SecondsPerSolved != nil {
		w.t.Errorf("the base model solved nothing, yet a solved task took %+v", e)
	}
	if len(qa.Tasks) != facts || qa.Tasks[0].Gold != qa.Tasks[0].Results[1].Answer || qa.Sampling.Name != v1alpha1.SamplingGreedy {
		w.t.Errorf("tasks %+v", qa.Tasks)
	}
	open := r.Kinds[2]
	if open.Name != v1alpha1.KindCodebaseQA || open.Variant != openBook || open.Arms[1].Solved != openBookAsked || open.Arms[0].Solved != 0 ||
		open.Arms[2].Solved != openBookAsked || open.Arms[3].Solved != 0 || strings.TrimSpace(open.Tasks[0].Results[1].Answer) != open.Tasks[0].Gold || len(open.Tasks[0].Results[1].Excerpt) == 0 {
		w.t.Errorf("open book %+v", open)
	}
	episodes := masks.Arms[1].Effort.Episodes
	if masks.Arms[2].Effort != nil || episodes.Endings[string(agent.Submitted)] != 2 || episodes.EmptySubmissions != 0 || masks.Arms[0].Effort.Episodes.EmptySubmissions != 2 {
		w.t.Errorf("episodes %+v", episodes)
	}
	written := masks.Tasks[0].Results[1]
	if !written.Solved || written.Turns != episodes.Turns/2 || len(written.Excerpt) == 0 || masks.Sampling.MaxTurns != 3 {
		w.t.Errorf("task %+v", written)
	}
}
