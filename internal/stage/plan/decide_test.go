package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

func TestCompareRuns(t *testing.T) {
	report := func(outcomes map[string]language.Outcome) *language.TestReport {
		r := &language.TestReport{}
		for id, outcome := range outcomes {
			r.Tests = append(r.Tests, language.TestResult{ID: id, Outcome: outcome})
		}
		return r
	}
	got := compare([]*language.TestReport{
		report(map[string]language.Outcome{"stable": "passed", "failing": "failed", "error": "error", "skipped": "skipped", "flaky": "passed", "vanishing": "passed"}),
		report(map[string]language.Outcome{"stable": "passed", "failing": "failed", "error": "error", "skipped": "skipped", "flaky": "failed", "vanishing": "passed", "appearing": "passed"}),
		report(map[string]language.Outcome{"stable": "passed", "failing": "failed", "error": "error", "skipped": "skipped", "flaky": "passed", "appearing": "passed"}),
	})
	want := task.Baseline{
		Stable: []string{"stable"},
		Excluded: []task.ExcludedTest{
			{ID: "appearing", Reason: task.ReasonFlaky}, {ID: "error", Reason: task.ReasonFailing}, {ID: "failing", Reason: task.ReasonFailing},
			{ID: "flaky", Reason: task.ReasonFlaky}, {ID: "skipped", Reason: task.ReasonSkipped}, {ID: "vanishing", Reason: task.ReasonFlaky},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("baseline (-want +got):\n%s", diff)
	}
}

func TestCheckEnough(t *testing.T) {
	kinds := func(name v1alpha1.KindName, minimum int32) []v1alpha1.EvaluationKind {
		return []v1alpha1.EvaluationKind{{Name: name, Tasks: 90, MinimumTasks: minimum}}
	}
	found := figures{masks: 3, masksHeldOut: 2, components: 4, facts: 5}
	const most = 3 + 4 + 5*recall.TrainingWordings
	cases := map[string]struct {
		samples int32
		kinds   []v1alpha1.EvaluationKind
		want    []string
	}{
		"enough":                     {samples: most, kinds: kinds(v1alpha1.KindContextualImplementation, 2)},
		"one sample too few":         {samples: most + 1, want: []string{fmt.Sprintf("at most %d training samples", most), fmt.Sprintf("experience.minSamples is %d", most+1), "repository.include"}},
		"too few held-out functions": {kinds: kinds(v1alpha1.KindContextualImplementation, 3), want: []string{"gives 2 tasks of kind ContextualImplementation", "at least 3", "evaluation.holdoutPercent"}},
		"too few facts":              {kinds: kinds(v1alpha1.KindCodebaseQA, 6), want: []string{"gives 5 tasks of kind CodebaseQA", "RepositoryRecall"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recipe := v1alpha1.Recipe{}
			recipe.Experience.MinSamples, recipe.Evaluation.Kinds = c.samples, c.kinds
			err := checkEnough(recipe, found)
			if len(c.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if stage.ClassOf(err) != v1alpha1.FailureData {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
	none := found
	none.masksHeldOut = 0
	if err := checkEnough(v1alpha1.Recipe{Evaluation: v1alpha1.Evaluation{Kinds: kinds(v1alpha1.KindContextualImplementation, 0)}}, none); err == nil {
		t.Error("a kind without any task was accepted")
	}
}

func TestNarrowest(t *testing.T) {
	breadth := map[string]int{"wide": 900, "narrow": 10, "same": 10, "flaky": 1}
	stable := map[string]bool{"wide": true, "narrow": true, "same": true}
	got := narrowest([]string{"flaky", "wide", "same", "narrow"}, stable, breadth)
	if diff := cmp.Diff([]string{"narrow", "same", "wide"}, got); diff != "" {
		t.Error(diff)
	}
	var many []string
	for n := range 100 {
		id := fmt.Sprintf("test%03d", n)
		many, stable[id], breadth[id] = append(many, id), true, n
	}
	if got := narrowest(many, stable, breadth); len(got) != maxMaskTests || got[0] != "test000" {
		t.Errorf("kept %v", got)
	}
}

func TestPlain(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"an address":     {"<Shelf object at 0x7f3a12bc> is not 1", "<Shelf object at 0x...> is not 1"},
		"several lines":  {"first\nsecond", "first"},
		"control and é":  {"a\x1b[31mé", "a?[31m?"},
		"a long message": {strings.Repeat("x", 500), strings.Repeat("x", 160)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plain(c.text); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func statements(from, to int) string {
	var text strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&text, "value%d = work(value%d, %d)\n", n, n-1, n)
	}
	return text.String()
}

func TestCopies(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"the same":                   {statements(0, 9), statements(0, 9), true},
		"the same in another layout": {statements(0, 9), strings.ReplaceAll(statements(0, 9), " = ", "="), true},
		"a part of the other":        {statements(0, 6), statements(0, 30), true},
		"most in common":             {statements(0, 10), statements(4, 16), true},
		"little in common":           {statements(0, 10), statements(8, 20), false},
		"nothing in common":          {statements(0, 9), statements(20, 29), false},
		"too short to tell":          {"return self._items", "return self._items", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sets := newDisjoint(2)
			joinCopies(sets, []fingerprint{fingerprintOf(c.a), fingerprintOf(c.b)})
			if got := sets.find(0) == sets.find(1); got != c.want {
				t.Errorf("joined: %t", got)
			}
		})
	}
}

// Whatever a tree holds, clusters partition its functions, do not depend on the
// order of files, and keep what gives itself away together.
func TestClustersPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inventory, texts := drawTree(t)
		source := func(path string) ([][]byte, error) { return language.Lines([]byte(texts[path])), nil }
		functions, err := functionsOf(inventory, source)
		if err != nil {
			t.Fatal(err)
		}
		clusters := clustersOf(inventory, functions)
		cluster := map[string]string{}
		for _, c := range clusters {
			for at, member := range c.Members {
				if cluster[member.ID] != "" {
					t.Fatalf("%s is in two clusters", member.ID)
				}
				if at == 0 && member.ID != c.ID {
					t.Fatalf("cluster %s begins with %s", c.ID, member.ID)
				}
				cluster[member.ID] = c.ID
			}
		}
		if len(cluster) != len(functions) {
			t.Fatalf("%d of %d functions are in clusters", len(cluster), len(functions))
		}
		bodies := map[string]string{}
		for _, f := range functions {
			print := fingerprintOf(f.text)
			if id := print.identity(); id != "" {
				if other, known := bodies[id]; known && cluster[other] != cluster[f.id] {
					t.Fatalf("%s and %s have one body and two clusters", other, f.id)
				}
				bodies[id] = f.id
			}
		}
		reversed := *inventory
		reversed.Modules = slices.Clone(inventory.Modules)
		slices.Reverse(reversed.Modules)
		again, err := functionsOf(&reversed, source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(clusters, clustersOf(&reversed, again)); diff != "" {
			t.Fatalf("the order of files matters:\n%s", diff)
		}
	})
}

// drawTree draws modules of functions whose bodies are one of a few texts.
func drawTree(t *rapid.T) (*language.Inventory, map[string]string) {
	inventory, texts := &language.Inventory{}, map[string]string{}
	names := []string{"f", "g", "A.f", "A.g", "B.f", "f.<locals>.g"}
	for n := range rapid.IntRange(1, 4).Draw(t, "files") {
		path := fmt.Sprintf("m%d.py", n)
		module := language.Module{Path: path, Name: fmt.Sprintf("m%d", n)}
		for _, class := range []string{"A", "B"} {
			base := rapid.SampledFrom([]string{"", "m0.A", "m1.B", "object"}).Draw(t, "base")
			definition := language.Definition{Name: class, Kind: language.KindClass}
			if base != "" {
				definition.Bases = []string{base}
			}
			module.Definitions = append(module.Definitions, definition)
		}
		for range rapid.IntRange(0, 6).Draw(t, "functions") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			kind := language.KindFunction
			if strings.HasPrefix(name, "A.") || strings.HasPrefix(name, "B.") {
				kind = language.KindMethod
			}
			before := strings.Count(texts[path], "\n")
			from := rapid.IntRange(0, 20).Draw(t, "from")
			texts[path] += statements(from, from+rapid.IntRange(1, 8).Draw(t, "size"))
			module.Definitions = append(module.Definitions, language.Definition{
				Name: name, Kind: kind, BodyStartLine: before + 1, BodyEndLine: strings.Count(texts[path], "\n"),
			})
		}
		inventory.Modules = append(inventory.Modules, module)
	}
	return inventory, texts
}

func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 40).Draw(t, "count")
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		seed := rapid.Int64Range(0, 5).Draw(t, "seed")
		var values []string
		for n := range count {
			values = append(values, fmt.Sprintf("id%d", n))
		}
		id := func(value string) string { return value }
		cluster := func(value string) string { return value[:3] } // id1, id10..id19 are one
		got := choose(values, limit, seed, id, cluster)
		if len(got) != min(count, limit) {
			t.Fatalf("%d of %d chosen, the limit is %d", len(got), count, limit)
		}
		shuffled := rapid.Permutation(values).Draw(t, "order")
		if diff := cmp.Diff(got, choose(shuffled, limit, seed, id, cluster)); diff != "" {
			t.Fatalf("the order of values matters:\n%s", diff)
		}
		seen := map[string]int{}
		last := 0
		for _, value := range got {
			turn := seen[cluster(value)]
			if turn < last {
				t.Fatalf("%v: %s comes after a later turn", got, value)
			}
			last = turn
			seen[cluster(value)]++
		}
	})
}

func TestSymbolsFollowExports(t *testing.T) {
	inventory := &language.Inventory{Modules: []language.Module{
		{Path: "pkg/__init__.py", Name: "pkg", Imports: []language.Import{{Module: "pkg.core", Name: "Core"}, {Module: "pkg", Name: "loop"}}},
		{Path: "pkg/core.py", Name: "pkg.core", Definitions: []language.Definition{{Name: "Core", Kind: language.KindClass}}},
		{Path: "use.py", Name: "use", Imports: []language.Import{{Module: "pkg", Name: "Core", Alias: "C"}, {Module: "json", Name: "dumps"}}},
	}}
	symbols := newSymbols(inventory)
	cases := map[string]struct {
		name string
		want task.Reference
		ok   bool
	}{
		"a definition": {name: "pkg.core.Core", want: task.Reference{Name: "Core", Path: "pkg/core.py"}, ok: true},
		"an export":    {name: "pkg.Core", want: task.Reference{Name: "Core", Path: "pkg/core.py"}, ok: true},
		"a module":     {name: "pkg.core", want: task.Reference{Name: "pkg.core", Path: "pkg/core.py"}, ok: true},
		"elsewhere":    {name: "json.dumps"},
		"a circle":     {name: "pkg.loop"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := symbols.find(c.name)
			if got != c.want || ok != c.ok {
				t.Errorf("got %+v, %t", got, ok)
			}
		})
	}
	bound := symbols.bound(inventory.Modules[2])
	if diff := cmp.Diff(map[string]task.Reference{"C": {Name: "Core", Path: "pkg/core.py"}}, bound); diff != "" {
		t.Error(diff)
	}
}

// Where the tree is that of an earlier commit, a missing dependency is one of that
// commit.
func TestUsableNamesTheEarlierCommit(t *testing.T) {
	report := &language.TestReport{State: language.StateCollectionError, Problems: []language.FileProblem{{Path: "test_a.py", Message: "No module named 'b'"}}}
	for _, parted := range []bool{true, false} {
		err := suite{parted: parted}.usable(report, 1)
		if err == nil || strings.Contains(err.Error(), "earlier commit") != parted {
			t.Errorf("with the newest commits kept from training %v, it says %v", parted, err)
		}
	}
}
