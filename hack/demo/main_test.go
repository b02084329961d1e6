package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
)

func TestCluster(t *testing.T) {
	for _, cluster := range []string{"local", "current"} {
		if site, err := (options{cluster: cluster}).site("/src", io.Discard); err != nil || site == nil {
			t.Errorf("--cluster %s: %v, %v", cluster, site, err)
		}
	}
	if _, err := (options{cluster: "kind"}).site("/src", io.Discard); err == nil || !strings.Contains(err.Error(), "want local or current") {
		t.Errorf("--cluster kind: %v", err)
	}
}

func TestCurrentWantsARegistry(t *testing.T) {
	command := newCommand()
	command.SetArgs([]string{"up", "--cluster", "current", "--registry", ""})
	command.SetOut(io.Discard)
	err := command.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "REGISTRY is empty") {
		t.Errorf("error %v", err)
	}
}

const records = `{"kind":"CodebaseQA","arm":"candidate","question":"Which module has ` + "`a`" + `?","answer":"x","gold":"y","correct":false}
{"kind":"CodebaseQA","arm":"base","question":"Which module has ` + "`a`" + `?","answer":"first","gold":"y","correct":false}
{"kind":"CodebaseQA","arm":"base","question":"Which module has ` + "`b`" + `?","answer":"same start","gold":"y","correct":false}
{"kind":"CodebaseQA","arm":"base","composed":true,"question":"Composed ` + "`c`" + `?","answer":"z","gold":"y","correct":false}
{"kind":"ContextualImplementation","arm":"base","question":"Implement ` + "`d`" + `","answer":"z","correct":false}
{"kind":"CodebaseQA","arm":"base","question":"What does ` + "`e`" + ` return?","answer":"second","gold":"y","correct":true}
`

func TestFirstQuestions(t *testing.T) {
	asked, err := firstQuestions(records)
	if err != nil || len(asked) != 2 || asked[0].Answer != "first" || asked[1].Answer != "second" {
		t.Errorf("questions %+v, %v", asked, err)
	}
	if _, err := firstQuestions("{"); err == nil {
		t.Error("no error on records that are cut short")
	}
}

func TestDescribeCounts(t *testing.T) {
	got := describeCounts(v1alpha1.StageStatus{Reused: true, Counts: []v1alpha1.Count{
		{Name: "SoftwareDesign.candidates", Value: 9}, {Name: "SoftwareDesign.kept", Value: 4}, {Name: "SoftwareDesign.run", Value: 7},
		{Name: "EvolutionaryReplay.candidates", Value: 9}, {Name: "EvolutionaryReplay.run", Value: 2},
		{Name: "tests", Value: 445},
	}})
	want := "SoftwareDesign=4 of 7 EvolutionaryReplay=0 of 2 tests=445 (reused)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The summary's figures and the page are those of the report.
func TestReport(t *testing.T) {
	guess, majority := 13.1, 22.5
	kind := report.NewKind(v1alpha1.KindRecord{
		Name: v1alpha1.KindCodebaseQA, Arms: []v1alpha1.ArmRecord{{Name: v1alpha1.ArmCandidate, Successes: "110"}},
	})
	kind.Guess, kind.Majority = &guess, &majority
	kind.Compositions = []report.Arm{{Name: v1alpha1.ArmCandidate, Score: report.NewScore(9, 13)}}
	r := report.Report{
		Version: report.Version, Kinds: []report.Kind{kind, {Name: v1alpha1.KindCodebaseQA, Variant: "open book"}}, Run: report.Run{Repository: "http://git/boltons.git", Commit: strings.Repeat("5", 40)},
		Decision: &report.Decision{Decision: v1alpha1.DecisionPromote, Reason: "it is better"},
		Record:   v1alpha1.EvaluationRecord{Protocol: "Tasks: held-out functions"},
	}
	var out strings.Builder
	if err := describeEvaluation(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"candidate", "2 of 3", "13.1 %, always the commonest answer 22.5 %", "9 of 13, not part of the score", "CodebaseQA, open book, not part of the score", "Tasks: held-out functions"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
	folder := filepath.Join(t.TempDir(), "bin")
	name, err := writePage(folder, r)
	if err != nil || name != filepath.Join(folder, "report-555555555555.html") {
		t.Fatal(name, err)
	}
	if page, err := os.ReadFile(name); err != nil || !strings.Contains(string(page), "it is better") {
		t.Errorf("%v:\n%s", err, page)
	}
}

func TestAwaited(t *testing.T) {
	run := func(commit, token string) v1alpha1.ExpertRun {
		return v1alpha1.ExpertRun{Spec: v1alpha1.ExpertRunSpec{Commit: commit, Token: token}}
	}
	for name, c := range map[string]struct {
		awaited awaited
		run     v1alpha1.ExpertRun
		want    bool
	}{
		"the first run":                      {awaited{}, run("a", ""), true},
		"a run of the commit that is served": {awaited{before: "a"}, run("a", ""), false},
		"a run of the next commit":           {awaited{before: "a"}, run("b", ""), true},
		"the run before the one asked for":   {awaited{token: "t"}, run("a", ""), false},
		"the run that was asked for":         {awaited{token: "t"}, run("a", "t"), true},
	} {
		if got := c.awaited.is(c.run); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The failure of an earlier run is no answer to the run that was asked for.
func TestFinishedByFailure(t *testing.T) {
	expert := v1alpha1.RepoExpert{}
	meta.SetStatusCondition(&expert.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRunFailed, Message: "run boltons-old ended without a verdict",
	})
	for run, fails := range map[string]bool{"": false, "boltons-new": false, "boltons-old": true} {
		o := outcome{expert: expert, run: v1alpha1.ExpertRun{ObjectMeta: metav1.ObjectMeta{Name: run}}}
		if done, err := finished(o, ""); done || (err != nil) != fails {
			t.Errorf("run %q: %v, %v", run, done, err)
		}
	}
	meta.SetStatusCondition(&expert.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonClassNotFound, Message: "no such class",
	})
	if _, err := finished(outcome{expert: expert}, ""); err == nil {
		t.Error("a missing class goes unnoticed")
	}
}
