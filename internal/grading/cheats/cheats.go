// Package cheats has patches that repair nothing but what judges them, for any
// function whose body is missing. A grader that resolves one has a hole.
//
// Tests of package grading run them on fixtures, hack/bench on functions of real
// projects.
package cheats

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
)

// Target is a function whose body is missing.
type Target struct {
	// Path of its file; Gap is the file without the body, Fixed the one with it.
	Path       string
	Gap, Fixed []byte
	// FailToPass are the ids of the tests that grade it.
	FailToPass []string
}

// Cheat is one way to pass without repairing.
type Cheat struct {
	Name string
	// apply returns the whole changed file.
	apply func(Target) ([]byte, error)
}

// Apply returns the file of the target with the cheat in it.
func (c Cheat) Apply(t Target) ([]byte, error) {
	changed, err := c.apply(t)
	if err == nil && bytes.Equal(changed, t.Gap) {
		err = errors.New("nothing is changed")
	}
	if err != nil {
		return nil, fmt.Errorf("cheat %q on %s: %w", c.Name, t.Path, err)
	}
	return changed, nil
}

// For returns the cheats for tests of a framework, none for one that has none.
func For(framework v1alpha1.TestFramework) []Cheat {
	switch framework {
	case v1alpha1.TestPytest:
		return python
	case v1alpha1.TestGo:
		return golang
	default:
		return nil
	}
}

// Nothing is the body that does nothing: it returns no value, or zero ones. It is
// no cheat. Tests that pass with it say nothing of any other patch.
func Nothing(framework v1alpha1.TestFramework) Cheat {
	const name = "the body does nothing"
	if framework == v1alpha1.TestGo {
		return Cheat{name, goFile("", "", "")}
	}
	return Cheat{name, inBody("return None")}
}

// files are the test files, names the test functions of the target.
func (t Target) files() []string {
	var files []string
	for _, id := range t.FailToPass {
		file, _ := language.SplitTest(id)
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func (t Target) names() []string {
	var names []string
	for _, id := range t.FailToPass {
		_, name := language.SplitTest(id)
		names = append(names, name[strings.LastIndex(name, ".")+1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// bases are the names of the target's file and of its test files.
func (t Target) bases() []string {
	bases := []string{path.Base(t.Path)}
	for _, file := range t.files() {
		bases = append(bases, path.Base(file))
	}
	return bases
}

// placeholder splits the gap around the line that stands for the body: all after
// it is as in the fixed file.
func (t Target) placeholder() (before, line, after []byte, err error) {
	gap, fixed := language.Lines(t.Gap), language.Lines(t.Fixed)
	same := 0
	for same < min(len(gap), len(fixed)) && bytes.Equal(gap[len(gap)-1-same], fixed[len(fixed)-1-same]) {
		same++
	}
	at := len(gap) - 1 - same
	if at < 0 || len(bytes.TrimSpace(gap[at])) == 0 {
		return nil, nil, nil, errors.New("no body is missing")
	}
	return bytes.Join(gap[:at], nil), gap[at], bytes.Join(gap[at+1:], nil), nil
}

// replaced puts lines in place of the missing body, indented as it is.
func (t Target) replaced(code string) ([]byte, error) {
	before, line, after, err := t.placeholder()
	if err != nil {
		return nil, err
	}
	indent := string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	var body strings.Builder
	for text := range strings.SplitSeq(strings.TrimSpace(code), "\n") {
		if text != "" {
			body.WriteString(indent + text)
		}
		body.WriteString("\n")
	}
	return slices.Concat(before, []byte(body.String()), after), nil
}
