package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	locally "github.com/repoexpert/operator/internal/local"
)

// experienceBench is one call of the command.
type experienceBench struct {
	only    []string
	samples int
	seed    int64
	keep    bool
}

func newExperience() *cobra.Command {
	b := experienceBench{}
	cmd := &cobra.Command{
		Use: "experience", Short: "Measure the units of experience", Args: cobra.NoArgs,
		Long: `experience makes samples of real repositories with bin/worker, on this machine and without
a cluster, and prints what became of the candidates, what it cost, and whether it comes out
the same again: with other hash seeds, in two shards, and executed once more.

` + locally.Notice,
		RunE: reported(func(ctx context.Context, out io.Writer) error { return b.run(ctx, out) }),
	}
	cmd.Flags().StringSliceVar(&b.only, "only", subjectNames(), "repositories to measure")
	cmd.Flags().IntVar(&b.samples, "samples", 20, "samples of each unit")
	cmd.Flags().Int64Var(&b.seed, "seed", 1, "seed that draws functions, bugs and components")
	cmd.Flags().BoolVar(&b.keep, "keep", false, "keep the outputs")
	return cmd
}

func (b experienceBench) run(ctx context.Context, out io.Writer) error {
	return eachSubject(b.only, func(w workspace, s subject) error { return b.measure(ctx, w, s, out) })
}

// measure makes the samples of one subject several times and prints its tables.
func (b experienceBench) measure(ctx context.Context, w workspace, s subject, out io.Writer) (err error) {
	p, err := w.prepare(ctx, s)
	if err != nil {
		return err
	}
	outputs := filepath.Join(w.dir, s.name+"-outputs")
	if err := os.RemoveAll(outputs); err != nil {
		return err
	}
	if !b.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(outputs)) }()
	}
	m := measurement{bench: b, workspace: w, place: p, outputs: outputs}
	figures, err := m.all(ctx)
	if err != nil {
		return err
	}
	return figures.print(out)
}

// measurement is the work on one subject.
type measurement struct {
	bench     experienceBench
	workspace workspace
	place     place
	outputs   string
}

// result is one output of the worker.
type result struct {
	out     string
	summary locally.Summary
	wall    time.Duration
}

// maxQuestions asks for every question that there is.
const maxQuestions = 100_000

func (m measurement) all(ctx context.Context) (figures, error) {
	f := figures{subject: m.place.subject, seed: m.bench.seed, samples: m.bench.samples}
	units := m.trajectories(v1alpha1.UnitContextualImplementation, v1alpha1.UnitSoftwareDesign,
		v1alpha1.UnitEvolutionaryReplay, v1alpha1.UnitSemanticRuntimeAlignment)
	bugs := m.trajectories(v1alpha1.UnitEvolutionaryReplay, v1alpha1.UnitSemanticRuntimeAlignment)
	for _, run := range []struct {
		result   *result
		name     string
		checkout string
		flags    []string
	}{
		{&f.first, "first", m.place.checkout, units},
		{&f.again, "again", m.place.checkout, units},
		{&f.shards, "shards", m.place.checkout, append(slices.Clone(units), "--shards", "2")},
		{&f.mutants, "mutants", m.place.head, bugs},
		{&f.recall, "recall", m.place.checkout, []string{"--unit", fmt.Sprintf("%s=%d", v1alpha1.UnitRepositoryRecall, maxQuestions)}},
	} {
		var err error
		if *run.result, err = m.experience(ctx, run.name, run.checkout, run.flags); err != nil {
			return f, fmt.Errorf("%s: %w", run.name, err)
		}
	}
	if err := f.compare(); err != nil {
		return f, err
	}
	var err error
	if f.verified, err = m.verify(ctx, f.first.out); err != nil {
		return f, err
	}
	f.dirty, err = m.dirty(ctx)
	return f, err
}

func (m measurement) trajectories(units ...v1alpha1.UnitName) []string {
	var flags []string
	for _, unit := range units {
		flags = append(flags, "--unit", fmt.Sprintf("%s=%d", unit, m.bench.samples))
	}
	return flags
}

// experience runs the worker from nothing.
func (m measurement) experience(ctx context.Context, name, checkout string, flags []string) (result, error) {
	r := result{out: filepath.Join(m.outputs, name)}
	summary := r.out + ".json"
	args := slices.Concat([]string{"experience", "--local", checkout, "--out", r.out, "--summary", summary, "--seed", fmt.Sprint(m.bench.seed)}, m.place.flags, flags)
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return r, err
	}
	start := time.Now()
	if _, err := m.workspace.output(ctx, m.outputs, m.workspace.root.Path("bin", "worker"), args...); err != nil {
		return r, err
	}
	r.wall = time.Since(start)
	return r, readJSON(summary, &r.summary)
}

// verify executes one sample in twenty again and returns the last line of the
// result.
func (m measurement) verify(ctx context.Context, out string) (string, error) {
	args := slices.Concat([]string{"verify-dataset", "--in", out, "--percent", "5", "--made-with-seed", fmt.Sprint(m.bench.seed)}, m.place.flags)
	text, err := m.workspace.output(ctx, m.outputs, m.workspace.root.Path("bin", "worker"), args...)
	if err != nil {
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1], nil
}

// dirty counts the files of the checkouts that the runs changed.
func (m measurement) dirty(ctx context.Context) (int, error) {
	count := 0
	for _, checkout := range []string{m.place.checkout, m.place.head} {
		status, err := m.workspace.output(ctx, checkout, "git", "status", "--porcelain", "--ignored")
		if err != nil {
			return 0, err
		}
		count += strings.Count(status, "\n")
	}
	return count, nil
}

func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
