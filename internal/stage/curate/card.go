package curate

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// CardSchema names the form of card.json. It changes when a field goes or means
// something else.
const CardSchema = "repoexpert.dev/dataset-card/2"

// Card describes a data set.
type Card struct {
	Schema    string `json:"schema"`
	Commit    string `json:"commit"`
	BaseModel string `json:"baseModel"`
	// Answers is Shuffled for the control experiment.
	Answers v1alpha1.Answers `json:"answers"`
	Shards  int32            `json:"shards"`
	Seed    int64            `json:"seed"`
	Units   []*UnitCard      `json:"units"`
	// Unattributed are the lines of the shards that name no unit of the recipe, by
	// code: they are in no unit's funnel.
	Unattributed map[string]int `json:"unattributed"`
	// Samples, Tokens and Tasks of the whole data set.
	Samples int `json:"samples"`
	Tokens  int `json:"tokens"`
	Tasks   int `json:"tasks"`
	// RealFixes are the trajectories whose task is a commit of the history, and
	// PartialFixes those whose fault is a part of one taken back.
	RealFixes    Part `json:"realFixes"`
	PartialFixes Part `json:"partialFixes"`
	// Bugs are those that Experience verified.
	Bugs BugCard `json:"bugs"`
	// Secrets counts the samples that were dropped for a secret, by gitleaks' rule. A
	// sample can break several rules.
	Secrets  map[string]int `json:"secrets"`
	Licences []Licence      `json:"licences"`
	Checks   []Check        `json:"checks"`
	Limits   Limits         `json:"limits"`
}

// Part is a number of a whole.
type Part struct {
	Count int `json:"count"`
	Of    int `json:"of"`
}

// Limits are what samples were held to.
type Limits struct {
	// MaxTokens of a sample, by the base model's tokenizer; the next in bytes.
	MaxTokens       int32 `json:"maxTokens"`
	MaxLineBytes    int   `json:"maxLineBytes"`
	MaxMessageBytes int   `json:"maxMessageBytes"`
	MaxMessages     int   `json:"maxMessages"`
	// HeldOutRun is the number of words in a row that a sample may not share with
	// held-out code.
	HeldOutRun int `json:"heldOutRun"`
	// The next are percentages.
	NearDuplicate int `json:"nearDuplicatePercent"`
	Contained     int `json:"containedPercent"`
	Cluster       int `json:"clusterPercent"`
	File          int `json:"filePercent"`
	Commit        int `json:"commitPercent"`
}

// UnitCard is the funnel of one unit. It adds up:
//
//	Candidates = NotRun + Run, Run = all Rejected + Verified, Verified = all Dropped + Kept
type UnitCard struct {
	Name v1alpha1.UnitName `json:"name"`
	// Asked is the recipe's number of samples: of facts for questions.
	Asked int32 `json:"asked"`
	// Candidates of the plan that were dealt to the shards. Those not run were not
	// needed: enough others were verified.
	Candidates int64 `json:"candidates"`
	NotRun     int64 `json:"notRun"`
	Run        int64 `json:"run"`
	// Rejected by Experience, by its codes.
	Rejected map[string]int `json:"rejected"`
	// Verified by Experience: the lines of its shards.
	Verified int `json:"verified"`
	// Dropped by Curate, by its codes.
	Dropped map[string]int `json:"dropped"`
	Kept    int            `json:"kept"`
	// Tasks are the distinct tasks, or facts, among the samples kept.
	Tasks int `json:"tasks"`
	// Recovered trajectories hold a failing first edit.
	Recovered  int            `json:"recovered"`
	Provenance map[string]int `json:"provenance"`
	// Flagged counts the samples kept with an observation that may be meant for a
	// model, by family.
	Flagged map[string]int `json:"flagged"`
	Lengths Lengths        `json:"lengths"`
	// CPUSeconds in the sandbox for all candidates that were run.
	CPUSeconds float64 `json:"cpuSeconds"`
}

// Lengths of samples in tokens: percentiles by nearest rank, and the sum.
type Lengths struct {
	Shortest int `json:"shortest"`
	Median   int `json:"median"`
	P90      int `json:"p90"`
	P99      int `json:"p99"`
	Longest  int `json:"longest"`
	All      int `json:"all"`
}

func newCard(env stage.Env, commit string, licences []Licence) *Card {
	r := env.Spec.Recipe
	card := &Card{
		Schema: CardSchema, Commit: commit, BaseModel: r.BaseModel.Name, Answers: r.Training.Answers,
		Shards: env.Spec.Shards, Seed: r.Experience.Seed, Licences: licences,
		Unattributed: map[string]int{}, Secrets: map[string]int{}, Checks: []Check{},
		Limits: Limits{
			MaxTokens: r.Training.MaxLength, MaxLineBytes: maxLine, MaxMessageBytes: maxMessageBytes, MaxMessages: maxMessages,
			HeldOutRun: gramWords, NearDuplicate: nearPercent, Contained: containedPercent,
			Cluster: clusterPercent, File: filePercent, Commit: commitPercent,
		},
	}
	for _, unit := range r.Experience.Units {
		card.Units = append(card.Units, &UnitCard{
			Name: unit.Name, Asked: unit.Samples, Rejected: map[string]int{}, Dropped: map[string]int{},
			Provenance: map[string]int{}, Flagged: map[string]int{},
		})
	}
	return card
}

// unit returns the card of a unit; nil for one that the recipe does not list.
func (c *Card) unit(name v1alpha1.UnitName) *UnitCard {
	for _, unit := range c.Units {
		if unit.Name == name {
			return unit
		}
	}
	return nil
}

// read counts a line of a shard's samples; code says why it is no sample.
func (c *Card) read(name v1alpha1.UnitName, code string) {
	unit := c.unit(name)
	if unit == nil {
		c.Unattributed[cmp.Or(code, refusedUnit)]++
		return
	}
	unit.Verified++
	if code != "" {
		unit.Dropped[code]++
	}
}

// rejected counts a line of a shard's rejections.
func (c *Card) rejected(name v1alpha1.UnitName, code string) {
	unit := c.unit(name)
	if unit == nil {
		c.Unattributed[unattributedRejection]++
		return
	}
	if _, known := unit.Rejected[code]; !known && len(unit.Rejected) >= maxRejectionCodes {
		code = otherRejection
	}
	unit.Rejected[code]++
}

// shard adds what the manifest of one shard says of candidates and cost, within
// bounds that keep the sums numbers.
func (c *Card) shard(counts map[string]int64) {
	for _, unit := range c.Units {
		unit.Candidates += min(max(0, counts[string(unit.Name)+".candidates"]), maxSamples)
		unit.CPUSeconds += float64(min(max(0, counts[string(unit.Name)+".cpuMillis"]), maxCPUSeconds*1000)) / 1000
	}
}

// closeFunnel derives the first numbers of each funnel from the lines that were
// read. A manifest that knows of fewer candidates than there are lines is not
// believed.
func (c *Card) closeFunnel() {
	for _, unit := range c.Units {
		unit.Run = int64(sum(unit.Rejected) + unit.Verified)
		unit.NotRun = max(0, unit.Candidates-unit.Run)
		unit.Candidates = unit.NotRun + unit.Run
	}
}

// sift returns the samples that have no code, and counts the others.
func (c *Card) sift(samples []task.Sample, codes []string) []task.Sample {
	var kept []task.Sample
	for i, sample := range samples {
		if codes[i] != "" {
			c.drop(sample, codes[i])
			continue
		}
		kept = append(kept, sample)
	}
	return kept
}

func (c *Card) drop(sample task.Sample, code string) { c.unit(sample.Meta.Unit).Dropped[code]++ }

// secrets counts the rules that samples break and returns the samples' codes.
func (c *Card) secrets(broken [][]string) []string {
	codes := make([]string, len(broken))
	for i, rules := range broken {
		for _, rule := range rules {
			c.Secrets[rule]++
			codes[i] = dropSecret
		}
	}
	return codes
}

// finish fills in what the samples that were kept say. flags are the families of
// their observations, in their order.
func (c *Card) finish(kept []task.Sample, flags []map[string]bool, checks []Check) {
	lengths, tasks := map[v1alpha1.UnitName][]int{}, map[v1alpha1.UnitName]map[string]bool{}
	for i, sample := range kept {
		unit := c.unit(sample.Meta.Unit)
		unit.Kept++
		unit.Provenance[sample.Meta.Provenance]++
		if sample.Meta.Recovered {
			unit.Recovered++
		}
		for family := range flags[i] {
			unit.Flagged[family]++
		}
		if tasks[unit.Name] == nil {
			tasks[unit.Name] = map[string]bool{}
		}
		tasks[unit.Name][taskOf(sample)] = true
		lengths[unit.Name] = append(lengths[unit.Name], sample.Meta.Tokens)
		c.Tokens += sample.Meta.Tokens
		if !isQuestion(sample) {
			c.RealFixes.Of++
			c.PartialFixes.Of++
		}
		switch {
		case strings.HasPrefix(sample.Meta.TaskID, partialPrefix):
			c.PartialFixes.Count++
		case sourceCommit(sample.Meta.TaskID) != "":
			c.RealFixes.Count++
		}
	}
	c.Samples = len(kept)
	for _, unit := range c.Units {
		unit.Tasks = len(tasks[unit.Name])
		unit.Lengths = lengthsOf(lengths[unit.Name])
		c.Tasks += unit.Tasks
	}
	c.Checks = checks
}

// taskOf is a sample's task; of a question its fact, whose id that of each wording
// begins with.
func taskOf(sample task.Sample) string {
	if !isQuestion(sample) {
		return sample.Meta.TaskID
	}
	fact, _, _ := strings.Cut(sample.Meta.TaskID, "-t")
	return fact
}

func lengthsOf(lengths []int) Lengths {
	if len(lengths) == 0 {
		return Lengths{}
	}
	slices.Sort(lengths)
	all := 0
	for _, length := range lengths {
		all += length
	}
	rank := func(percent int) int { return lengths[(percent*len(lengths)+99)/100-1] }
	return Lengths{Shortest: lengths[0], Median: rank(50), P90: rank(90), P99: rank(99), Longest: rank(100), All: all}
}

// lines is how many lines of samples the shards hold.
func (c *Card) lines() int {
	all := sum(c.Unattributed) - c.Unattributed[unattributedRejection]
	for _, unit := range c.Units {
		all += unit.Verified
	}
	return all
}

// dropped sums the drops by code.
func (c *Card) dropped() map[string]int {
	total := maps.Clone(c.Unattributed)
	delete(total, unattributedRejection)
	for _, unit := range c.Units {
		for code, n := range unit.Dropped {
			total[code] += n
		}
	}
	return total
}

// droppedText lists the drops, for a message.
func (c *Card) droppedText() string {
	total := c.dropped()
	var parts []string
	for _, code := range sortedKeys(total) {
		parts = append(parts, fmt.Sprintf("%d %s", total[code], code))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// reportedCodes bounds the codes in the run's status, which takes few counts; the
// card has all.
const reportedCodes = 8

// counts are the figures for the run's status: of the codes the commonest ones.
func (c *Card) counts() map[string]int64 {
	counts := map[string]int64{"samples": int64(c.Samples), "tokens": int64(c.Tokens)}
	if c.Bugs.Verified > 0 {
		counts["bugs"], counts["bugs.oneTest"] = int64(c.Bugs.Verified), int64(c.Bugs.OneTest.Count)
	}
	for _, unit := range c.Units {
		counts[string(unit.Name)] = int64(unit.Kept)
		counts[string(unit.Name)+".tasks"] = int64(unit.Tasks)
	}
	total := c.dropped()
	codes := sortedKeys(total)
	slices.SortStableFunc(codes, func(a, b string) int { return cmp.Compare(total[b], total[a]) })
	for _, code := range codes[:min(len(codes), reportedCodes)] {
		counts["dropped."+code] = int64(total[code])
	}
	return counts
}

//go:embed card.md.tmpl
var cardText string

var cardTemplate = template.Must(template.New("card").Funcs(template.FuncMap{
	"sum": sum,
	"add": func(a, b int) int { return a + b },
	"percent": func(count, of int) string {
		if of == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(count)/float64(of))
	},
	"meaning": func(code string) string { return meanings[code] },
	"join":    func(texts []string) string { return strings.Join(texts, ", ") },
}).Parse(cardText))

func sum(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

func (c *Card) text() ([]byte, error) {
	var text bytes.Buffer
	if err := cardTemplate.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("rendering the card: %w", err)
	}
	return text.Bytes(), nil
}

// Codes lists the codes of all drops, sorted: the card says what they mean.
func (c *Card) Codes() []string { return sortedKeys(c.dropped()) }

// AnyFlagged says whether any sample that was kept shows text for a model.
func (c *Card) AnyFlagged() bool {
	return slices.ContainsFunc(c.Units, func(unit *UnitCard) bool { return len(unit.Flagged) > 0 })
}

func sorted(set map[string]bool) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(set))))
}

func sortedKeys(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }
