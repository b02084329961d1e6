// Package python is the language adapter for Python with pytest.
//
// The helpers run in the environment's own interpreter: inspect.py and mutate.py
// parse the tree with ast, exact for the version that the code is written for;
// harness.py runs pytest with a plugin that records results test by test. None is
// ever on the module search path of repository code.
package python

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

//go:embed inspect.py
var inspectSource []byte

//go:embed harness.py
var harnessSource []byte

const inspectFile = "inventory.py"

// inspector takes two seconds for 12,000 lines.
var inspector = parser{name: "inspector", program: inspectFile, output: "inventory.json"}

// Adapter is the language adapter for Python.
type Adapter struct {
	// environment is where Setup's packages are, as commands in the box see it.
	environment string
}

var _ language.Adapter = Adapter{}

// New returns an adapter.
func New() Adapter { return Adapter{environment: contract.EnvironmentPath} }

// folders are where the helpers of a tree and what they write lie.
func folders(dir string) (tools, report string) {
	clean := path.Clean(dir)
	return clean + ".tools", clean + ".report"
}

// absolute is a path of the box as commands inside see it.
func absolute(box sandbox.Box, elements ...string) string {
	return path.Join(append([]string{box.Root()}, elements...)...)
}

// Precompile implements language.Adapter: there is nothing to compile.
func (a Adapter) Precompile(context.Context, sandbox.Box, string, time.Duration) error { return nil }

// Inspect implements language.Adapter.
func (a Adapter) Inspect(ctx context.Context, box sandbox.Box, dir string) (*language.Inventory, error) {
	document, err := inspector.run(ctx, box, dir, map[string][]byte{inspectFile: inspectSource}, ".")
	if err != nil {
		return nil, err
	}
	limits := language.DefaultInventoryLimits()
	limits.Bytes = maxReport
	return language.ParseInventory(bytes.NewReader(document), limits)
}

const maskStatement = "raise NotImplementedError"

// MaskBody implements language.Adapter. The body's own first line gives the
// indentation. A body that begins on the line of its header or docstring cannot
// be taken out by whole lines and is refused.
func (a Adapter) MaskBody(source []byte, definition language.Definition) ([]byte, error) {
	if err := maskable(definition); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", language.ErrMask, definition.Name, err)
	}
	lines := language.Lines(source)
	first, last := definition.BodyStartLine-1, definition.BodyEndLine-1
	if last >= len(lines) {
		return nil, fmt.Errorf("%w: %s: ends at line %d of %d", language.ErrMask, definition.Name, last+1, len(lines))
	}
	if !startsStatement(lines, definition) {
		return nil, fmt.Errorf("%w: %s: its body begins in the middle of line %d", language.ErrMask, definition.Name, first+1)
	}
	indent := lines[first][:len(lines[first])-len(bytes.TrimLeft(lines[first], " \t"))]
	ending := lines[last][len(bytes.TrimRight(lines[last], "\r\n")):]
	replaced := bytes.Join([][]byte{indent, []byte(maskStatement), ending}, nil)
	masked := bytes.Join(append(append(append([][]byte{}, lines[:first]...), replaced), lines[last+1:]...), nil)
	if bytes.Equal(masked, source) {
		return nil, fmt.Errorf("%w: %s: it is already masked", language.ErrMask, definition.Name)
	}
	return masked, nil
}

// RemoveDefinitions implements language.Adapter.
func (a Adapter) RemoveDefinitions(source []byte, definitions []language.Definition) ([]byte, error) {
	return language.Without(source, definitions), nil
}

func maskable(definition language.Definition) error {
	switch {
	case definition.Kind == language.KindClass:
		return errors.New("it is a class")
	case definition.BodyStartLine < 1 || definition.BodyEndLine < definition.BodyStartLine:
		return errors.New("it has no body")
	case definition.BodyStartLine == definition.StartLine:
		return errors.New("its body is on the line of its header")
	default:
		return nil
	}
}

// startsStatement says whether the first body line is a line of its own: what
// stands before it, comments and blank lines aside, ends a header or a docstring.
func startsStatement(lines [][]byte, definition language.Definition) bool {
	first := lines[definition.BodyStartLine-1]
	indent := len(first) - len(bytes.TrimLeft(first, " \t"))
	if indent == 0 || indent == len(bytes.TrimRight(first, "\r\n")) {
		return false
	}
	for at := definition.BodyStartLine - 2; at >= definition.StartLine-1; at-- {
		line := bytes.TrimSpace(lines[at])
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if definition.Docstring {
			return endsText(line)
		}
		return endsHeader(line)
	}
	return false
}

func endsText(line []byte) bool {
	code := withoutComment(line)
	return bytes.HasSuffix(code, []byte(`"`)) || bytes.HasSuffix(code, []byte(`'`)) || bytes.HasSuffix(code, []byte(`)`))
}

func endsHeader(line []byte) bool { return bytes.HasSuffix(withoutComment(line), []byte(":")) }

// withoutComment cuts a trailing comment. A '#' inside a string is taken for one
// only where text follows that could not end a header anyway.
func withoutComment(line []byte) []byte {
	for at := range line {
		if line[at] != '#' {
			continue
		}
		code := bytes.TrimSpace(line[:at])
		if len(code) > 0 && bytes.ContainsRune([]byte(`:"')`), rune(code[len(code)-1])) {
			return code
		}
	}
	return line
}
