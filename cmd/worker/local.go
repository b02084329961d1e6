package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/recipe/trl"
)

// exitInterrupted is a shell's exit code for a program that SIGINT ended.
const exitInterrupted = 130

// localCommand runs stages on a checkout of this machine.
type localCommand struct {
	checkout string
	out      string
	options  local.Options
	// units and kinds are pairs of a name and a number.
	units, kinds []string
	// summary is the file that gets the figures as JSON; "" for none.
	summary string
}

func newLocal() []*cobra.Command {
	return []*cobra.Command{
		newLocalStage(v1alpha1.StagePlan, "plan", "Plan what can be learned of a checkout, on this machine",
			`plan snapshots the checkout's commit, runs its tests and lists the candidates of every
unit of experience.`),
		newLocalStage(v1alpha1.StageExperience, "experience", "Make verified samples of a checkout, on this machine",
			`experience executes the candidates of the plan, which it makes first where it is not
there, and keeps what its tests verify.`),
		newLocalStage(v1alpha1.StageCurate, "curate", "Make a data set of a checkout, on this machine",
			`curate makes the data set of the samples, which it makes first where they are not
there. It counts tokens with the tokenizer of a base model, so it needs --model and a
python3 with transformers; where that is not among its own packages, name its folder in
the environment variable PYTHONPATH.`),
	}
}

const aboutLocal = `

It runs the very code of the pods, in this process, on the commit that HEAD names; what is
not committed plays no part. Outputs go to --out, sealed and named by their inputs: a stage
whose inputs have not changed is reused, and one that was interrupted goes on at its next
task.

` + local.Notice

func newLocalStage(stage v1alpha1.StageName, use, short, long string) *cobra.Command {
	c := &localCommand{options: local.DefaultOptions()}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + aboutLocal, Args: cobra.NoArgs,
		Example: "  worker " + use + " --local ~/src/boltons --unit ContextualImplementation=20 --unit SoftwareDesign=10",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd, stage) },
	}
	c.options.Units = nil
	addCheckout(cmd, &c.checkout)
	cmd.Flags().StringVar(&c.out, "out", "", "folder of the outputs (default: one in your cache, by the checkout's path)")
	addEnvironment(cmd, &c.options)
	cmd.Flags().StringArrayVar(&c.options.TestPaths, "test-path", nil, "file or folder of tests below the root; may be repeated (default: the runner's own discovery)")
	cmd.Flags().StringArrayVar(&c.units, "unit", nil, "UNIT=SAMPLES, how much of a unit is made; may be repeated (default: every unit, 50 each)")
	cmd.Flags().StringArrayVar(&c.options.Include, "include", nil, "file or folder below the root that experience is mined from; may be repeated (default: all)")
	cmd.Flags().StringArrayVar(&c.options.Exclude, "exclude", nil, "file or folder below the root that experience is never mined from; may be repeated")
	cmd.Flags().Int32Var(&c.options.Shards, "shards", c.options.Shards, "parts that experience is made in, one after another; each is sealed when it ends")
	cmd.Flags().Int64Var(&c.options.Seed, "seed", c.options.Seed, "seed of sampling")
	cmd.Flags().Int32Var(&c.options.HoldoutPercent, "holdout-percent", c.options.HoldoutPercent, "share of the functions that no sample may show")
	cmd.Flags().StringVar((*string)(&c.options.Holdout), "holdout", string(c.options.Holdout), "hold-out protocol: Tasks, Frontier or Prequential, which plans as Tasks does")
	cmd.Flags().Int32Var(&c.options.HoldoutCommits, "holdout-commits", c.options.HoldoutCommits, "newest commits with code and tests that Frontier keeps from training")
	cmd.Flags().StringArrayVar(&c.kinds, "kind", nil, "KIND=TASKS, evaluation tasks that plan looks for; may be repeated (default: none)")
	cmd.Flags().StringVar(&c.summary, "summary", "", "file that gets the figures of the summary as JSON")
	cmd.Flags().Int32Var(&c.options.MinSamples, "min-samples", c.options.MinSamples, "samples below which plan and curate fail")
	if stage != v1alpha1.StagePlan {
		cmd.Flags().StringVar(&c.options.Teacher, "teacher", "", "YAML file with the fields of a class's teacher: its endpoint, model and budget, and what else differs from the defaults (default: scripts make the trajectories)")
		cmd.Flags().StringVar(&c.options.TeacherKeyFile, "teacher-key-file", "", "file with the key of the teacher's endpoint (default: the environment variable "+local.TeacherKeyVariable+", if it is set)")
	}
	if stage == v1alpha1.StageCurate {
		cmd.Flags().StringVar(&c.options.Model, "model", "", "folder of a base model in the format of Hugging Face; only its tokenizer is read")
		cmd.Flags().Int32Var(&c.options.MaxLength, "max-length", c.options.MaxLength, "longest sample in tokens; longer ones are dropped")
	}
	return cmd
}

func addCheckout(cmd *cobra.Command, checkout *string) {
	cmd.Flags().StringVar(checkout, "local", "", "folder of a git checkout")
}

// addEnvironment adds the flags that say how the checkout's code runs.
func addEnvironment(cmd *cobra.Command, options *local.Options) {
	cmd.Flags().StringVar((*string)(&options.Framework), "framework", string(options.Framework), "test framework")
	cmd.Flags().StringArrayVar(&options.PythonPath, "python-path", nil, "folder that the checkout's code may import from besides the packages of python3; may be repeated")
	cmd.Flags().DurationVar(&options.TestTimeout, "test-timeout", options.TestTimeout, "limit of one run of the tests")
	cmd.Flags().DurationVar(&options.CommandTimeout, "command-timeout", options.CommandTimeout, "limit of one command of an agent")
}

func (c *localCommand) run(cmd *cobra.Command, stage v1alpha1.StageName) (err error) {
	ctx := cmd.Context()
	fmt.Fprintln(os.Stderr, local.Notice)
	if err := c.complete(ctx, stage); err != nil {
		return err
	}
	display := local.NewDisplay(os.Stderr)
	checkout, err := openCheckout(ctx, display, c.checkout)
	if err != nil {
		return err
	}
	out := c.out
	if out == "" {
		if out, err = local.DefaultOutput(checkout); err != nil {
			return err
		}
	}
	session, err := local.Open(ctx, display, checkout, out, c.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := session.Run(ctx, stage); err != nil {
		return ended(ctx, display, err)
	}
	summary, err := session.Summarize()
	if err != nil {
		return err
	}
	if c.summary != "" {
		if err := summary.WriteFile(c.summary); err != nil {
			return fmt.Errorf("--summary: %w", err)
		}
	}
	return summary.Print(cmd.OutOrStdout())
}

// complete reads the flags that are lists of pairs, and checks early what a later
// stage needs.
func (c *localCommand) complete(ctx context.Context, stage v1alpha1.StageName) error {
	c.options.Units = local.DefaultOptions().Units
	if len(c.units) > 0 {
		c.options.Units = nil
	}
	if err := eachPair("unit", "UNIT=SAMPLES, such as SoftwareDesign=20", c.units, func(name string, samples int32) {
		c.options.Units = append(c.options.Units, v1alpha1.Unit{Name: v1alpha1.UnitName(name), Samples: samples})
	}); err != nil {
		return err
	}
	if err := eachPair("kind", "KIND=TASKS, such as IssueResolution=20", c.kinds, func(name string, tasks int32) {
		c.options.Kinds = append(c.options.Kinds, v1alpha1.EvaluationKind{Name: v1alpha1.KindName(name), Tasks: tasks})
	}); err != nil {
		return err
	}
	if stage != v1alpha1.StageCurate {
		return nil
	}
	if c.options.Model == "" {
		return errors.New("curate counts tokens: name with --model the folder of a base model, such as one that " +
			`"hf download HuggingFaceTB/SmolLM2-135M-Instruct --local-dir FOLDER" made`)
	}
	return trl.Tokenizer{}.Check(ctx)
}

// eachPair reads the pairs NAME=NUMBER of a flag, in which no name may stand twice.
func eachPair(flag, want string, pairs []string, add func(name string, number int32)) error {
	read := map[string]bool{}
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("--%s %.80q: want %s", flag, pair, want)
		}
		if read[name] {
			return fmt.Errorf("--%s %.80q: %.80s is named twice", flag, pair, name)
		}
		read[name] = true
		add(name, int32(number))
	}
	return nil
}

// openCheckout opens a checkout and says what of it counts.
func openCheckout(ctx context.Context, display *local.Display, dir string) (local.Checkout, error) {
	if dir == "" {
		return local.Checkout{}, errors.New("--local: name the folder of a git checkout")
	}
	checkout, err := local.OpenCheckout(ctx, dir)
	if err != nil {
		return checkout, err
	}
	display.Event("%s at commit %s", checkout.Dir, checkout.Commit)
	if n := len(checkout.Uncommitted); n > 0 {
		display.Event("%d changes are not committed and are ignored: %s", n, some(checkout.Uncommitted))
	}
	return checkout, nil
}

// some lists the first of many.
func some(items []string) string {
	const shown = 5
	text := strings.Join(items[:min(len(items), shown)], ", ")
	if len(items) > shown {
		text += fmt.Sprintf(" and %d more", len(items)-shown)
	}
	return text
}

// ended tells people how a stage ended and gives the exit code that a pod's would
// have.
func ended(ctx context.Context, display *local.Display, err error) error {
	if ctx.Err() != nil {
		display.Event("interrupted: the same command goes on at the next task")
		return exitError(exitInterrupted)
	}
	var failure *local.Failure
	if errors.As(err, &failure) {
		display.Event("%s", failure)
		return exitError(contract.ExitCode(failure.Class))
	}
	return err
}
