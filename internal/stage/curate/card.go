package curate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Why a sample is not in the data set.
const (
	dropDuplicate = "duplicate"
	dropLeak      = "sharesHeldOutCode"
	dropTooLong   = "tooLong"
)

// funnel counts what became of candidates.
type funnel struct {
	// experience sums the shards' own figures, by their names.
	experience map[string]int64
	read       int
	drops      map[string]int
}

func newFunnel() *funnel {
	return &funnel{experience: map[string]int64{}, drops: map[string]int{dropDuplicate: 0, dropLeak: 0, dropTooLong: 0}}
}

func (f *funnel) add(counts map[string]int64) {
	for name, n := range counts {
		f.experience[name] += n
	}
}

// drop returns the samples that are not marked, and counts the others.
func (f *funnel) drop(samples []task.Sample, why string, marks []bool) []task.Sample {
	kept := make([]task.Sample, 0, len(samples))
	for i, sample := range samples {
		if marks[i] {
			f.drops[why]++
			continue
		}
		kept = append(kept, sample)
	}
	return kept
}

// dropped is a readable list of what was dropped.
func (f *funnel) dropped() string {
	parts := make([]string, 0, len(f.drops))
	for _, why := range slices.Sorted(maps.Keys(f.drops)) {
		parts = append(parts, fmt.Sprintf("%s %d", why, f.drops[why]))
	}
	return strings.Join(parts, ", ")
}

// card describes a data set. Read = Samples + the sum of Dropped.
type card struct {
	Version    int                    `json:"version"`
	Commit     string                 `json:"commit"`
	BaseModel  string                 `json:"baseModel"`
	Answers    v1alpha1.Answers       `json:"answers"`
	Experience map[string]int64       `json:"experience"`
	Read       int                    `json:"read"`
	Dropped    map[string]int         `json:"dropped"`
	Samples    int                    `json:"samples"`
	Units      map[string]unitSummary `json:"units"`
	// Provenance counts samples by where they come from.
	Provenance map[string]int `json:"provenance"`
}

// unitSummary is one unit's share.
type unitSummary struct {
	Samples     int `json:"samples"`
	UniqueTasks int `json:"uniqueTasks"`
	// Recovered trajectories hold a first edit that really failed.
	Recovered int `json:"recovered"`
	// Tokens by the base model's own tokenizer.
	Tokens        int `json:"tokens"`
	LongestTokens int `json:"longestTokens"`
	// CPUSeconds spent in the sandbox.
	CPUSeconds float64 `json:"cpuSeconds"`
}

func newCard(env stage.Env, samples []task.Sample, f *funnel) card {
	c := card{
		Version: 1, Commit: env.Spec.Commit, BaseModel: env.Spec.Recipe.BaseModel.Name, Answers: env.Spec.Recipe.Training.Answers,
		Experience: f.experience, Read: f.read, Dropped: f.drops, Samples: len(samples),
		Units: map[string]unitSummary{}, Provenance: map[string]int{},
	}
	tasks := map[string]bool{}
	for _, sample := range samples {
		unit := string(sample.Meta.Unit)
		u := c.Units[unit]
		u.Samples++
		u.Tokens += sample.Meta.Tokens
		u.LongestTokens = max(u.LongestTokens, sample.Meta.Tokens)
		u.CPUSeconds += sample.Meta.CPUSeconds
		if sample.Meta.Recovered {
			u.Recovered++
		}
		id := sample.Meta.TaskID
		if sample.Meta.Unit == v1alpha1.UnitRepositoryRecall {
			id = factOf(id)
		}
		if !tasks[unit+"/"+id] {
			tasks[unit+"/"+id] = true
			u.UniqueTasks++
		}
		c.Units[unit] = u
		c.Provenance[sample.Meta.Provenance]++
	}
	return c
}

// counts are the card's figures for the run's status.
func (c card) counts() map[string]int64 {
	counts := map[string]int64{"samples": int64(c.Samples), "read": int64(c.Read)}
	for why, n := range c.Dropped {
		counts["dropped."+why] = int64(n)
	}
	tokens := 0
	for unit, u := range c.Units {
		counts[unit] = int64(u.Samples)
		tokens += u.Tokens
	}
	counts["tokens"] = int64(tokens)
	return counts
}

// write writes the card for machines and for people.
func (c card) write(folder string) error {
	data, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return fmt.Errorf("encode the data set's card: %w", err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, CardData), append(data, '\n'), 0o640),
		os.WriteFile(filepath.Join(folder, CardFile), []byte(c.markdown()), 0o640),
	)
}

func (c card) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Data set\n\nCommit `%s`, base model %s, answers: %s.\n\n", c.Commit, c.BaseModel, c.Answers)
	fmt.Fprintf(&out, "%d samples of %d read", c.Samples, c.Read)
	for _, why := range slices.Sorted(maps.Keys(c.Dropped)) {
		fmt.Fprintf(&out, "; dropped as %s: %d", why, c.Dropped[why])
	}
	out.WriteString(".\n\n| unit | samples | unique tasks | with a repaired failure | tokens | longest | CPU-seconds |\n|---|---|---|---|---|---|---|\n")
	for _, unit := range slices.Sorted(maps.Keys(c.Units)) {
		u := c.Units[unit]
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %d | %d | %.1f |\n", unit, u.Samples, u.UniqueTasks, u.Recovered, u.Tokens, u.LongestTokens, u.CPUSeconds)
	}
	out.WriteString("\n| provenance | samples |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(c.Provenance)) {
		fmt.Fprintf(&out, "| %s | %d |\n", name, c.Provenance[name])
	}
	out.WriteString("\n| figure of Experience | |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(c.Experience)) {
		fmt.Fprintf(&out, "| %s | %d |\n", name, c.Experience[name])
	}
	return out.String()
}
