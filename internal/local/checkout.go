package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// gitTimeout bounds one question to git about a checkout.
const gitTimeout = time.Minute

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Checkout is a git repository of this machine at its current commit.
type Checkout struct {
	// Dir is the absolute top folder of the working tree, or the repository
	// itself where it is bare.
	Dir string
	// GitDir is the absolute folder of its objects and references.
	GitDir string
	// Commit that HEAD names, 40 hexadecimal digits.
	Commit string
	// Uncommitted are the paths that differ from the commit, with git's two
	// letters before each, in git's order.
	Uncommitted []string
}

// OpenCheckout looks at the repository that a folder belongs to and changes
// nothing in it.
func OpenCheckout(ctx context.Context, dir string) (Checkout, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Checkout{}, fmt.Errorf("--local: %w", err)
	}
	gitDir, err := ask(ctx, dir, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return Checkout{}, fmt.Errorf("--local %s is no git repository: name a checkout: %w", dir, err)
	}
	if shallow, err := ask(ctx, dir, "rev-parse", "--is-shallow-repository"); err != nil || shallow == "true" {
		return Checkout{}, errors.Join(err, fmt.Errorf("--local %s is a shallow clone: bring its history with git fetch --unshallow", dir))
	}
	commit, err := ask(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return Checkout{}, fmt.Errorf("--local %s has no commit yet: commit something: %w", dir, err)
	}
	if !commitPattern.MatchString(commit) {
		return Checkout{}, fmt.Errorf("--local %s names commits as %.80q: only repositories with SHA-1 names are read", dir, commit)
	}
	c := Checkout{Dir: gitDir, GitDir: gitDir, Commit: commit}
	if bare, err := ask(ctx, dir, "rev-parse", "--is-inside-work-tree"); err != nil || bare != "true" {
		return c, err
	}
	if c.Dir, err = ask(ctx, dir, "rev-parse", "--path-format=absolute", "--show-toplevel"); err != nil {
		return Checkout{}, err
	}
	status, err := ask(ctx, c.Dir, "status", "--porcelain=v1", "--no-renames", "--untracked-files=normal")
	if err != nil {
		return Checkout{}, err
	}
	for line := range strings.Lines(status) {
		c.Uncommitted = append(c.Uncommitted, strings.TrimRight(line, "\n"))
	}
	return c, nil
}

// ask runs a git command that only reads and returns what it prints, without the
// last line end.
func ask(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	// Variables that name another repository would answer for it.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %.300s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}
