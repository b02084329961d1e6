package report

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// The page names the protocol, and calls generalisation what is of later commits
// alone.
func TestPageNamesTheProtocol(t *testing.T) {
	const later = "7c1d2e30aa00bb11cc22dd33ee44ff5566778899"
	tests := map[string]struct {
		change  func(*Report)
		has     []string
		hasNot  []string
		claimed int
	}{
		"Tasks": {
			change: func(*Report) {}, has: []string{"is not called generalisation", "not known"}, hasNot: []string{"Trained on", "Served model before"},
		},
		"Frontier": {
			change: func(r *Report) {
				r.Holdout = Holdout{Protocol: v1alpha1.HoldoutFrontier, Percent: 20, Trained: later, Commits: 60}
				r.Kinds[1].Protocol = v1alpha1.HoldoutFrontier
			},
			has:     []string{"commit " + later, "all commits after it, of which 60 change code and tests", "Generalisation, protocol Frontier"},
			hasNot:  []string{"is not called generalisation", "The gate does not compare"},
			claimed: 1,
		},
		"Prequential": {
			change: func(r *Report) {
				r.Holdout.Protocol, r.Holdout.Prequential = v1alpha1.HoldoutPrequential, &Prequential{After: later, Candidates: 7}
				kind := NewKind(v1alpha1.KindRecord{
					Name: v1alpha1.KindIssueResolution, Protocol: v1alpha1.HoldoutPrequential,
					Arms: []v1alpha1.ArmRecord{{Name: v1alpha1.ArmBase, Successes: "00"}, {Name: v1alpha1.ArmServed, Successes: "10"}},
				})
				if len(kind.Comparisons) > 0 {
					t.Errorf("the candidate, which was not asked, is compared: %+v", kind.Comparisons)
				}
				r.Kinds = append(r.Kinds, kind)
			},
			has:     []string{"tasks of 7 commits after " + later, "Generalisation, protocol Prequential", "The gate does not compare them"},
			hasNot:  []string{"is not called generalisation", "asked for no task"},
			claimed: 1,
		},
		"Prequential without tasks": {
			change: func(r *Report) {
				r.Holdout.Protocol, r.Holdout.Prequential = v1alpha1.HoldoutPrequential, &Prequential{NotAsked: "no model <is> served"}
			},
			has: []string{"asked for no task of later commits: no model &lt;is&gt; served"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := sample()
			test.change(&r)
			var page strings.Builder
			if err := WriteHTML(&page, r); err != nil {
				t.Fatal(err)
			}
			for _, text := range test.has {
				if !strings.Contains(page.String(), text) {
					t.Errorf("the page lacks %q", text)
				}
			}
			for _, text := range test.hasNot {
				if strings.Contains(page.String(), text) {
					t.Errorf("the page has %q", text)
				}
			}
			if claimed := strings.Count(page.String(), "Generalisation, protocol"); claimed != test.claimed {
				t.Errorf("%d kinds are called generalisation", claimed)
			}
		})
	}
}
