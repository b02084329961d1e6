package symptom

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
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
	r := NewRoutes(shop())
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
			from, _ := r.Find("shop.py", test.from)
			to, _ := r.Find("shop.py", test.to)
			var got []string
			for _, p := range r.Route(from, to) {
				got = append(got, p.Definition.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if r.Route(Place{}, Place{}) != nil {
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
	r := NewRoutes(inventory)
	from, _ := r.Find("shop.py", "price")
	to, _ := r.Find("shop.py", "Tax.rate")
	if way := r.Route(from, to); way != nil {
		t.Errorf("got %v", way)
	}
}

// faultIn is a fault in one line of shop.py that test_buy shows.
func faultIn(t *testing.T, line int, now, then string) grading.Task {
	t.Helper()
	lines := make([]string, 40)
	for n := range lines {
		lines[n] = "x"
	}
	lines[line-1] = now
	fixed := strings.Join(lines, "\n")
	lines[line-1] = then
	return grading.Task{
		Broken: grading.Edits{"shop.py": []byte(strings.Join(lines, "\n"))}, Fixed: grading.Edits{"shop.py": []byte(fixed)},
		FailToPass: []string{"tests/test_shop.py::test_buy[1]", "tests/test_shop.py::test_none"},
	}
}

// wording marks which of its texts was taken.
var wording = Wording{
	Bare:    func(place string) string { return "bare: " + place },
	Place:   func(place string) string { return "at " + place },
	Message: func(place, message string) string { return message + " at " + place },
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
			got, found := NewRoutes(shop()).Symptom(faultIn(t, test.line, "good", "bad"))
			if found != test.found || found && (got.Entry.Definition.Name != test.entry || Hops(got.Ways) != test.hops) {
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
			fault := faultIn(t, 2, "    return added_name", "    return x")
			fault.Message = test.message
			s, _ := NewRoutes(shop()).Symptom(fault)
			text := s.Issue(fault, "", wording)
			if told := test.message != "" && strings.Contains(text, test.message); told != test.told {
				t.Errorf("got %q", text)
			}
			if !strings.Contains(text, "`buy` in shop.py") {
				t.Errorf("got %q", text)
			}
		})
	}
}

// The commit's own words come first, with where it shows if they do not say.
func TestIssueInWordsOfTheCommit(t *testing.T) {
	fault := faultIn(t, 2, "a", "b")
	s, _ := NewRoutes(shop()).Symptom(fault)
	tests := map[string]struct {
		symptom     Symptom
		words, want string
	}{
		"nowhere":          {Symptom{}, "Buying fails.", "Buying fails."},
		"somewhere":        {s, "Buying fails.", "Buying fails.\n\nat `buy` in shop.py"},
		"they say it also": {s, "To buy fails.", "To buy fails."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.symptom.Issue(fault, test.words, wording); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
