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

// output runs a program, passes its progress on and returns what it printed on
// standard output.
func output(ctx context.Context, progress io.Writer, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout bytes.Buffer
	var tail tailWriter
	cmd.Stdout = &stdout
	cmd.Stderr = io.MultiWriter(progress, &tail)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// tailWriter keeps the last 4 KiB.
type tailWriter struct{ kept []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	const limit = 4 << 10
	t.kept = append(t.kept, p...)
	if len(t.kept) > limit {
		t.kept = append([]byte(nil), t.kept[len(t.kept)-limit:]...)
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return string(t.kept) }
