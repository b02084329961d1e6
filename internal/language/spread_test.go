package language_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/language"
)

// drawMutations draws distinct mutations; rare operators are far rarer than others.
func drawMutations(t *rapid.T) []language.Mutation {
	operators, functions := rapid.IntRange(1, 30).Draw(t, "operators"), rapid.IntRange(1, 60).Draw(t, "functions")
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "tree"), 1))
	mutations := make([]language.Mutation, rapid.IntRange(0, 400).Draw(t, "sites"))
	for i := range mutations {
		operator := random.IntN(random.IntN(operators) + 1)
		function := random.IntN(functions)
		mutations[i] = language.Mutation{
			Path:     fmt.Sprintf("m%d.py", function%3),
			Function: fmt.Sprintf("f%d", function),
			Operator: fmt.Sprintf("operator-%d", operator),
			Line:     i + 1, Start: i, End: i + 1,
		}
	}
	return mutations
}

func byFunction(m language.Mutation) string { return m.Path + " " + m.Function }
func byOperator(m language.Mutation) string { return m.Operator }

func count(mutations []language.Mutation, key func(language.Mutation) string) map[string]int {
	counts := map[string]int{}
	for _, mutation := range mutations {
		counts[key(mutation)]++
	}
	return counts
}

// rest lists the mutations that were not drawn.
func rest(all, drawn []language.Mutation) []language.Mutation {
	return slices.DeleteFunc(slices.Clone(all), func(m language.Mutation) bool { return slices.Contains(drawn, m) })
}

func TestSpreadDrawsEachOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, limit, seed := drawMutations(t), rapid.IntRange(-1, 500).Draw(t, "limit"), rapid.Uint64().Draw(t, "seed")
		drawn := language.Spread(all, limit, seed)
		if want := min(max(limit, 0), len(all)); len(drawn) != want || len(rest(all, drawn)) != len(all)-want {
			t.Fatalf("%d of %d are drawn, %d are left, with limit %d", len(drawn), len(all), len(rest(all, drawn)), limit)
		}
		shuffled := slices.Clone(all)
		random := rand.New(rand.NewPCG(seed, 2))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(drawn, language.Spread(shuffled, limit, seed)); diff != "" {
			t.Fatalf("another order of the list gives another draw:\n%s", diff)
		}
	})
}

// Every beginning of a draw takes from no function n+1 times while another one
// that has sites left was taken from less than n times.
func TestSpreadTakesTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawMutations(t)
		drawn := language.Spread(all, rapid.IntRange(0, 400).Draw(t, "limit"), rapid.Uint64().Draw(t, "seed"))
		drawn = drawn[:rapid.IntRange(0, len(drawn)).Draw(t, "beginning")]
		taken, left := count(drawn, byFunction), count(rest(all, drawn), byFunction)
		most := 0
		for _, n := range taken {
			most = max(most, n)
		}
		for function := range left {
			if taken[function] < most-1 {
				t.Fatalf("%s has %d sites left and was drawn from %d times, another %d times", function, left[function], taken[function], most)
			}
		}
	})
}

// A family below its quota has sites left only in functions that had their turn.
func TestSpreadGivesFamiliesTheirShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawMutations(t)
		drawn := language.Spread(all, rapid.IntRange(1, 400).Draw(t, "limit"), rapid.Uint64().Draw(t, "seed"))
		families, turns := count(drawn, byOperator), count(drawn, byFunction)
		quota := len(drawn) / max(20, len(count(all, byOperator)))
		most := 0
		for _, n := range turns {
			most = max(most, n)
		}
		for _, site := range rest(all, drawn) {
			if families[site.Operator] < quota && turns[byFunction(site)] < max(1, most-1) {
				t.Fatalf("%s has %d of a quota of %d, and %s was drawn from %d of %d times",
					site.Operator, families[site.Operator], quota, site.Function, turns[byFunction(site)], most)
			}
		}
	})
}

// With enough functions, all families get the same, and so does every beginning.
func TestSpreadIsEvenWhereItCanBe(t *testing.T) {
	var all []language.Mutation
	for function := range 300 {
		for operator := range 1 + function%10 {
			all = append(all, language.Mutation{
				Path: "m.py", Function: fmt.Sprintf("f%d", function), Operator: fmt.Sprintf("operator-%d", operator),
				Line: 1, Start: function, End: function + 1,
			})
		}
	}
	for seed := range uint64(20) {
		drawn := language.Spread(all, 100, seed)
		for length := 10; length <= 100; length += 10 {
			for operator, n := range count(drawn[:length], byOperator) {
				if n != length/10 {
					t.Errorf("seed %d: %s has %d of the first %d", seed, operator, n, length)
				}
			}
		}
	}
}

// A line that tests execute in one run and not in another must not give another
// draw as a whole.
func TestSpreadIsSteady(t *testing.T) {
	var all []language.Mutation
	for i := range 600 {
		all = append(all, language.Mutation{
			Path: fmt.Sprintf("m%d.py", i%7), Function: fmt.Sprintf("f%d", i%90), Operator: fmt.Sprintf("operator-%d", i*i%17), Line: i + 1, Start: i, End: i + 1,
		})
	}
	const limit = 40
	drawn := language.Spread(all, limit, 1)
	moved, removals := 0, 0
	for i := 0; i < len(all); i += 7 {
		without := slices.Delete(slices.Clone(all), i, i+1)
		moved += len(rest(drawn, language.Spread(without, limit, 1)))
		removals++
	}
	if mean := float64(moved) / float64(removals); mean > 0.1*limit {
		t.Errorf("one site less moves %.1f of %d drawn mutations, want at most a tenth", mean, limit)
	}
}
