package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// kindView is a kind as the template shows it.
type kindView struct {
	Anchor, Title, Name, Measures, Sampling string
	Protocol                                string
	Headline                                string
	Scores, GroupPlot                       Plot
	Guess, Majority                         string
	Arms                                    []armRow
	HasMacro                                bool
	Legend                                  []legend
	Groups                                  []groupRow
	Comparisons                             []comparisonRow
	Compositions                            []armRow
	Effort                                  []effortRow
	Models                                  []string
	Tasks                                   []taskRow
	LeftOut                                 string
	Episodes                                []episodeRow
	Excerpts                                []excerpt
}

type armRow struct{ Model, Class, Solved, Percent, Interval, Macro string }

type legend struct {
	Title, Class string
	Square       bool
}

type groupRow struct {
	Name            string
	Solved          []row
	Guess, Majority string
}

type comparisonRow struct{ With, Gained, Lost, McNemar string }

type effortRow struct{ Model, SecondsPerSolved, TokensPerSolved, Seconds, Read, Written string }

type episodeRow struct{ Model, Episodes, MeanTurns, RightFile, FormatErrors, Empty, Endings string }

func newKindView(k Kind, anchor string) kindView {
	v := kindView{
		Anchor: anchor, Title: title(k), Name: shown(string(k.Name), maxLabel), Measures: shown(k.Measures, MaxText),
		Protocol: protocol(k.Protocol), Sampling: sampling(k.Sampling), Headline: headline(k), Scores: scorePlot(k),
		Guess: optional(k.Guess, percent, ""), Majority: optional(k.Majority, percent, ""),
		Comparisons: comparisons(k.Comparisons), Effort: efforts(k.Arms), Episodes: episodes(k.Arms),
	}
	for _, a := range k.Arms {
		v.Arms = append(v.Arms, newArmRow(a))
		v.HasMacro = v.HasMacro || a.Macro != nil
		if !isControl(a.Name) {
			v.Models = append(v.Models, armTitle(a.Name))
			v.Legend = append(v.Legend, legend{armTitle(a.Name), armClass(a.Name), a.Name == v1alpha1.ArmServed})
		}
	}
	for _, a := range k.Compositions {
		v.Compositions = append(v.Compositions, newArmRow(a))
	}
	if len(k.Groups) > 0 {
		v.GroupPlot, v.Groups = groupPlot(k), groups(k)
	}
	v.addTasks(k)
	return v
}

// protocol labels a kind whose tasks are of later commits; empty for others.
func protocol(of v1alpha1.Holdout) string {
	switch of {
	case "":
		return ""
	case v1alpha1.HoldoutPrequential:
		return "Generalisation, protocol Prequential: no model that was asked was trained on the commits of these tasks. The gate does not compare them."
	default:
		return "Generalisation, protocol " + shown(string(of), maxLabel) + ": no model that was asked was trained on the commits of these tasks."
	}
}

// title names a kind and its variant.
func title(k Kind) string {
	if k.Variant == "" {
		return kindTitle(k.Name)
	}
	return kindTitle(k.Name) + ", " + shown(k.Variant, maxLabel)
}

func newArmRow(a Arm) armRow {
	return armRow{armTitle(a.Name), armClass(a.Name), ratio(a.Score), percent(a.Percent), interval(a.Score), optional(a.Macro, percent, none)}
}

// headline says in a sentence what came out.
func headline(k Kind) string {
	var parts []string
	for _, name := range []v1alpha1.ArmName{v1alpha1.ArmCandidate, v1alpha1.ArmBase, v1alpha1.ArmServed, v1alpha1.ArmAnchor} {
		for _, a := range k.Arms {
			if a.Name == name {
				parts = append(parts, fmt.Sprintf("the %s %s (%s)", strings.ToLower(armTitle(name)), ratio(a.Score), percent(a.Percent)))
			}
		}
	}
	if len(parts) == 0 {
		return "No model was asked."
	}
	text := "Solved: " + strings.Join(parts, ", ") + "."
	if k.Guess != nil && k.Majority != nil {
		text += fmt.Sprintf(" Guessing would give %s, the commonest answer %s.", percent(*k.Guess), percent(*k.Majority))
	}
	return text
}

func sampling(s Sampling) string {
	text := fmt.Sprintf("%s, version %d; at most %d tokens a turn", shown(string(s.Name), maxLabel), s.Version, s.MaxTokens)
	if s.Agent != "" {
		text += fmt.Sprintf("; agent %s with at most %s", shown(s.Agent, maxLabel), count(s.MaxTurns, "turn", "turns"))
	}
	return text
}

func comparisons(list []Comparison) []comparisonRow {
	rows := make([]comparisonRow, 0, len(list))
	for _, c := range list {
		rows = append(rows, comparisonRow{armTitle(c.With), fmt.Sprint(c.Gained), fmt.Sprint(c.Lost), chance(c.McNemar)})
	}
	return rows
}

func groups(k Kind) []groupRow {
	rows := make([]groupRow, 0, len(k.Groups))
	for _, g := range k.Groups {
		r := groupRow{Name: shown(g.Name, maxLabel), Guess: optional(g.Guess, percent, none), Majority: optional(g.Majority, percent, none)}
		for _, a := range g.Arms {
			if !isControl(a.Name) {
				r.Solved = append(r.Solved, row{armTitle(a.Name), ratio(a.Score)})
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func efforts(arms []Arm) []effortRow {
	var rows []effortRow
	for _, a := range arms {
		if e := a.Effort; e != nil {
			rows = append(rows, effortRow{
				Model: armTitle(a.Name), SecondsPerSolved: optional(e.SecondsPerSolved, decimal, "none solved"),
				TokensPerSolved: optional(e.TokensPerSolved, whole, "none solved"), Seconds: decimal(e.Seconds),
				Read: fmt.Sprint(e.PromptTokens), Written: fmt.Sprint(e.CompletionTokens),
			})
		}
	}
	return rows
}

func episodes(arms []Arm) []episodeRow {
	var rows []episodeRow
	for _, a := range arms {
		if a.Effort != nil && a.Effort.Episodes != nil {
			e := a.Effort.Episodes
			rows = append(rows, episodeRow{
				Model: armTitle(a.Name), Episodes: fmt.Sprint(e.Episodes), MeanTurns: decimal(e.MeanTurns),
				RightFile:    optional(e.RightFileEarly, func(n int) string { return fmt.Sprint(n) }, none),
				FormatErrors: fmt.Sprint(e.FormatErrors), Empty: fmt.Sprint(e.EmptySubmissions), Endings: endings(e.Endings),
			})
		}
	}
	return rows
}

func endings(counts map[string]int) string {
	parts := make([]string, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], shown(name, maxLabel)))
	}
	return strings.Join(parts, ", ")
}
