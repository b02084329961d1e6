package local

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestOptionsCheck(t *testing.T) {
	if err := DefaultOptions().check(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	for says, change := range map[string]func(*Options){
		`--framework: environment.test.framework is "Nose"`:   func(o *Options) { o.Framework = "Nose" },
		`--test-path "/etc" is no path`:                       func(o *Options) { o.TestPaths = []string{"/etc"} },
		`--include "a/../b" is no path`:                       func(o *Options) { o.Include = []string{"a/../b"} },
		`--exclude "-x" is no path`:                           func(o *Options) { o.Exclude = []string{"-x"} },
		"--unit Poetry is unknown: name one of Software":      func(o *Options) { o.Units = []v1alpha1.Unit{{Name: "Poetry", Samples: 1}} },
		"--unit SoftwareDesign=0: ask for 1 to 100000":        func(o *Options) { o.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitSoftwareDesign}} },
		"--shards 0: must be from 1 to 256":                   func(o *Options) { o.Shards = 0 },
		"--seed -1: must be from 0":                           func(o *Options) { o.Seed = -1 },
		`--holdout "Never" is unknown: name one of Tasks, F`:  func(o *Options) { o.Holdout = "Never" },
		"--holdout-commits 0: must be from 1 to 1000":         func(o *Options) { o.HoldoutCommits = 0 },
		"--kind Poetry is unknown: name one of CodebaseQA":    func(o *Options) { o.Kinds = []v1alpha1.EvaluationKind{{Name: "Poetry", Tasks: 1}} },
		"--kind CodebaseQA=0: ask for 1 to 10000 tasks":       func(o *Options) { o.Kinds = []v1alpha1.EvaluationKind{{Name: v1alpha1.KindCodebaseQA}} },
		"--holdout-percent 51: must be from 1 to 50":          func(o *Options) { o.HoldoutPercent = 51 },
		"--min-samples 0: must be from 1":                     func(o *Options) { o.MinSamples = 0 },
		"--max-length 10: must be from 64":                    func(o *Options) { o.MaxLength = 10 },
		"--test-timeout 0: must be from 1 to":                 func(o *Options) { o.TestTimeout = time.Millisecond },
		"--command-timeout 36000: must be from 1 to 3600":     func(o *Options) { o.CommandTimeout = 10 * time.Hour },
		`--include "` + strings.Repeat("x", 80) + `" is no p`: func(o *Options) { o.Include = []string{strings.Repeat("x", 300)} },
	} {
		options := DefaultOptions()
		change(&options)
		if err := options.check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

// What says nothing with a protocol is no part of the recipe, and so of no key.
func TestHoldoutCommitsAreOfProtocolsWithCommits(t *testing.T) {
	for holdout, want := range map[v1alpha1.Holdout]int32{v1alpha1.HoldoutTasks: 0, v1alpha1.HoldoutFrontier: 7, v1alpha1.HoldoutPrequential: 7} {
		options := DefaultOptions()
		options.Holdout, options.HoldoutCommits = holdout, 7
		if got := options.recipe(Checkout{}, "", v1alpha1.BaseModel{}).Evaluation; got.HoldoutCommits != want || got.Holdout != holdout {
			t.Errorf("%s gives %+v, want %d commits", holdout, got, want)
		}
	}
}

// Another interpreter or another path is another environment, and so another
// plan.
func TestEnvironmentName(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		put(t, filepath.Join(dir, "python3"), "#!/bin/sh\necho $0\n")
		makeExecutable(t, filepath.Join(dir, "python3"))
	}
	names := map[string]bool{}
	for _, path := range []string{first, second} {
		t.Setenv("PATH", path)
		for _, packages := range [][]string{nil, {"/a"}, {"/a", "/b"}} {
			name, err := environmentName(t.Context(), v1alpha1.TestPytest, packages)
			if err != nil {
				t.Fatal(err)
			}
			names[name] = true
		}
	}
	if len(names) != 6 {
		t.Errorf("6 environments have %d names: %v", len(names), names)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := environmentName(t.Context(), v1alpha1.TestPytest, nil); err == nil || !strings.Contains(err.Error(), "needs python3") {
		t.Errorf("without python3: %v", err)
	}
}

func TestFlagsFor(t *testing.T) {
	got := flagsFor("raise experience.testTimeout in the class, or narrow environment.test.paths")
	if want := " (here experience.testTimeout is --test-timeout, environment.test.paths is --test-path)"; got != want {
		t.Errorf("got %q", got)
	}
	if got := flagsFor("nothing of the kind"); got != "" {
		t.Errorf("got %q", got)
	}
}

// The schema's list of units and the one that flags are checked against are the
// same.
func TestUnits(t *testing.T) {
	schema, err := os.ReadFile("../../config/crd/bases/repoexpert.dev_expertclasses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`enum:\n((?: *- \w+\n)+)`).FindAllStringSubmatch(string(schema), -1)
	want := slices.Sorted(slices.Values(v1alpha1.Units))
	if !slices.ContainsFunc(found, func(match []string) bool {
		var names []v1alpha1.UnitName
		for _, name := range strings.Fields(strings.ReplaceAll(match[1], "-", " ")) {
			names = append(names, v1alpha1.UnitName(name))
		}
		slices.Sort(names)
		return slices.Equal(names, want)
	}) {
		t.Errorf("the schema has no list of exactly %v", want)
	}
}
