package golang

import (
	"bytes"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/cover"

	"github.com/repoexpert/operator/internal/language"
)

const (
	profileFolder = "cover"
	// maxTogether tests are measured by one command: to start one costs as much as a
	// short test.
	maxTogether = 32
	// maxProfile in bytes is what the profiles of one command should have, maxRead
	// what they may: 800,000 blocks of 80.
	maxProfile = 32 << 20
	maxRead    = 64 << 20
	// slowTest in seconds: a test that takes longer is not measured, and so no task
	// runs it, which would cost more than a sample is worth. Measuring runs each test
	// once more by itself: a few slow ones would take most of its time.
	slowTest = 10
)

// measure runs every test function that was reported, and was not slow, in a program
// of its own and notes the lines that it executes. What a program executes before its first test
// says nothing about tests: those lines are left out. Parts of a test are not told
// apart.
func (r *run) measure(ctx context.Context) error {
	found := &collector{coverage: &language.Coverage{Files: map[string][]language.CoverageGroup{}}, lines: map[string]map[int][]int{}}
	reach := imports(r.tree)
	for n, p := range r.packages {
		functions := r.measurable(p)
		if p.program == "" || len(functions) == 0 {
			continue
		}
		packages := strings.Join(reach.from(p), ",")
		if len(packages) > maxPattern {
			packages = r.tree.module + "/..."
		}
		if packages == "" {
			continue
		}
		problems := len(r.problems)
		if err := r.build(ctx, fmt.Sprintf("cover%d", n), []*testPackage{p}, "-cover", "-covermode=set", "-coverpkg="+packages); err != nil {
			return err
		}
		if len(r.problems) > problems {
			continue
		}
		if err := r.measurePackage(ctx, p, functions, found); err != nil {
			return err
		}
	}
	r.coverage = found.grouped()
	return nil
}

// measurable are the wanted functions of a package that passed or failed, and soon.
func (r *run) measurable(p *testPackage) []string {
	return slices.DeleteFunc(slices.Clone(p.wanted), func(function string) bool {
		test := r.tests[p.functions[function]+"::"+function]
		ran := test.Outcome == language.OutcomePassed || test.Outcome == language.OutcomeFailed
		return !ran || test.Seconds > slowTest
	})
}

func (r *run) measurePackage(ctx context.Context, p *testPackage, functions []string, found *collector) error {
	none, err := r.profiles(ctx, p, []string{"^$"})
	if err != nil {
		return err
	}
	before, err := executed(none[0], r.tree)
	if err != nil {
		return fmt.Errorf("%w: %w", language.ErrForged, err)
	}
	// All profiles of a program list the same blocks.
	together := min(maxTogether, max(1, maxProfile/(len(none[0])+1)))
	for some := range slices.Chunk(functions, together) {
		patterns := make([]string, len(some))
		for n, function := range some {
			patterns[n] = "^" + function + "$"
		}
		profiles, err := r.profiles(ctx, p, patterns)
		if err != nil {
			return err
		}
		for n, function := range some {
			lines, err := executed(profiles[n], r.tree)
			if err != nil {
				return fmt.Errorf("%w: %w", language.ErrForged, err)
			}
			for name := range lines {
				maps.DeleteFunc(lines[name], func(line int, _ bool) bool { return before[name][line] })
			}
			found.add(p.functions[function]+"::"+function, lines)
		}
	}
	return nil
}

// each runs a program once for every pattern, one after another: $1 is the
// program, $2 the folder of the profiles.
const each = `program=$1 profiles=$2 n=0; shift 2
for pattern; do
  "$program" -test.paniconexit0 -test.count=1 "-test.run=$pattern" "-test.coverprofile=$profiles/$n"
  n=$((n+1))
done`

// profiles runs the tests of each pattern in a program of its own and returns its
// coverage profile; nothing for one that ended early.
func (r *run) profiles(ctx context.Context, p *testPackage, patterns []string) ([][]byte, error) {
	// A file of zero bytes shows that the program wrote none.
	empty := map[string][]byte{}
	names := make([]string, len(patterns))
	for n := range patterns {
		names[n] = path.Join(profileFolder, strconv.Itoa(n))
		empty[names[n]] = nil
	}
	if err := r.box.WriteFiles(ctx, r.report, empty); err != nil {
		return nil, fmt.Errorf("preparing the coverage: %w", err)
	}
	args := append([]string{"sh", "-c", each, "each", p.program, absolute(r.box, r.report, profileFolder)}, patterns...)
	result, err := r.execute(ctx, p.folder, buildOutput, args...)
	if err != nil {
		return nil, err
	}
	if result.TimedOut {
		r.ended = language.StateTimedOut
		return nil, errEnded
	}
	files, err := r.box.ReadFiles(ctx, r.report, names, maxRead)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the coverage: %w", language.ErrForged, err)
	}
	profiles := make([][]byte, len(names))
	for n, name := range names {
		profiles[n] = files[name]
	}
	return profiles, nil
}

// executed reads a coverage profile: the lines of every block that ran. Files that
// are not the tree's are left out.
func executed(profile []byte, t *tree) (map[string]map[int]bool, error) {
	found := map[string]map[int]bool{}
	if len(profile) == 0 {
		return found, nil
	}
	profiles, err := cover.ParseProfilesFromReader(bytes.NewReader(profile))
	if err != nil {
		return nil, fmt.Errorf("the coverage profile cannot be read: %w", err)
	}
	for _, file := range profiles {
		name, ok := strings.CutPrefix(file.FileName, t.module+"/")
		source, known := t.sources[name]
		if !ok || !known {
			continue
		}
		last := bytes.Count(source, []byte("\n")) + 1
		lines := map[int]bool{}
		for _, block := range file.Blocks {
			if block.Count <= 0 {
				continue
			}
			if block.StartLine < 1 || block.EndLine < block.StartLine || block.EndLine > last {
				return nil, fmt.Errorf("the coverage profile has lines %d-%d of %.80q, which has %d", block.StartLine, block.EndLine, name, last)
			}
			for n := block.StartLine; n <= block.EndLine; n++ {
				lines[n] = true
			}
		}
		if len(lines) > 0 {
			found[name] = lines
		}
	}
	return found, nil
}

// collector gathers the lines of tests.
type collector struct {
	coverage *language.Coverage
	// lines maps a file's lines to indexes of tests, ascending.
	lines map[string]map[int][]int
}

func (c *collector) add(id string, executed map[string]map[int]bool) {
	test := len(c.coverage.Tests)
	c.coverage.Tests = append(c.coverage.Tests, id)
	for name, lines := range executed {
		if c.lines[name] == nil {
			c.lines[name] = map[int][]int{}
		}
		for line := range lines {
			c.lines[name][line] = append(c.lines[name][line], test)
		}
	}
}

// grouped joins lines with the same tests.
func (c *collector) grouped() *language.Coverage {
	for name, tests := range c.lines {
		if groups := language.GroupLines(tests); len(groups) > 0 {
			c.coverage.Files[name] = groups
		}
	}
	return c.coverage
}

// importGraph is what the packages of a tree import of it, by folder: with their
// tests, and without.
type importGraph struct {
	tree       *tree
	code, test map[string]map[string]bool
}

func imports(t *tree) *importGraph {
	g := &importGraph{tree: t, code: map[string]map[string]bool{}, test: map[string]map[string]bool{}}
	for name, source := range t.sources {
		if !builds(name, source) {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly|parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		graph, folder := g.code, path.Dir(name)
		if isTest(name) {
			graph = g.test
		}
		if graph[folder] == nil {
			graph[folder] = map[string]bool{}
		}
		for _, spec := range syntax.Imports {
			if imported := importOf(spec); imported == t.module {
				graph[folder]["."] = true
			} else if inner, ok := strings.CutPrefix(imported, t.module+"/"); ok {
				graph[folder][inner] = true
			}
		}
	}
	return g
}

// from lists the import paths of the packages with code that a package's tests
// reach, in order.
func (g *importGraph) from(p *testPackage) []string {
	reached := map[string]bool{p.folder: true}
	waiting := append([]string{p.folder}, slices.Collect(maps.Keys(g.test[p.folder]))...)
	for len(waiting) > 0 {
		folder := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		reached[folder] = true
		for next := range g.code[folder] {
			if !reached[next] {
				reached[next] = true
				waiting = append(waiting, next)
			}
		}
	}
	var paths []string
	for folder := range reached {
		if g.code[folder] != nil {
			paths = append(paths, g.tree.importPath(folder))
		}
	}
	slices.Sort(paths)
	return paths
}
