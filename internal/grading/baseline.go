package grading

import (
	"context"
	"errors"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// baselineSeeds are the hash seeds under which the tests of a tree must agree
// before they are trusted.
var baselineSeeds = []uint32{1, 2, 3}

// Baseline runs the tests of some files of a tree that no stage Plan has measured,
// under three hash seeds, and keeps those that pass each time. The reason is empty
// when there are some.
func Baseline(ctx context.Context, config Config, paths []string) (baseline task.Baseline, reason Reason, cpu time.Duration, err error) {
	g := New(config)
	if err := g.place(ctx, nil); err != nil {
		return baseline, "", 0, err
	}
	defer func() { err = errors.Join(err, g.clear(ctx)) }()
	passed := map[string]int{}
	for _, seed := range baselineSeeds {
		report, grade, err := g.report(ctx, language.TestRequest{Paths: paths, Timeout: g.timeout, HashSeed: seed, Canary: true})
		if err != nil || report == nil {
			return baseline, grade.Reason, cpu, err
		}
		cpu += report.CPU
		if reason := stateReason(report.State); reason != Resolved {
			return baseline, reason, cpu, nil
		}
		for _, test := range report.Tests {
			if test.Outcome == language.OutcomePassed {
				passed[test.ID]++
			}
			if seed != baselineSeeds[len(baselineSeeds)-1] {
				continue
			}
			if passed[test.ID] == len(baselineSeeds) {
				baseline.Stable = append(baseline.Stable, test.ID)
			} else {
				baseline.Excluded = append(baseline.Excluded, task.ExcludedTest{ID: test.ID, Reason: task.ReasonFailing})
			}
		}
	}
	if len(baseline.Stable) == 0 {
		return baseline, TestsMissing, cpu, nil
	}
	return baseline, "", cpu, nil
}

// Replaced is a task whose files are as they were at another time. Errors wrap
// ErrTask.
func (g *Grader) Replaced(id string, broken map[string][]byte, tests []string) (Task, error) {
	t := Task{ID: id, Broken: Edits{}, Fixed: Edits{}, Tests: tests}
	for path, content := range broken {
		t.Broken[path], t.Fixed[path] = content, nil
		if _, known := g.modules[path]; !known {
			continue // only the broken tree has it
		}
		fixed, err := g.tree.Read(path)
		if err != nil {
			return t, errors.Join(ErrTask, err)
		}
		t.Fixed[path] = fixed
	}
	return t, nil
}
