package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is the repository's root folder.
type Root string

// FindRoot walks up from the working directory to the folder with the
// operator's go.mod.
func FindRoot() (Root, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return Root(dir), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no PROJECT file above the working directory: run this inside the repository")
		}
		dir = parent
	}
}

// Path joins names to the root.
func (r Root) Path(names ...string) string {
	return filepath.Join(append([]string{string(r)}, names...)...)
}

// CacheDir is the user's cache folder for this project.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("user cache folder: %w", err)
	}
	dir := filepath.Join(base, "repoexpert")
	return dir, os.MkdirAll(dir, 0o755)
}

// workbench runs the programs that build and install things.
type workbench struct {
	root Root
	// progress gets what long steps print.
	progress io.Writer
}

// output runs a program at the repository's root, passes its progress on and
// returns what it printed on standard output.
func (w workbench) output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = string(w.root)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = io.MultiWriter(w.progress, &stderr)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// devcluster runs hack/devcluster's program.
func (w workbench) devcluster(ctx context.Context, args ...string) (string, error) {
	return w.output(ctx, nil, w.root.Path("bin", "devcluster"), args...)
}

// tail is the end of a text, at most 4 KiB.
func tail(text string) string {
	const limit = 4 << 10
	return text[max(0, len(text)-limit):]
}
