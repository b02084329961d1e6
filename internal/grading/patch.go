package grading

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	// patchLimit bounds a submission, in bytes.
	patchLimit = 128 << 10
	// patchFiles bounds how many files a patch touches.
	patchFiles   = 200
	patchTimeout = time.Minute
	patchFile    = "submission.diff"
	patchOutput  = 256 << 10
)

// application is what became of a patch.
type application struct {
	// reason why it was not applied; empty when it was.
	reason Reason
	// ignored counts the files that were not applied, files are the others.
	ignored int
	files   []string
}

// apply applies what a patch says of allowed files in dir. git itself reads the
// patch, in the box: it refuses paths that leave the tree or go through links.
func (g *Grader) apply(ctx context.Context, dir, patch string, allowed func(path string) bool) (application, error) {
	var a application
	if len(patch) > patchLimit {
		a.reason = PatchTooLarge
		return a, nil
	}
	if !strings.HasSuffix(patch, "\n") {
		patch += "\n"
	}
	// Not in the tree, where it could be collected or imported.
	if err := g.box.WriteFiles(ctx, dir+".patch", map[string][]byte{patchFile: []byte(patch)}); err != nil {
		return a, fmt.Errorf("writing the patch: %w", err)
	}
	listed, err := g.git(ctx, dir, "apply", "--numstat", "-z")
	if err != nil {
		return a, err
	}
	touched, ok := touchedFiles(listed)
	if !ok {
		a.reason = PatchNotApplicable
		return a, nil
	}
	include := []string{"apply", "--whitespace=nowarn"}
	for _, file := range touched {
		if allowed(file) {
			include = append(include, "--include="+escape(file))
			a.files = append(a.files, file)
		} else {
			a.ignored++
		}
	}
	if len(a.files) == 0 {
		a.reason = PatchOutsideSource
		return a, nil
	}
	applied, err := g.git(ctx, dir, include...)
	if err == nil && applied.ExitCode != 0 {
		a.reason = PatchNotApplicable
	}
	return a, err
}

// isSource says whether a patch that repairs may change a file: source files of
// the tree, and neither tests nor what configures them.
func (g *Grader) isSource(file string) bool {
	module, known := g.modules[file]
	return known && !module.IsTest && path.Base(file) != "conftest.py" && path.Base(file) != "setup.py"
}

// escape takes the special meaning from the characters of a git pattern.
func escape(file string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(file)
}

func (g *Grader) git(ctx context.Context, dir string, args ...string) (sandbox.Result, error) {
	result, err := g.box.Run(ctx, sandbox.Command{
		Args:        append(append([]string{"git"}, args...), path.Join(g.box.Root(), dir+".patch", patchFile)),
		Dir:         dir,
		Env:         []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + g.box.Root()},
		Timeout:     patchTimeout,
		OutputLimit: patchOutput,
	})
	if err != nil {
		return result, fmt.Errorf("applying the patch: %w", err)
	}
	return result, nil
}

// touchedFiles reads the output of git apply --numstat -z: entries of "added TAB
// deleted TAB path", each ended by NUL.
func touchedFiles(result sandbox.Result) ([]string, bool) {
	if result.ExitCode != 0 || result.Truncated || result.TimedOut {
		return nil, false
	}
	var files []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(result.Output, "\x00"), "\x00") {
		fields := strings.SplitN(entry, "\t", 3)
		if len(fields) != 3 || fields[2] == "" || len(files) == patchFiles {
			return nil, false
		}
		files = append(files, fields[2])
	}
	return files, true
}
