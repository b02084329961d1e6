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

// apply applies what a patch says of source files in dir. The reason is empty
// when it did. git itself reads the patch, in the box: it refuses paths that
// leave the tree or go through links.
func (g *Grader) apply(ctx context.Context, dir, patch string) (reason Reason, ignored int, err error) {
	if len(patch) > patchLimit {
		return PatchTooLarge, 0, nil
	}
	if !strings.HasSuffix(patch, "\n") {
		patch += "\n"
	}
	// Not in the tree, where it could be collected or imported.
	if err := g.box.WriteFiles(ctx, dir+".patch", map[string][]byte{patchFile: []byte(patch)}); err != nil {
		return "", 0, fmt.Errorf("writing the patch: %w", err)
	}
	listed, err := g.git(ctx, dir, "apply", "--numstat", "-z")
	if err != nil {
		return "", 0, err
	}
	touched, ok := touchedFiles(listed)
	if !ok {
		return PatchNotApplicable, 0, nil
	}
	include := []string{"apply", "--whitespace=nowarn"}
	for _, file := range touched {
		if g.allowed(file) {
			include = append(include, "--include="+escape(file))
		} else {
			ignored++
		}
	}
	if len(touched) == ignored {
		return PatchOutsideSource, ignored, nil
	}
	applied, err := g.git(ctx, dir, include...)
	if err == nil && applied.ExitCode != 0 {
		reason = PatchNotApplicable
	}
	return reason, ignored, err
}

// allowed says whether a patch may change a file: source files of the snapshot,
// and neither tests nor what configures them.
func (g *Grader) allowed(file string) bool {
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
