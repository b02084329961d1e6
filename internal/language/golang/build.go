package golang

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// oldToolchain is in what the go command says when go.mod asks for a newer one.
const oldToolchain = "GOTOOLCHAIN=local"

// build compiles the test programs of packages into a folder of the report. One
// that does not build is a problem of its files.
func (r *run) build(ctx context.Context, folder string, packages []*testPackage, flags ...string) error {
	into := absolute(r.box, r.report, folder)
	// Nobody debugs the programs: without what a debugger reads, a build costs a
	// seventh less.
	args := []string{"go", "test", "-c", "-vet=off", "-ldflags=-w", "-gcflags=-dwarf=false", "-overlay=" + absolute(r.box, r.tools, overlayFile), "-o=" + into + "/"}
	args = append(args, flags...)
	for _, p := range packages {
		args = append(args, p.argument())
	}
	result, err := r.compile(ctx, args...)
	if err != nil {
		return err
	}
	if err := unfit(result); err != nil {
		return err
	}
	switch {
	case result.TimedOut:
		r.ended = language.StateTimedOut
	case result.ExitCode > exitBuildFailed:
		r.ended = language.StateCrashed
	}
	r.say(result.Output)
	if r.ended != "" {
		return errEnded
	}
	built, err := r.built(ctx, folder)
	if err != nil {
		return err
	}
	for _, p := range packages {
		p.program = ""
		if slices.Contains(built, p.programName()) {
			p.program = path.Join(into, p.programName())
		} else {
			r.problem(p, buildError(result.Output, p.importPath))
		}
	}
	return nil
}

// unfit says that the image's Go cannot build the module, whatever is in it.
func unfit(result sandbox.Result) error {
	switch {
	case result.ExitCode == missingProgram:
		return fmt.Errorf("%w: go is not in it; use an image with Go 1.21 or newer", language.ErrEnvironment)
	case result.ExitCode != 0 && strings.Contains(result.Output, oldToolchain):
		return fmt.Errorf("%w: %s; use an image with that version of Go", language.ErrEnvironment, lineWith(result.Output, oldToolchain))
	default:
		return nil
	}
}

// exitBuildFailed is the go command's exit code when something does not build; 2
// is one for its use, and does not happen.
const exitBuildFailed = 1

// built lists the test programs in a folder of the report, which is not there when
// nothing was built.
func (r *run) built(ctx context.Context, folder string) ([]string, error) {
	result, err := r.execute(ctx, ".", buildOutput, "find", absolute(r.box, r.report, folder), "-type", "f", "-name", "*.test")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(result.Output) {
		names = append(names, path.Base(strings.TrimSpace(line)))
	}
	return names, nil
}

// buildError is the first line that the go command says about a package, or about
// what it depends on.
func buildError(output, importPath string) string {
	first := ""
	of := ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			of, _, _ = strings.Cut(heading, " ")
			continue
		}
		if line == "" {
			continue
		}
		if of == importPath || of == importPath+"_test" {
			return printable(line)
		}
		if first == "" {
			first = line
		}
	}
	return printable(first)
}

func lineWith(output, sign string) string {
	for line := range strings.Lines(output) {
		if strings.Contains(line, sign) {
			return printable(line)
		}
	}
	return ""
}
