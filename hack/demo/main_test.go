package main

import (
	"io"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
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
