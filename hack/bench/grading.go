package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/grading/cheats"
	locally "github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

// admissions is how often the known answer must solve a task and nothing must not,
// before the task counts.
const admissions = 3

// gradingBench is one call of the command.
type gradingBench struct {
	only  []string
	tasks int
	seed  int64
}

func newGrading() *cobra.Command {
	b := gradingBench{}
	cmd := &cobra.Command{
		Use: "grading", Short: "Grade known answers, nothing and cheats on real functions", Args: cobra.NoArgs,
		Long: `grading plans real repositories with bin/worker, draws functions by the seed, takes their
bodies out, and grades the known body, nothing, and every cheat of internal/grading/cheats.
It fails if one known body is not resolved, or nothing, or a cheat, is.

` + locally.Notice,
		RunE: reported(func(ctx context.Context, out io.Writer) error { return b.run(ctx, out) }),
	}
	cmd.Flags().StringSliceVar(&b.only, "only", []string{"click", "cobra"}, "repositories to grade on")
	cmd.Flags().IntVar(&b.tasks, "tasks", 5, "functions of each repository")
	cmd.Flags().Int64Var(&b.seed, "seed", 1, "seed that draws the functions")
	return cmd
}

func (b gradingBench) run(ctx context.Context, out io.Writer) error {
	wrong := 0
	err := eachSubject(b.only, func(w workspace, s subject) error {
		g, err := b.grade(ctx, w, s)
		if err == nil {
			err = g.print(out)
		}
		wrong += g.wrong()
		return err
	})
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d verdicts are wrong", wrong)
	}
	return err
}

// grade plans a subject and grades on its functions.
func (b gradingBench) grade(ctx context.Context, w workspace, s subject) (g graded, err error) {
	p, err := w.prepare(ctx, s)
	if err != nil {
		return g, err
	}
	out := filepath.Join(w.dir, s.name+"-grading")
	if err := os.RemoveAll(out); err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(out)) }()
	// A plan offers as many functions as may be needed when some are unusable.
	args := slices.Concat([]string{"plan", "--local", p.head, "--out", out, "--seed", fmt.Sprint(b.seed),
		"--unit", fmt.Sprintf("%s=%d", v1alpha1.UnitContextualImplementation, 10*b.tasks)}, p.flags)
	if _, err := w.output(ctx, w.dir, w.root.Path("bin", "worker"), args...); err != nil {
		return g, err
	}
	planned, err := openPlan(out)
	if err != nil {
		return g, err
	}
	boxes, err := locally.StartSandbox(ctx, p.pythonPath, slog.New(slog.DiscardHandler))
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, boxes.Close()) }()
	box, err := boxes.Box(ctx, contract.ContainerGrader)
	if err != nil {
		return g, err
	}
	defer box.Close()
	grader, err := planned.grader(box, s.framework)
	if err != nil {
		return g, err
	}
	g = graded{subject: s, seed: b.seed, skipped: map[string]int{}, reasons: map[string]map[grading.Reason]int{}}
	return g, g.draw(ctx, grader, planned.masks, b.tasks, p)
}

// graded are the verdicts on one subject's functions.
type graded struct {
	subject subject
	seed    int64
	tasks   []gradedTask
	// skipped counts the functions that were drawn and are no task, by reason.
	skipped map[string]int
	// reasons count how each cheat was graded.
	reasons map[string]map[grading.Reason]int
	// grades is how many patches were graded in which time.
	grades       int
	elapsed, cpu time.Duration
}

// gradedTask are the verdicts on one function.
type gradedTask struct {
	path, name  string
	failToPass  int
	control     bool
	gold, empty int
	// cheats were graded, solved are the names of those that were resolved.
	cheats int
	solved []string
}

func (g *graded) wrong() int {
	wrong := 0
	for _, t := range g.tasks {
		wrong += admissions - t.gold + t.empty + len(t.solved)
	}
	return wrong
}

// draw grades on functions in the order of the seed until there are enough.
func (g *graded) draw(ctx context.Context, grader *grading.Grader, masks []task.Mask, enough int, p place) error {
	slices.SortFunc(masks, func(a, b task.Mask) int { return strings.Compare(a.ID, b.ID) })
	random := rand.New(rand.NewPCG(uint64(g.seed), 0))
	random.Shuffle(len(masks), func(i, j int) { masks[i], masks[j] = masks[j], masks[i] })
	for _, mask := range masks {
		if len(g.tasks) == enough {
			return nil
		}
		masked, skip, err := g.admit(ctx, grader, mask)
		if err != nil {
			return fmt.Errorf("%s: %w", mask.Name, err)
		}
		if skip != "" {
			g.skipped[skip]++
			continue
		}
		t, err := g.judge(ctx, grader, masked, p)
		if err != nil {
			return fmt.Errorf("%s: %w", mask.Name, err)
		}
		g.tasks = append(g.tasks, t)
	}
	return fmt.Errorf("%d of %d functions are tasks, %d were asked for: name fewer with --tasks", len(g.tasks), len(masks), enough)
}

// admit makes a task of a function, or says why there is none.
func (g *graded) admit(ctx context.Context, grader *grading.Grader, mask task.Mask) (masked grading.Masked, skip string, err error) {
	masked, err = grader.Load(mask)
	if err != nil {
		return masked, "its body cannot be taken out", nil
	}
	checked, grade, err := grader.Check(ctx, masked.Task)
	if err != nil || grade.Reason != grading.TestsFailed {
		return masked, "without it: " + string(grade.Reason), err
	}
	masked.Task = checked
	nothing, err := cheats.Nothing(g.subject.framework).Apply(targetOf(masked))
	if err != nil {
		return masked, "", err
	}
	weak, err := g.patch(ctx, grader, masked, patch.Diff(mask.Path, masked.Gap(), nothing))
	if err != nil || weak.Resolved {
		return masked, "its tests pass with a body that does nothing", err
	}
	masked.Task, _, err = grader.CheckControl(ctx, masked.Task)
	return masked, "", err
}

func targetOf(masked grading.Masked) cheats.Target {
	return cheats.Target{Path: masked.Mask.Path, Gap: masked.Gap(), Fixed: masked.Original(), FailToPass: masked.FailToPass}
}

// judge grades everything on one task.
func (g *graded) judge(ctx context.Context, grader *grading.Grader, masked grading.Masked, p place) (gradedTask, error) {
	t := gradedTask{path: masked.Mask.Path, name: masked.Mask.Name, failToPass: len(masked.FailToPass), control: len(masked.Control) > 0}
	for range admissions {
		for _, known := range []struct {
			patch    string
			resolved *int
		}{{masked.Gold(), &t.gold}, {"", &t.empty}} {
			grade, err := g.patch(ctx, grader, masked, known.patch)
			if err != nil {
				return t, err
			}
			if grade.Resolved {
				*known.resolved++
			}
		}
	}
	target := targetOf(masked)
	for _, cheat := range cheats.For(g.subject.framework) {
		changed, err := cheat.Apply(target)
		if err != nil {
			return t, err
		}
		if err := builds(ctx, p, target.Path, changed); err != nil {
			return t, fmt.Errorf("%s: %w", cheat.Name, err)
		}
		grade, err := g.patch(ctx, grader, masked, patch.Diff(target.Path, target.Gap, changed))
		if err != nil {
			return t, err
		}
		t.cheats++
		if grade.Resolved || grade.Reason == grading.PatchNotApplicable {
			t.solved = append(t.solved, cheat.Name)
		}
		if g.reasons[cheat.Name] == nil {
			g.reasons[cheat.Name] = map[grading.Reason]int{}
		}
		g.reasons[cheat.Name][grade.Reason]++
	}
	return t, nil
}

// patch grades a patch and counts what it takes.
func (g *graded) patch(ctx context.Context, grader *grading.Grader, masked grading.Masked, diff string) (grading.Grade, error) {
	start := time.Now()
	grade, err := grader.GradePatch(ctx, masked.Task, diff)
	g.grades++
	g.elapsed += time.Since(start)
	g.cpu += grade.CPU
	return grade, err
}
