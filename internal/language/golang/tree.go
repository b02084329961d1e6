package golang

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	maxFiles       = 5000
	maxFileBytes   = 1 << 20
	maxSourceBytes = 256 << 20
	// batch is how many files are read at once.
	batch = 64
	// maxListBytes of names: 5,000 paths of 200 bytes are one MiB.
	maxListBytes = 8 << 20
	// maxPath is the longest path that an inventory may have.
	maxPath     = 1024
	listTimeout = 2 * time.Minute
	moduleFile  = "go.mod"
)

// listFiles prints what there is to read, a mark and a path on each line: f is a
// file, b one above the bound in bytes, l a symbolic link, d a folder that the go
// command does not enter either. Hidden folders are left out.
const listFiles = `set -e
command -v find >/dev/null && command -v sed >/dev/null || exit 127
walk() {
  mark=$1; shift
  find . ! -name . -type d \( -name '.*' -o -name '_*' -o -name node_modules -o -name testdata -o -name vendor \) -prune -o "$@" -print |
    sed "s|^\./|$mark/|"
}
walk f -type f \( -name '*.go' -o -name go.mod \) ! -size +"$1"c
walk b -type f -name '*.go' -size +"$1"c
walk l -type l -name '*.go'
find . ! -name . -type d \( -name '.*' -o -name '_*' -o -name node_modules \) -prune -o -type d \( -name testdata -o -name vendor \) -print -prune |
  sed 's|^\./|d/|'
`

// tree is what was read of a source tree: the files of the module at its root.
type tree struct {
	// module is the path that go.mod at the root declares, "" without one.
	module    string
	sources   map[string][]byte
	skipped   []language.SkippedFile
	truncated string
}

// paths of the sources, in order.
func (t *tree) paths() []string {
	paths := make([]string, 0, len(t.sources))
	for name := range t.sources {
		paths = append(paths, name)
	}
	slices.Sort(paths)
	return paths
}

// looseFiles is what the go command calls a package without an import path.
const looseFiles = "command-line-arguments"

// importPath is how code imports the package in a folder; "." is the root.
// Without a module it is the folder alone.
func (t *tree) importPath(folder string) string {
	switch {
	case t.module == "" && folder == ".":
		return looseFiles
	case t.module == "":
		return folder
	case folder == ".":
		return t.module
	default:
		return t.module + "/" + folder
	}
}

// readTree reads the files that wanted accepts, and go.mod.
func readTree(ctx context.Context, box sandbox.Box, dir string, wanted func(string) bool) (*tree, error) {
	t := &tree{sources: map[string][]byte{}}
	listed, err := list(ctx, box, dir)
	if err != nil {
		return nil, err
	}
	paths := t.sort(listed, wanted)
	total := 0
	for chunk := range slices.Chunk(paths, batch) {
		files, err := box.ReadFiles(ctx, dir, chunk, batch*maxFileBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: reading the source files: %w", language.ErrInventory, err)
		}
		for name, content := range files {
			t.sources[name] = content
			total += len(content)
		}
		if total > maxSourceBytes {
			t.truncated = fmt.Sprintf("more than %d bytes of source", maxSourceBytes)
			break
		}
	}
	t.module = modulePath(t.sources[moduleFile])
	delete(t.sources, moduleFile)
	return t, nil
}

// list runs the listing in the box.
func list(ctx context.Context, box sandbox.Box, dir string) ([]string, error) {
	result, err := box.Run(ctx, sandbox.Command{
		Args: []string{"sh", "-c", listFiles, "list", fmt.Sprint(maxFileBytes)},
		Dir:  dir, Timeout: listTimeout, OutputLimit: maxListBytes,
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("listing the source files: %w", err)
	case result.ExitCode == missingProgram:
		return nil, fmt.Errorf("%w: sh, find and sed list the source files; use an image with them", language.ErrEnvironment)
	case result.TimedOut || result.ExitCode != 0:
		return nil, fmt.Errorf("%w: listing the source files ended with %d: %s", language.ErrInventory, result.ExitCode, lastLine(result.Output))
	case result.Truncated:
		return nil, fmt.Errorf("%w: the list of the source files is above %d bytes", language.ErrInventory, maxListBytes)
	}
	return strings.Split(strings.TrimSpace(result.Output), "\n"), nil
}

// skipReasons are why what has a mark in the listing is not read.
var skipReasons = map[string]string{"d": "the go command does not build it", "l": "symbolic link", "b": "larger than the limit"}

// sort takes the paths to read from a listing, in order, and notes what is not
// read and why.
func (t *tree) sort(listed []string, wanted func(string) bool) []string {
	var files, modules []string
	for _, line := range listed {
		mark, name, ok := strings.Cut(line, "/")
		switch {
		case !ok || !cleanPath(name):
		case skipReasons[mark] != "":
			t.skip(name, skipReasons[mark])
		case path.Base(name) == moduleFile && name != moduleFile:
			modules = append(modules, path.Dir(name))
		case mark == "f":
			files = append(files, name)
		}
	}
	for _, folder := range modules {
		t.skip(folder, "another module")
	}
	slices.SortFunc(t.skipped, func(a, b language.SkippedFile) int { return cmp.Compare(a.Path, b.Path) })
	files = slices.DeleteFunc(files, func(name string) bool {
		inside := func(folder string) bool { return below(name, folder) }
		return name != moduleFile && (!wanted(name) || slices.ContainsFunc(modules, inside))
	})
	return t.bounded(files)
}

// bounded sorts paths and keeps as many as may be read; go.mod always.
func (t *tree) bounded(paths []string) []string {
	slices.Sort(paths)
	if len(paths) <= maxFiles {
		return paths
	}
	t.truncated = fmt.Sprintf("more than %d files", maxFiles)
	at, found := slices.BinarySearch(paths, moduleFile)
	kept := paths[:maxFiles]
	if found && at >= maxFiles {
		kept = append(kept, moduleFile)
	}
	return kept
}

func (t *tree) skip(name, reason string) {
	t.skipped = append(t.skipped, language.SkippedFile{Path: name, Reason: reason})
}

// below says whether a path is a folder or inside of it.
func below(name, folder string) bool {
	return folder == "." || name == folder || strings.HasPrefix(name, folder+"/")
}

// modulePath is the path that a go.mod declares; "" for one that declares none
// that could be imported.
func modulePath(content []byte) string {
	declared := modfile.ModulePath(content)
	if module.CheckImportPath(declared) != nil {
		return ""
	}
	return declared
}

// cleanPath says whether a path from the box stays below the tree's root and fits
// an inventory.
func cleanPath(name string) bool {
	return fs.ValidPath(name) && name != "." && len(name) <= maxPath && !strings.ContainsAny(name, "\\") &&
		!strings.ContainsFunc(name, unicode.IsControl)
}

// isTest says whether the go command takes a file for a test.
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// builds says whether a file belongs to a package where tests run: Linux, this
// worker's architecture, which is its sidecars', and cgo. A file whose
// constraints cannot be read belongs to it: the parser tells what is wrong.
func builds(name string, source []byte) bool {
	context := build.Context{
		GOOS: "linux", GOARCH: runtime.GOARCH, Compiler: "gc", CgoEnabled: true, ReleaseTags: build.Default.ReleaseTags,
		JoinPath: path.Join,
		OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(source)), nil },
	}
	matches, err := context.MatchFile(".", path.Base(name))
	return matches || err != nil
}

// lastLine is the last line of output with text, bounded, in printable ASCII.
func lastLine(output string) string {
	output = strings.TrimSpace(output)
	return printable(output[strings.LastIndexByte(output, '\n')+1:])
}

// printable is a line of foreign text, fit for an error.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimSpace(line))
	return line[:min(len(line), 200)]
}
