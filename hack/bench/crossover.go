package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/bench/crossover"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	locally "github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// dataSeed chooses the facts and orders them; the seeds of the trainings are others.
const dataSeed = 1

// crossoverBench is one call of the command.
type crossoverBench struct {
	between []string
	seeds   int
	facts   int
}

func newCrossover() *cobra.Command {
	b := crossoverBench{}
	cmd := &cobra.Command{
		Use: "crossover", Short: "Compare experts of two repositories, and one of both, on both", Args: cobra.NoArgs,
		Long: `crossover trains three experts with every seed: one of each repository, and one of half of
the facts of both. Facts, base model, recipe and number of samples are the same. Each expert
answers the questions on both repositories, in wordings that no training had. It prints

  1/2 [(A - B on A) + (B - A on B)]

with an interval over facts and seeds: what an expert knows of its repository beyond the
format that both learned. It is retention of trained facts, not skill at repair, and not a
comparison with training on one task over many repositories.

Data comes from bin/worker, training and answers from the stage Train and the server of the
product, on this machine and without a cluster. Models that are trained already are kept, so
that an interrupted call goes on where it was.

` + locally.Notice,
		RunE: reported(func(ctx context.Context, out io.Writer) error { return b.run(ctx, out) }),
	}
	cmd.Flags().StringSliceVar(&b.between, "between", []string{"click", "attrs"}, "the two repositories")
	cmd.Flags().IntVar(&b.seeds, "seeds", 3, "training seeds")
	cmd.Flags().IntVar(&b.facts, "facts", 56, "facts of each repository, at most")
	return cmd
}

func (b crossoverBench) run(ctx context.Context, out io.Writer) error {
	if len(b.between) != 2 || b.between[0] == b.between[1] {
		return fmt.Errorf("--between %s: name two repositories of %v", strings.Join(b.between, ","), subjectNames())
	}
	if b.seeds < 1 || b.facts < 2 {
		return fmt.Errorf("--seeds %d and --facts %d: at least 1 and 2 are needed", b.seeds, b.facts)
	}
	w, err := openWorkspace()
	if err != nil {
		return err
	}
	tools, err := local.EnsureToolchain(ctx, w.root, w.log, false)
	if err != nil {
		return err
	}
	started := time.Now()
	model := filepath.Join(tools.Models, local.BaseModelName)
	repositories := make([]repository, len(b.between))
	for i, name := range b.between {
		if repositories[i], err = b.prepare(ctx, w, name, model, tools); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	e := experiment{bench: b, repositories: repositories, log: w.log}
	if err := e.design(); err != nil {
		return err
	}
	if err := e.run(ctx, w, model, tools); err != nil {
		return err
	}
	return e.print(out, time.Since(started))
}

// repository is one of the two, with what the worker made of it.
type repository struct {
	subject subject
	facts   []recall.Fact
	curated []task.Sample
}

// prepare has the worker compute facts and curate the questions on them.
func (b crossoverBench) prepare(ctx context.Context, w workspace, name, model string, tools local.Toolchain) (r repository, err error) {
	if r.subject, err = subjectNamed(name); err != nil {
		return r, err
	}
	p, err := w.prepare(ctx, r.subject)
	if err != nil {
		return r, err
	}
	training, err := local.DemoTraining()
	if err != nil {
		return r, err
	}
	out := filepath.Join(w.dir, fmt.Sprintf("%s-crossover-%d", name, b.facts))
	// What another version of the worker made there would lie beside this one's.
	if err := os.RemoveAll(out); err != nil {
		return r, err
	}
	args := append([]string{"curate", "--local", p.head, "--out", out, "--model", model, "--seed", fmt.Sprint(dataSeed),
		"--max-length", fmt.Sprint(training.MaxLength), "--unit", fmt.Sprintf("%s=%d", v1alpha1.UnitRepositoryRecall, b.facts)}, p.flags...)
	// The tokenizer is of the tools; what runs the repository's code is not.
	w.env = []string{"PYTHONPATH=" + tools.HostPath()}
	if _, err := w.output(ctx, w.dir, w.root.Path("bin", "worker"), args...); err != nil {
		return r, err
	}
	plan, err := only(filepath.Join(out, contract.PlansFolder))
	if err != nil {
		return r, err
	}
	if r.facts, err = task.ReadFile[recall.Fact](filepath.Join(plan, task.FactsFile)); err != nil {
		return r, err
	}
	data, err := only(filepath.Join(out, contract.DatasetsFolder))
	if err != nil {
		return r, err
	}
	r.curated, err = task.ReadFile[task.Sample](filepath.Join(data, datasetFile))
	return r, err
}

// expert is one of the three: what it is trained on.
type expert struct {
	name    string
	samples []task.Sample
}

// experiment is the design and what came out.
type experiment struct {
	bench        crossoverBench
	repositories []repository
	// chosen are the facts of each repository, experts those of the first, of the
	// second, and of both.
	chosen  [2][]recall.Fact
	experts [3]expert
	// scores are the verdicts by expert and repository; base those of the base model.
	scores [3][2]crossover.Scores
	base   [2]crossover.Scores
	// trained is the time of each training, asked that of each model's answers.
	trained, asked []time.Duration
	log            io.Writer
}

// design chooses facts and makes the three data sets.
func (e *experiment) design() (err error) {
	first, second := e.repositories[0], e.repositories[1]
	if e.chosen[0], e.chosen[1], err = crossover.Choose(first.facts, second.facts, e.bench.facts, dataSeed); err != nil {
		return err
	}
	curated := append(append([]task.Sample{}, first.curated...), second.curated...)
	for i, of := range []struct {
		name  string
		facts []recall.Fact
	}{{first.subject.name, e.chosen[0]}, {second.subject.name, e.chosen[1]}, {"both", crossover.Half(e.chosen[0], e.chosen[1])}} {
		samples, err := crossover.DataSet(of.facts, curated, dataSeed)
		if err != nil {
			return fmt.Errorf("expert of %s: %w", of.name, err)
		}
		e.experts[i] = expert{of.name, samples}
	}
	return nil
}

// facts joins the scores on one repository for the estimates.
func (e *experiment) facts(repository int) crossover.Facts {
	clusters := make([]string, len(e.chosen[repository]))
	for i, fact := range e.chosen[repository] {
		clusters[i] = fact.Cluster
	}
	return crossover.Facts{
		Clusters: clusters, Own: e.scores[repository][repository], Other: e.scores[1-repository][repository], Both: e.scores[2][repository],
	}
}
