package golang

import (
	"go/ast"
	"go/doc"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/module"

	"github.com/repoexpert/operator/internal/language"
)

// testPackage is a folder with test files.
type testPackage struct {
	folder     string
	importPath string
	// clause is the name in the package clause of a test file.
	clause string
	// files are the test files in scope, functions the test functions of the
	// package with the file of each, wanted those that are to run.
	files     []string
	functions map[string]string
	wanted    []string
	// program is the compiled test program, as commands in the box see it; "" for
	// one that did not build.
	program string
}

// packagesOf lists the packages with tests in scope, by folder.
func packagesOf(t *tree, request language.TestRequest) []*testPackage {
	byFolder := map[string]*testPackage{}
	selected := selection(request.Select)
	var packages []*testPackage
	for _, name := range t.paths() {
		// To the go command three dots mean any folder, and no import path may have them.
		if !isTest(name) || !builds(name, t.sources[name]) || strings.Contains(name, "...") {
			continue
		}
		folder := path.Dir(name)
		p := byFolder[folder]
		if p == nil {
			p = &testPackage{folder: folder, importPath: t.importPath(folder), functions: map[string]string{}}
			byFolder[folder] = p
			packages = append(packages, p)
		}
		p.add(name, t.sources[name], func(function string) bool {
			return inScope(name, request.Paths) && (len(request.Select) == 0 || selected[name+"::"+function])
		}, len(request.Select) == 0 && inScope(name, request.Paths))
	}
	packages = slices.DeleteFunc(packages, func(p *testPackage) bool { return len(p.wanted) == 0 && len(p.files) == 0 })
	for _, p := range packages {
		slices.Sort(p.wanted)
	}
	return packages
}

// selection is the functions of the selected tests, as "file::function".
func selection(ids []string) map[string]bool {
	selected := map[string]bool{}
	for _, id := range ids {
		file, function := language.SplitTest(id)
		selected[file+"::"+function] = true
	}
	return selected
}

func inScope(name string, paths []string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, func(folder string) bool { return below(name, path.Clean(folder)) })
}

// add notes a test file. One that does not parse keeps its package from building:
// it counts where whole files are in scope.
func (p *testPackage) add(name string, source []byte, wanted func(string) bool, whole bool) {
	f, err := parse(name, source)
	if err != nil {
		if whole {
			p.files = append(p.files, name)
		}
		return
	}
	if p.clause == "" {
		p.clause = f.syntax.Name.Name
	}
	asked := false
	for _, function := range testFunctions(f.syntax) {
		if _, known := p.functions[function]; known {
			continue
		}
		p.functions[function] = name
		if wanted(function) {
			p.wanted = append(p.wanted, function)
			asked = true
		}
	}
	if asked {
		p.files = append(p.files, name)
	}
}

// testFunctions lists what the test runner runs of a file: tests, the seeds of
// fuzz tests, and examples that say what they print.
func testFunctions(syntax *ast.File) []string {
	var names []string
	for _, declaration := range syntax.Decls {
		d, ok := declaration.(*ast.FuncDecl)
		if ok && d.Recv == nil && d.Type.Params.NumFields() == 1 && d.Type.TypeParams == nil &&
			(testName(d.Name.Name, "Test") || testName(d.Name.Name, "Fuzz")) && d.Name.Name != "TestMain" {
			names = append(names, d.Name.Name)
		}
	}
	for _, example := range doc.Examples(syntax) {
		if example.Output != "" || example.EmptyOutput {
			names = append(names, "Example"+example.Name)
		}
	}
	return names
}

// testName says whether a name is that of a test: "Testing" is not.
func testName(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && (rest == "" || !unicode.IsLower(first))
}

// programName is the file name that the go command gives the test program.
func (p *testPackage) programName() string {
	prefix, version, ok := module.SplitPathVersion(p.importPath)
	if ok && strings.HasPrefix(version, "/") {
		return path.Base(prefix) + ".test"
	}
	return path.Base(p.importPath) + ".test"
}

// rounds groups packages so that no two of a group have programs of one name.
func rounds(packages []*testPackage) [][]*testPackage {
	var grouped [][]*testPackage
	count := map[string]int{}
	for _, p := range packages {
		n := count[p.programName()]
		count[p.programName()]++
		if n == len(grouped) {
			grouped = append(grouped, nil)
		}
		grouped[n] = append(grouped[n], p)
	}
	return grouped
}

// argument is the package as the go command takes it.
func (p *testPackage) argument() string {
	if p.folder == "." {
		return "."
	}
	return "./" + p.folder
}
