package golang

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// program is one run of a test program.
type program struct {
	*record
	sandbox.Result
}

// complete says whether a program ran all of its tests and said so.
func (p program) complete() bool {
	return !p.TimedOut && !p.Truncated && p.verdict != "" && p.ExitCode <= exitTestsFailed
}

// death says why a program ended.
func (p program) death() string {
	switch {
	case p.failure != "":
		return p.failure
	case p.ExitCode > 128:
		return fmt.Sprintf("the test program was killed by signal %d", p.ExitCode-128)
	default:
		return fmt.Sprintf("the test program ended with exit code %d before its tests did", p.ExitCode)
	}
}

// start runs functions of a package; nil for all of them.
func (r *run) start(ctx context.Context, p *testPackage, functions []string) (program, error) {
	args := []string{p.program, "-test.v=test2json", "-test.paniconexit0", "-test.count=1", "-test.shuffle=" + r.shuffle()}
	if pattern := r.pattern(functions); functions != nil && len(pattern) <= maxPattern {
		args = append(args, "-test.run="+pattern)
	}
	result, err := r.execute(ctx, p.folder, maxOutput, args...)
	if err != nil {
		return program{}, err
	}
	found, err := parseRecord(result.Output)
	if err != nil {
		return program{}, fmt.Errorf("%w: %w", language.ErrForged, err)
	}
	r.say(result.Output)
	return program{record: found, Result: result}, nil
}

func (r *run) shuffle() string {
	if r.request.HashSeed == 0 {
		return "off"
	}
	return strconv.FormatUint(uint64(r.request.HashSeed), 10)
}

// pattern matches functions and the canary, and nothing else.
func (r *run) pattern(functions []string) string {
	names := slices.Clone(functions)
	if r.canary != "" {
		names = append(names, r.canary)
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// maxDeaths is how often a package's tests are run together without those that
// ended the program before.
const maxDeaths = 3

// test runs what is wanted of a package: together, and in programs of their own
// those with which the program dies. Without any of these, or where there are too
// many, all are run alone.
func (r *run) test(ctx context.Context, p *testPackage) error {
	together, alone := p.wanted, []string{}
	for range maxDeaths {
		functions := together
		if len(functions) == len(p.functions) {
			functions = nil
		}
		whole, err := r.start(ctx, p, functions)
		if err != nil {
			return err
		}
		switch {
		case whole.TimedOut:
			r.take(p, whole.results)
			r.ended = language.StateTimedOut
			return errEnded
		case whole.complete() && len(whole.started) > 0:
			if err := r.accept(p, whole); err != nil {
				return err
			}
			return r.eachAlone(ctx, p, alone)
		case len(whole.started) == 0:
			r.problem(p, whole.death())
			return nil
		}
		suspects := whole.suspects(together)
		alone = append(alone, suspects...)
		together = slices.DeleteFunc(slices.Clone(together), func(function string) bool { return slices.Contains(suspects, function) })
		if len(suspects) == 0 || len(together) == 0 {
			break
		}
	}
	return r.eachAlone(ctx, p, p.wanted)
}

// suspects are the functions that may have ended a program: those that failed, as
// one that panics does, and those that did not end.
func (p program) suspects(functions []string) []string {
	return slices.DeleteFunc(slices.Clone(functions), func(function string) bool {
		result, ended := p.results[function]
		return !p.started[function] || ended && result.Outcome != language.OutcomeFailed
	})
}

func (r *run) eachAlone(ctx context.Context, p *testPackage, functions []string) error {
	for _, function := range functions {
		if err := r.alone(ctx, p, function); err != nil {
			return err
		}
	}
	return nil
}

// alone runs one function in a program of its own.
func (r *run) alone(ctx context.Context, p *testPackage, function string) error {
	one, err := r.start(ctx, p, []string{function})
	if err != nil {
		return err
	}
	switch {
	case one.TimedOut:
		r.ended = language.StateTimedOut
		return errEnded
	case one.complete():
		return r.accept(p, one)
	case !one.started[function]:
		return nil
	}
	failed := map[string]language.TestResult{}
	for name, result := range one.results {
		if result.Outcome == language.OutcomeFailed {
			failed[name] = result
		}
	}
	failed[function] = language.TestResult{
		Outcome: language.OutcomeFailed, Seconds: failed[function].Seconds,
		Message: bounded(cmp.Or(failed[function].Message, one.death())),
	}
	r.take(p, failed)
	return nil
}

// accept takes the results of a program that is complete, if its canary failed.
func (r *run) accept(p *testPackage, complete program) error {
	if r.canary != "" {
		canary, reported := complete.results[r.canary]
		switch {
		case !reported:
			return fmt.Errorf("%w: %s: the test that has to fail is not in it", language.ErrForged, p.folder)
		case canary.Outcome != language.OutcomeFailed:
			return fmt.Errorf("%w: %s: the test that has to fail is reported as %s", language.ErrForged, p.folder, canary.Outcome)
		case complete.ExitCode != exitTestsFailed || complete.verdict != verdictFail:
			return fmt.Errorf("%w: %s: a test failed and the program ended with %d", language.ErrForged, p.folder, complete.ExitCode)
		}
	}
	r.take(p, complete.results)
	return nil
}
