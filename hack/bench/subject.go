package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// subject is a real repository at a pinned commit.
type subject struct {
	name, url, commit string
	framework         v1alpha1.TestFramework
	// locks pin the packages that its tests import. No subject has another's: a
	// plug-in of pytest is imported in every run of tests.
	locks []string
}

// subjects are small, well-tested and known to many. Their code is fetched when
// they are measured and runs with the rights of the user who does.
var subjects = []subject{
	{"click", "https://github.com/pallets/click", "2c8cd3ac958a7eb316d67f2d316c27086c4c0369", v1alpha1.TestPytest, []string{"python.lock"}},
	{"attrs", "https://github.com/python-attrs/attrs", "c1dc5dcba16ed827aa6dcad896b41a3afedb4e32", v1alpha1.TestPytest, []string{"python.lock", "attrs.lock"}},
	{"cobra", "https://github.com/spf13/cobra", "adbc8813901bba65827259daa8e22ff94ec1f30e", v1alpha1.TestGo, nil},
}

func subjectNamed(name string) (subject, error) {
	i := slices.IndexFunc(subjects, func(s subject) bool { return s.name == name })
	if i < 0 {
		return subject{}, fmt.Errorf("repository %s is unknown: name some of %v", name, subjectNames())
	}
	return subjects[i], nil
}

func subjectNames() []string {
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = s.name
	}
	return names
}

// place is a subject that is ready to be measured.
type place struct {
	subject
	// checkout has the history up to the commit, head the commit's tree alone.
	checkout, head string
	// pythonPath are folders that its code imports from, flags those of the worker
	// that say how it runs.
	pythonPath, flags []string
}

// workspace is where subjects are prepared.
type workspace struct {
	root local.Root
	// dir is kept between calls: a folder of the user's cache.
	dir string
	log io.Writer
	// env is added to that of programs.
	env []string
}

// openWorkspace makes the folder in the user's cache.
func openWorkspace() (workspace, error) {
	root, err := local.FindRoot()
	if err != nil {
		return workspace{}, err
	}
	cache, err := local.CacheDir()
	if err != nil {
		return workspace{}, err
	}
	w := workspace{root: root, dir: filepath.Join(cache, "bench"), log: os.Stderr}
	return w, os.MkdirAll(w.dir, 0o755)
}

// prepare clones a subject, once, and installs what its tests need.
func (w workspace) prepare(ctx context.Context, s subject) (place, error) {
	p := place{
		subject: s, checkout: filepath.Join(w.dir, s.name), head: filepath.Join(w.dir, s.name+"-head"),
		flags: []string{"--framework", string(s.framework)},
	}
	if _, err := os.Stat(filepath.Join(p.checkout, ".git")); err != nil {
		if err := w.run(ctx, w.dir, "git", "clone", "--quiet", s.url, p.checkout); err != nil {
			return p, fmt.Errorf("%w\n(git's setting url.<mirror>.insteadOf names a mirror)", err)
		}
	}
	if err := w.run(ctx, p.checkout, "git", "checkout", "--quiet", "--force", "--detach", s.commit); err != nil {
		return p, err
	}
	if err := w.copyHead(ctx, p); err != nil {
		return p, err
	}
	switch s.framework {
	case v1alpha1.TestPytest:
		site, err := w.pythonSite(ctx, s)
		p.pythonPath, p.flags = []string{site}, append(p.flags, "--python-path", site)
		return p, err
	case v1alpha1.TestGo:
		return p, w.run(ctx, p.checkout, "go", "mod", "download", "all")
	default:
		return p, fmt.Errorf("no set-up is known for %s", s.framework)
	}
}

// copyHead makes a repository of one commit with the subject's tree: without a
// history all bugs are mutants.
func (w workspace) copyHead(ctx context.Context, p place) error {
	if err := os.RemoveAll(p.head); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--shared", p.checkout, p.head},
		{"-C", p.head, "checkout", "--quiet", "--orphan", "head", p.commit},
		{"-C", p.head, "-c", "user.name=bench", "-c", "user.email=bench@example.invalid", "-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify",
			"--date", "2026-01-01T00:00:00Z", "-m", p.name},
	} {
		if err := w.run(ctx, w.dir, "git", args...); err != nil {
			return err
		}
	}
	return nil
}

// eachSubject opens a workspace and measures the subjects that are named, in order.
func eachSubject(names []string, measure func(workspace, subject) error) error {
	w, err := openWorkspace()
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := subjectNamed(name)
		if err != nil {
			return err
		}
		if err := measure(w, s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// pythonSite installs pytest and what else the subject's tests import.
func (w workspace) pythonSite(ctx context.Context, s subject) (string, error) {
	site := filepath.Join(w.dir, s.name+"-site")
	args := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore", "--no-deps", "--upgrade", "--target", site}
	for _, lock := range s.locks {
		args = append(args, "-r", w.root.Path("hack", "bench", lock))
	}
	return site, w.run(ctx, w.dir, "python3", args...)
}

func (w workspace) run(ctx context.Context, dir, name string, args ...string) error {
	_, err := w.output(ctx, dir, name, args...)
	return err
}

// output runs a program and returns what it printed; what it says on standard
// error goes to the log, and into the error when it fails.
func (w workspace) output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), w.env...)
	var stderr strings.Builder
	cmd.Stderr = io.MultiWriter(w.log, &stderr)
	content, err := cmd.Output()
	if err != nil {
		text := stderr.String()
		const shown = 1000
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, text[max(0, len(text)-shown):])
	}
	return string(content), nil
}
