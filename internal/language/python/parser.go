package python

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	// parserTimeout is ample: see inspector and mutator.
	parserTimeout = 10 * time.Minute
	// missingProgram is a shell's exit code for a program that it cannot find.
	missingProgram = 127
)

// parser is a helper that parses the tree, executes none of it and writes one
// document.
type parser struct {
	// name for errors.
	name string
	// program and output are file names: the document goes to a file, because a
	// command's output is cut in the middle.
	program, output string
}

// run returns the document. The files lie beside the program; the argument is
// the program's only one.
func (p parser) run(ctx context.Context, box sandbox.Box, dir string, files map[string][]byte, argument string) ([]byte, error) {
	tools, report := folders(dir)
	if err := box.WriteFiles(ctx, tools, files); err != nil {
		return nil, fmt.Errorf("writing the %s: %w", p.name, err)
	}
	defer discard(ctx, box, tools, report)
	if err := box.WriteFiles(ctx, report, map[string][]byte{p.output: nil}); err != nil {
		return nil, fmt.Errorf("preparing the document of the %s: %w", p.name, err)
	}
	result, err := box.Run(ctx, sandbox.Command{
		Args: []string{"sh", "-c", `exec python3 -I -S -B "$1" "$2" > "$3"`, p.name,
			absolute(box, tools, p.program), argument, absolute(box, report, p.output)},
		Dir:     dir,
		Timeout: parserTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("running the %s: %w", p.name, err)
	}
	if err := p.ended(result); err != nil {
		return nil, err
	}
	written, err := box.ReadFiles(ctx, report, []string{p.output}, maxReport)
	if err != nil {
		return nil, fmt.Errorf("reading the document of the %s: %w", p.name, err)
	}
	return written[p.output], nil
}

// ended says why a run gave no document.
func (p parser) ended(result sandbox.Result) error {
	switch {
	case result.ExitCode == missingProgram:
		return fmt.Errorf("%w: python3 is not in it; use an image with Python 3.8 or newer", language.ErrEnvironment)
	case result.TimedOut:
		return fmt.Errorf("%w: the %s did not end within %s", language.ErrInventory, p.name, parserTimeout)
	case result.ExitCode != 0:
		return fmt.Errorf("%w: the %s ended with %d: %s", language.ErrInventory, p.name, result.ExitCode, lastLine(result.Output))
	default:
		return nil
	}
}

// discard removes what a helper needed; a box that fails here fails at its next
// use as well, so the error is told there.
func discard(ctx context.Context, box sandbox.Box, dirs ...string) {
	for _, dir := range dirs {
		_ = box.Remove(context.WithoutCancel(ctx), dir)
	}
}

// lastLine is the last line of output with text, bounded, in printable ASCII.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimSpace(lines[len(lines)-1]))
	return line[:min(len(line), 200)]
}
