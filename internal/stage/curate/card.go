package curate

import (
	"bytes"
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

// Card describes a data set.
type Card struct {
	Commit    string `json:"commit"`
	BaseModel string `json:"baseModel"`
	// Answers is Shuffled for the control experiment.
	Answers   v1alpha1.Answers `json:"answers"`
	MaxLength int32            `json:"maxLength"`
	Shards    int32            `json:"shards"`
	Seed      int64            `json:"seed"`
	Units     []*UnitCard      `json:"units"`
	// Samples and Tokens of the whole data set.
	Samples   int       `json:"samples"`
	Tokens    int       `json:"tokens"`
	Diversity Diversity `json:"diversity"`
}

// UnitCard is the funnel of one unit: of the candidates that Experience ran, it
// kept some; those read are either dropped, by code, or trained.
type UnitCard struct {
	Name       v1alpha1.UnitName `json:"name"`
	Candidates int64             `json:"candidates"`
	Run        int64             `json:"run"`
	Kept       int64             `json:"kept"`
	Read       int               `json:"read"`
	Dropped    map[string]int    `json:"dropped"`
	Trained    int               `json:"trained"`
	// Tasks are the distinct tasks, or facts, among the trained samples.
	Tasks int `json:"tasks"`
	// Recovered trajectories hold a failing first edit.
	Recovered  int            `json:"recovered"`
	Provenance map[string]int `json:"provenance"`
	Lengths    Lengths        `json:"lengths"`
	// CPUSeconds in the sandbox for the samples that reached the tokenizer.
	CPUSeconds float64 `json:"cpuSeconds"`
}

// Lengths of samples in tokens.
type Lengths struct {
	Shortest int `json:"shortest"`
	Median   int `json:"median"`
	Longest  int `json:"longest"`
	All      int `json:"all"`
}

func newCard(env stage.Env) *Card {
	r := env.Spec.Recipe
	card := &Card{
		Commit: env.Spec.Commit, BaseModel: r.BaseModel.Name, Answers: r.Training.Answers,
		MaxLength: r.Training.MaxLength, Shards: env.Spec.Shards, Seed: r.Experience.Seed,
	}
	for _, unit := range r.Experience.Units {
		card.Units = append(card.Units, &UnitCard{Name: unit.Name, Dropped: map[string]int{}, Provenance: map[string]int{}})
	}
	return card
}

// unit returns the card of a unit that the recipe lists; readShards refuses all
// others.
func (c *Card) unit(name v1alpha1.UnitName) *UnitCard {
	return c.Units[slices.IndexFunc(c.Units, func(unit *UnitCard) bool { return unit.Name == name })]
}

// shard adds the counts of one shard's manifest.
func (c *Card) shard(counts map[string]int64) {
	for _, unit := range c.Units {
		unit.Candidates += counts[string(unit.Name)+".candidates"]
		unit.Run += counts[string(unit.Name)+".run"]
		unit.Kept += counts[string(unit.Name)+".kept"]
	}
}

func (c *Card) read(sample task.Sample) { c.unit(sample.Meta.Unit).Read++ }

func (c *Card) drop(sample task.Sample, code string) { c.unit(sample.Meta.Unit).Dropped[code]++ }

func (c *Card) cost(sample task.Sample) {
	c.unit(sample.Meta.Unit).CPUSeconds += sample.Meta.CPUSeconds
}

// finish fills in what the trained samples say.
func (c *Card) finish(kept []task.Sample) {
	lengths, tasks := map[v1alpha1.UnitName][]int{}, map[v1alpha1.UnitName]map[string]bool{}
	for _, sample := range kept {
		unit := c.unit(sample.Meta.Unit)
		unit.Trained++
		unit.Provenance[sample.Meta.Provenance]++
		if sample.Meta.Recovered {
			unit.Recovered++
		}
		if tasks[unit.Name] == nil {
			tasks[unit.Name] = map[string]bool{}
		}
		// A question's id starts with its fact's.
		name, _, _ := strings.Cut(sample.Meta.TaskID, "-t")
		tasks[unit.Name][name] = true
		lengths[unit.Name] = append(lengths[unit.Name], sample.Meta.Tokens)
		c.Tokens += sample.Meta.Tokens
	}
	c.Samples = len(kept)
	for _, unit := range c.Units {
		unit.Tasks = len(tasks[unit.Name])
		unit.Lengths = lengthsOf(lengths[unit.Name])
	}
	c.Diversity = diversityOf(kept)
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
	return Lengths{Shortest: lengths[0], Median: lengths[len(lengths)/2], Longest: lengths[len(lengths)-1], All: all}
}

// dropped sums the drops of all units by code.
func (c *Card) dropped() map[string]int {
	total := map[string]int{}
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

// counts are the figures for the run's status.
func (c *Card) counts() map[string]int64 {
	counts := map[string]int64{"samples": int64(c.Samples), "tokens": int64(c.Tokens)}
	for _, unit := range c.Units {
		counts[string(unit.Name)] = int64(unit.Trained)
		counts[string(unit.Name)+".tasks"] = int64(unit.Tasks)
	}
	for code, n := range c.dropped() {
		counts["dropped."+code] = int64(n)
	}
	return counts
}

//go:embed card.md.tmpl
var cardText string

var cardTemplate = template.Must(template.New("card").Funcs(template.FuncMap{"sum": func(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}}).Parse(cardText))

func (c *Card) text() ([]byte, error) {
	var text bytes.Buffer
	if err := cardTemplate.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("rendering the card: %w", err)
	}
	return text.Bytes(), nil
}

func sorted(set map[string]bool) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(set))))
}

func sortedKeys(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }
