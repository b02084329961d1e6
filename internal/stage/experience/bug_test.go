package experience

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// shop is an inventory: test_buy calls buy, which calls price, which names Tax.rate.
func shop() *language.Inventory {
	function := func(name string, kind language.DefinitionKind, start, end int, calls, names []string) language.Definition {
		return language.Definition{Name: name, Kind: kind, StartLine: start, EndLine: end, BodyStartLine: start + 1, BodyEndLine: end, Calls: calls, Names: names}
	}
	return &language.Inventory{Modules: []language.Module{
		{Path: "shop.py", Name: "shop", Lines: 40, Definitions: []language.Definition{
			function("buy", language.KindFunction, 1, 4, []string{"shop.price"}, []string{"price"}),
			function("price", language.KindFunction, 6, 10, nil, []string{"rate"}),
			function("Tax", language.KindClass, 12, 20, nil, nil),
			function("Tax.rate", language.KindMethod, 13, 16, nil, nil),
			function("alone", language.KindFunction, 22, 24, nil, nil),
			function("loop", language.KindFunction, 26, 28, []string{"shop.loop"}, []string{"loop"}),
		}},
		{Path: "tests/test_shop.py", Name: "test_shop", IsTest: true, Lines: 20, Definitions: []language.Definition{
			function("test_buy", language.KindFunction, 1, 3, []string{"shop.buy"}, []string{"buy"}),
			function("test_none", language.KindFunction, 5, 7, nil, nil),
		}},
	}}
}

func TestRoute(t *testing.T) {
	r := newRoutes(shop())
	tests := map[string]struct {
		from, to string
		want     []string
	}{
		"itself":                {"buy", "buy", []string{"buy"}},
		"a call":                {"buy", "price", []string{"buy", "price"}},
		"a call and a name":     {"buy", "Tax.rate", []string{"buy", "price", "Tax.rate"}},
		"nothing leads there":   {"buy", "alone", nil},
		"not backwards":         {"price", "buy", nil},
		"a call of itself ends": {"loop", "buy", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			from, _ := r.find("shop.py", test.from)
			to, _ := r.find("shop.py", test.to)
			var got []string
			for _, p := range r.route(from, to) {
				got = append(got, p.definition.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if r.route(place{}, place{}) != nil {
		t.Error("a place that is not in the inventory has a route")
	}
}

// A name that many definitions share is no lead.
func TestNamesakesAreNotFollowed(t *testing.T) {
	inventory := shop()
	for n := range maxNamesakes {
		inventory.Modules = append(inventory.Modules, language.Module{
			Path: strings.Repeat("x", n+1) + ".py", Definitions: []language.Definition{{Name: "rate", Kind: language.KindFunction, StartLine: 1, EndLine: 2}},
		})
	}
	r := newRoutes(inventory)
	from, _ := r.find("shop.py", "price")
	to, _ := r.find("shop.py", "Tax.rate")
	if way := r.route(from, to); way != nil {
		t.Errorf("got %v", way)
	}
}

// bugIn is a bug in one line of shop.py that test_buy shows.
func bugIn(t *testing.T, line int, now, then string) bug {
	t.Helper()
	lines := make([]string, 40)
	for n := range lines {
		lines[n] = "x"
	}
	lines[line-1] = now
	fixed := strings.Join(lines, "\n")
	lines[line-1] = then
	return bug{
		routes: newRoutes(shop()),
		task: grading.Task{
			Broken: grading.Edits{"shop.py": []byte(strings.Join(lines, "\n"))}, Fixed: grading.Edits{"shop.py": []byte(fixed)},
			FailToPass: []string{"tests/test_shop.py::test_buy[1]", "tests/test_shop.py::test_none"},
		},
	}
}

func TestSymptom(t *testing.T) {
	tests := map[string]struct {
		line  int
		found bool
		entry string
		hops  int
	}{
		"where the test calls":  {2, true, "buy", 1},
		"one call away":         {7, true, "buy", 2},
		"in a method":           {14, true, "buy", 3},
		"nothing leads there":   {23, true, "alone", 1},
		"outside of functions":  {30, false, "", 0},
		"in a class's own line": {18, false, "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, found := bugIn(t, test.line, "good", "bad").symptom()
			if found != test.found || found && (got.entry.definition.Name != test.entry || hops(got.ways) != test.hops) {
				t.Errorf("got %v, %+v", found, got)
			}
		})
	}
}

func TestIssueGivesNothingAway(t *testing.T) {
	tests := map[string]struct {
		message string
		told    bool
	}{
		"no message":               {"", false},
		"what happens":             {"AssertionError: assert 3 == 4", true},
		"a name that is there":     {"assert x == 4", true},
		"a name of the repair":     {"NameError: added_name", false},
		"the name of a test":       {"test_buy failed", false},
		"a part of another word":   {"added_names", true},
		"an attribute of a repair": {"no attribute 'added_name'", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := bugIn(t, 2, "    return added_name", "    return x")
			b.message = test.message
			s, _ := b.symptom()
			text := b.issue(s, &thoughts{id: name})
			if told := test.message != "" && strings.Contains(text, test.message); told != test.told {
				t.Errorf("got %q", text)
			}
			if !strings.Contains(text, "`buy` in shop.py") {
				t.Errorf("got %q", text)
			}
		})
	}
	b := bugIn(t, 2, "a", "b")
	b.replay.Issue = "Buying fails."
	if got := b.issue(symptom{}, &thoughts{}); got != "Buying fails." {
		t.Errorf("the commit's own words are not taken: %q", got)
	}
	s, _ := b.symptom()
	if got := b.issue(s, &thoughts{}); !strings.HasPrefix(got, "Buying fails.\n\n") || !strings.Contains(got, "`buy` in shop.py") {
		t.Errorf("it is not said where it shows: %q", got)
	}
	b.replay.Issue = "To buy fails."
	if got := b.issue(s, &thoughts{}); got != "To buy fails." {
		t.Errorf("what was said is said again: %q", got)
	}
}

// The lines of a place follow what the bug adds or removes above and in it.
func TestBrokenLines(t *testing.T) {
	fixed := "a\nb\nc\nd\ne\nf\n"
	tests := map[string]struct {
		broken string
		want   task.Lines
	}{
		"same length":     {"a\nb\nc\nx\ne\nf\n", task.Lines{Start: 3, End: 5}},
		"lines above":     {"a\nnew\nold\nb\nc\nd\ne\nf\n", task.Lines{Start: 5, End: 7}},
		"removed above":   {"b\nc\nd\ne\nf\n", task.Lines{Start: 2, End: 4}},
		"longer inside":   {"a\nb\nc\nd\nnew\ne\nf\n", task.Lines{Start: 3, End: 6}},
		"shorter inside":  {"a\nb\nc\ne\nf\n", task.Lines{Start: 3, End: 4}},
		"a change below":  {"a\nb\nc\nd\ne\nnew\nf\n", task.Lines{Start: 3, End: 5}},
		"the whole place": {"a\nb\nx\nf\n", task.Lines{Start: 3, End: 3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := repairer{bug: bug{task: grading.Task{Broken: grading.Edits{"f": []byte(test.broken)}, Fixed: grading.Edits{"f": []byte(fixed)}}}}
			p := place{module: language.Module{Path: "f"}, definition: language.Definition{StartLine: 3, EndLine: 5}}
			if got := r.brokenLines(p); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A wrong first edit changes one hunk of the repair and no other place.
func TestWrongText(t *testing.T) {
	broken, fixed := "a\nb\nc\nd\n", "a\nx + 1\nc\ny + 2\n"
	t1 := grading.Task{Broken: grading.Edits{"f": []byte(broken)}, Fixed: grading.Edits{"f": []byte(fixed)}}
	edits, code := repairsOf(t1)
	if code != "" || len(edits) != 2 || edits[0].Lines.Start != 4 {
		t.Fatalf("got %v, %q", edits, code)
	}
	at := strings.Index(fixed, "2")
	hunk, text, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: at, End: at + 1, Replacement: "3"})
	if !ok || hunk != 0 || !cmp.Equal(text, []string{"y + 3"}) {
		t.Errorf("got %d, %q, %v", hunk, text, ok)
	}
	elsewhere := strings.Index(fixed, "c")
	if _, _, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: elsewhere, End: elsewhere + 1, Replacement: "z"}); ok {
		t.Error("a fault in a line that is not repaired is taken")
	}
	if _, _, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: 0, End: 1 << 20}); ok {
		t.Error("a fault beyond the file is taken")
	}
}
