package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// page is what the template shows: all its text is safe to look at, all its
// numbers are written out.
type page struct {
	Project, Commit string
	Verdict         verdict
	Kinds           []kindView
	About           []row
	Holdout         []row
	Protocol        string
	Seen            []seenRow
	Training        []row
	Provenance      []row
}

// row is a name with a value.
type row struct{ Name, Value string }

// verdict is the gate's; Class names its colours.
type verdict struct{ Word, Class, Reason, Source string }

type seenRow struct{ Model, Facts, Tasks, Clusters, Newest string }

func newPage(r Report) page {
	p := page{
		Project: projectOf(r.Run.Repository), Commit: shortCommit(r.Run.Commit),
		Verdict: newVerdict(r.Decision), About: about(r.Run), Holdout: holdout(r.Holdout), Protocol: protocolNote(r.Holdout.Protocol),
		Training: training(r.Training), Provenance: provenance(r),
	}
	for i, k := range r.Kinds {
		p.Kinds = append(p.Kinds, newKindView(k, fmt.Sprintf("kind-%d", i+1)))
	}
	for _, s := range r.Seen {
		p.Seen = append(p.Seen, seenRow{armTitle(s.Arm), fmt.Sprint(s.Facts), fmt.Sprint(s.Tasks), fmt.Sprint(s.Clusters), cmp.Or(shortCommit(s.Newest), "not known")})
	}
	return p
}

func newVerdict(d *Decision) verdict {
	if d == nil {
		return verdict{
			Word: "Not decided in this file", Class: "open",
			Reason: "The operator's manager decides from the record below, after this report was written. The verdict stands in the status of the run.",
		}
	}
	v := verdict{
		Word: "Not promoted", Class: "reject", Reason: shown(d.Reason, maxReason),
		Source: fmt.Sprintf("Decided %s in run %s.", shown(d.Time, maxLabel), shown(d.Run, maxLabel)),
	}
	switch d.Decision {
	case v1alpha1.DecisionPromote:
		v.Word, v.Class = "Promoted", "promote"
	case v1alpha1.DecisionReject:
	default:
		v.Word, v.Class = shown(string(d.Decision), maxLabel), "open"
	}
	return v
}

// maxReason bounds a verdict's reason as the API does, in bytes.
const maxReason = 1024

func about(r Run) []row {
	base := shown(r.BaseModel, maxLabel)
	if r.BaseRevision != "" {
		base += ", revision " + shown(r.BaseRevision, maxLabel)
	}
	served := "none: this is the first, or nothing was promoted before"
	if r.ServedCommit != "" {
		served = "the expert at commit " + shown(r.ServedCommit, maxLabel)
	}
	expert := absent
	if r.Expert != "" {
		expert = shown(r.Namespace, maxLabel) + "/" + shown(r.Expert, maxLabel) + ", run " + shown(r.Name, maxLabel)
	}
	return []row{
		{"Repository", shown(r.Repository, 2*MaxText)},
		{"Commit", shown(r.Commit, maxLabel)},
		{"Expert", expert},
		{"Base model", base},
		{"Served model", served},
		{"Answered by", shown(string(r.Engine), maxLabel) + " on " + cmp.Or(shown(string(r.Device), maxLabel), "a device that is not recorded")},
	}
}

func holdout(h Holdout) []row {
	rows := []row{
		{"Protocol", shown(string(h.Protocol), maxLabel)},
		{"Share held out", fmt.Sprintf("%d%s%% of the clusters of functions", h.Percent, space)},
	}
	if h.Trained != "" {
		rows = append(rows,
			row{"Trained on", "commit " + shown(h.Trained, maxLabel)},
			row{"Kept from training", fmt.Sprintf("all commits after it, of which %d change code and tests", h.Commits)})
	}
	if p := h.Prequential; p != nil {
		rows = append(rows, row{"Served model before its next training", p.sentence()})
	}
	for _, reason := range slices.Sorted(maps.Keys(h.Refused)) {
		rows = append(rows, row{"Held out, but no task", fmt.Sprintf("%d: %s", h.Refused[reason], shown(reason, maxLabel))})
	}
	if h.NotCompared > 0 {
		rows = append(rows, row{"Facts not asked", fmt.Sprintf("%d, which the served model was not taught, or with another answer", h.NotCompared)})
	}
	return rows
}

// sentence says what base and served model were asked of later commits.
func (p Prequential) sentence() string {
	if p.NotAsked != "" {
		return "asked for no task of later commits: " + shown(p.NotAsked, MaxText)
	}
	return fmt.Sprintf("asked, with the base model, for tasks of %s after %s, the newest that it was trained on",
		count(p.Candidates, "commit", "commits"), shown(p.After, maxLabel))
}

// protocolNote says what a protocol's scores mean.
func protocolNote(protocol v1alpha1.Holdout) string {
	switch protocol {
	case v1alpha1.HoldoutFrontier:
		return "The protocol Frontier trains on an earlier commit. Kinds that say so have tasks of the commits after it, which no compared model was trained on: these scores are generalisation. " +
			"All other kinds are of the commit that was trained on, and are not."
	case v1alpha1.HoldoutPrequential:
		return "The protocol Prequential compares models as Tasks does, by functions that were held out at one commit: that is not generalisation. " +
			"Apart from it, the served model and the base model work on tasks of the commits since the served model was trained, which it cannot have seen: these scores are generalisation, and decide nothing, since the candidate may have been trained on these commits."
	default:
		return "The protocol Tasks splits the functions of one commit. It says nothing about later commits and is not called generalisation."
	}
}

func training(t *Training) []row {
	if t == nil {
		return nil
	}
	rows := []row{
		{"Method", shown(string(t.Method), maxLabel)},
		{"Samples", fmt.Sprint(t.Samples)},
		{"Steps", fmt.Sprint(t.Steps)},
		{"Tokens over all passes", fmt.Sprint(t.Tokens)},
		{"Seconds", optional(t.Seconds, func(s int64) string { return fmt.Sprint(s) }, "not in this file: a sealed model holds no times")},
	}
	for _, b := range t.BreakEven {
		rows = append(rows, row{"Paid for itself", fmt.Sprintf("after %.1f solved tasks of %s: the seconds saved against the base model equal those of training", b.Solved, kindTitle(b.Kind))})
	}
	if t.Seconds != nil && len(t.BreakEven) == 0 {
		rows = append(rows, row{"Paid for itself", "not known: no kind where both models solved a task and the candidate took less time for it"})
	}
	return rows
}

func provenance(r Report) []row {
	served := none
	if r.Record.ServedDigest != "" {
		served = shown(r.Record.ServedDigest, maxLabel)
	}
	rows := []row{
		{"Report, version of the schema", fmt.Sprint(r.Version)},
		{"Fingerprint of the evaluation", shown(r.Record.Fingerprint, maxLabel)},
		{"Candidate", shown(r.Record.CandidateDigest, maxLabel)},
		{"Served model", served},
		{"Record", shown(r.Record.Protocol, MaxText)},
	}
	for _, u := range r.Reused {
		rows = append(rows, row{armTitle(u.Arm), reuse(u)})
	}
	if r.Decision != nil {
		rows = append(rows, row{"Gate", shown(r.Decision.GateDigest, maxLabel)})
	}
	return rows
}

// reuse says what became of kept results.
func reuse(u Reused) string {
	again := count(u.AskedAgain, "task was", "tasks were") + " asked again to compare"
	if u.Drifted {
		return "results of an earlier evaluation were there; " + again + " and came out otherwise than is explained, so all results are new"
	}
	return "results of an earlier evaluation of the same tasks; " + again + " and came out as is explained"
}
