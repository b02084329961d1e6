package golang

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	// dependenciesFolder holds the package that imports all dependencies; its name
	// is none that a repository has.
	dependenciesFolder = "repoexpert_dependencies"
	// maxDependencies bounds the list of packages in bytes: 30,000 paths of 60.
	maxDependencies = 2 << 20
	// In what the go command says of packages that it would have to download, or
	// that vendor lacks.
	absentModule, unrequired     = "GOPROXY=off", "no required module"
	absentVendored, inconsistent = "-mod=vendor", "inconsistent vendoring"
	unsummed                     = "missing go.sum entry"
)

// dependencies lists the packages that the module's code and tests depend on,
// marked with + where they are there with all that they need, and what is wrong
// with those of the module itself, with -. A line with = is a whole package of it.
const dependencies = `{{if .ForTest}}{{else if and .Module .Module.Main}}{{with .DepsErrors}}-{{(index . 0).Err}}{{else}}={{.ImportPath}}{{end}}
{{else if .Incomplete}}{{else if ne .Name "main"}}+{{.ImportPath}}
{{end}}`

// Precompile implements language.Adapter. A package is written that imports all
// dependencies, and compiled and vetted as a test of it would be: so no code of the
// module is compiled, which would show what masks hide, and none runs. What is made
// lies in the build cache in the environment's folder.
func (a Adapter) Precompile(ctx context.Context, box sandbox.Box, dir string, timeout time.Duration) error {
	p := precompiler{box: box, dir: path.Clean(dir), cache: path.Join(a.environment, contract.GoCacheFolder), environment: a.environment, left: timeout}
	imports, err := p.imports(ctx)
	if err != nil {
		return err
	}
	folder := path.Join(p.dir, dependenciesFolder)
	defer discard(ctx, box, folder)
	err = box.WriteFiles(ctx, folder, map[string][]byte{"dependencies.go": []byte("package dependencies\n"), "dependencies_test.go": importing(imports)})
	if err != nil {
		return fmt.Errorf("listing the dependencies: %w", err)
	}
	argument := "./" + dependenciesFolder
	// The test program is built and vetted as every other, and "true" runs in its
	// place. What measures coverage is linked into every program that does.
	result, err := p.run(ctx, "go", "test", "-exec=true", "-cover", "-coverpkg="+argument, argument)
	if err != nil {
		return err
	}
	if result.ExitCode != 0 || result.TimedOut {
		return fmt.Errorf("%w: the dependencies do not compile: %s", language.ErrEnvironment, lastLine(result.Output))
	}
	return nil
}

// precompiler is one call of Precompile.
type precompiler struct {
	box                     sandbox.Box
	dir, cache, environment string
	left                    time.Duration
}

func (p *precompiler) run(ctx context.Context, args ...string) (sandbox.Result, error) {
	if p.left <= 0 {
		return sandbox.Result{TimedOut: true}, nil
	}
	result, err := p.box.Run(ctx, sandbox.Command{
		Args: append([]string{"sh", "-c", "mkdir -p \"$GOCACHE\"\n" + enter, "enter", p.environment}, args...),
		Dir:  p.dir, Env: slices.Concat([]string{"GOCACHE=" + p.cache}, goEnvironment, withoutCollector), Timeout: p.left, OutputLimit: maxDependencies,
	})
	p.left -= result.Elapsed
	if err != nil {
		return result, fmt.Errorf("compiling the dependencies: %w", err)
	}
	return result, unfit(result)
}

// imports lists the importable dependencies. A module none of whose packages is
// whole lacks modules.
func (p *precompiler) imports(ctx context.Context) ([]string, error) {
	result, err := p.run(ctx, "go", "list", "-e", "-deps", "-test", "-f", dependencies, "./...")
	if err != nil {
		return nil, err
	}
	if result.ExitCode != 0 || result.TimedOut || result.Truncated {
		return nil, missingModules("the go command cannot list the module's packages", lastLine(result.Output))
	}
	var imports []string
	whole, wrong := 0, ""
	for line := range strings.Lines(result.Output) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "="):
			whole++
		case strings.HasPrefix(line, "-") && wrong == "":
			wrong = printable(line[1:])
		case strings.HasPrefix(line, "+") && importable(line[1:]):
			imports = append(imports, line[1:])
		}
	}
	if whole == 0 && wrong != "" {
		return nil, missingModules("no package of the module has all that it imports", wrong)
	}
	return imports, nil
}

// missingModules says what to do about packages that cannot be found.
func missingModules(what, message string) error {
	remedy := "install what it needs in environment.image"
	switch {
	case strings.Contains(message, unsummed):
		remedy = "run go mod tidy and commit go.sum"
	case strings.Contains(message, inconsistent), strings.Contains(message, absentVendored):
		remedy = "run go mod vendor and commit the folder vendor"
	case strings.Contains(message, absentModule), strings.Contains(message, unrequired):
		remedy = "commit the folder vendor, put the modules into environment.image, or, where set-up has a network, add GOPATH=" +
			contract.EnvironmentPath + "/go go mod download to environment.setup"
	}
	return fmt.Errorf("%w: %s: %s; %s", language.ErrEnvironment, what, message, remedy)
}

// importable says whether a package of another module may be imported.
func importable(importPath string) bool {
	elements := strings.Split(importPath, "/")
	return module.CheckImportPath(importPath) == nil && importPath != "C" && importPath != "unsafe" &&
		!slices.Contains(elements, "internal") && !slices.Contains(elements, "vendor")
}

// importing is a test file that imports packages for their effect.
func importing(imports []string) []byte {
	var text strings.Builder
	text.WriteString("package dependencies\n\nimport (\n\t\"testing\"\n")
	for _, name := range imports {
		fmt.Fprintf(&text, "\t_ %q\n", name)
	}
	text.WriteString(")\n\nfunc TestNothing(*testing.T) {}\n")
	return []byte(text.String())
}
