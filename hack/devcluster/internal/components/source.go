package components

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// KubernetesVersion is what the programs report. A build from the Go module has
// no version of its own: it would say "v0.0.0-master+$Format:%H$", which client
// libraries and kubectl's version check cannot parse.
const KubernetesVersion = "v1.37.2"

// sourceVariable overrides where the components' module is looked for.
const sourceVariable = "DEVCLUSTER_SOURCE"

// FindSource finds the folder of the components' module: by the environment, or
// upwards from the program or from the current folder.
func FindSource() (string, error) {
	if dir := os.Getenv(sourceVariable); dir != "" {
		if isSource(dir) {
			return dir, nil
		}
		return "", fmt.Errorf("%s=%s has no go.mod", sourceVariable, dir)
	}
	var starts []string
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	if cwd, err := os.Getwd(); err == nil {
		starts = append(starts, cwd)
	}
	for _, start := range starts {
		if dir, ok := findUpwards(start); ok {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no hack/devcluster/components above the program or the current folder: run it from the repository, or set %s", sourceVariable)
}

func findUpwards(dir string) (string, bool) {
	for {
		for _, candidate := range []string{"components", "hack/devcluster/components"} {
			if path := filepath.Join(dir, candidate); isSource(path) {
				return path, true
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

func isSource(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.Contains(string(b), "hack/devcluster/components")
}

// sourceKey hashes everything that a build depends on: the sources and pins, and
// the words given (compiler version, platform, flags).
func sourceKey(source string, words ...string) (string, error) {
	var files []string
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.Type().IsRegular() && (filepath.Ext(name) == ".go" || name == "go.mod" || name == "go.sum") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the components' sources: %w", err)
	}
	if len(files) == 0 {
		return "", errors.New("read the components' sources: none in " + source)
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read the components' sources: %w", err)
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return "", fmt.Errorf("read the components' sources: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", relative, len(content), content)
	}
	for _, word := range words {
		fmt.Fprintf(sum, "%s\n", word)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
