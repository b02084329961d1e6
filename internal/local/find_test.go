package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/task"
)

// output is an output folder with two shards of experience and, later, a data
// set.
func output(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, folder := range []string{"experience/k1/shard-0000", "experience/k1/shard-0001", "datasets/k2"} {
		name := "samples.jsonl"
		if folder == "datasets/k2" {
			name = "train.jsonl"
		}
		place := filepath.Join(dir, folder)
		put(t, filepath.Join(place, artifact.ManifestName), "{}")
		writeSamples(t, filepath.Join(place, name), task.Meta{Unit: "A", TaskID: "mask-" + string(rune('a'+i))}, task.Meta{Unit: "B", TaskID: "mask-z"})
		when := time.Unix(int64(1000*i), 0)
		if err := os.Chtimes(filepath.Join(place, artifact.ManifestName), when, when); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "experience/k3/.draft-shard-0000-0123456789abcdef", artifact.ManifestName), "{}")
	return dir
}

func writeSamples(t *testing.T, name string, metas ...task.Meta) {
	t.Helper()
	var samples []task.Sample
	for _, meta := range metas {
		samples = append(samples, task.Sample{Meta: meta})
	}
	if err := task.WriteFile(name, samples); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir := output(t)
	shards := []string{"experience/k1/shard-0000", "experience/k1/shard-0001"}
	for name, test := range map[string]struct {
		place          string
		files, folders []string
	}{
		"the newest of an output": {dir, []string{"datasets/k2/train.jsonl"}, []string{"datasets/k2"}},
		"a file":                  {filepath.Join(dir, shards[0], "samples.jsonl"), []string{shards[0] + "/samples.jsonl"}, nil},
		"a folder with a file":    {filepath.Join(dir, "datasets/k2"), []string{"datasets/k2/train.jsonl"}, nil},
	} {
		t.Run(name, func(t *testing.T) { checkFound(t, dir, test.place, test.files, test.folders) })
	}
	t.Run("all shards", func(t *testing.T) {
		if err := os.RemoveAll(filepath.Join(dir, "datasets")); err != nil {
			t.Fatal(err)
		}
		checkFound(t, dir, dir, []string{shards[0] + "/samples.jsonl", shards[1] + "/samples.jsonl"}, shards)
	})
	for says, place := range map[string]string{"holds no samples": t.TempDir(), "no such file": filepath.Join(dir, "none")} {
		if _, err := Find(place); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s gives %v, want %q", place, err, says)
		}
	}
}

func checkFound(t *testing.T, dir, place string, files, folders []string) {
	t.Helper()
	found, err := Find(place)
	if err != nil {
		t.Fatal(err)
	}
	var below []string
	for _, file := range found.Files {
		below = append(below, strings.TrimPrefix(file, dir+"/"))
	}
	if diff := cmp.Diff(files, below); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(folders, found.Folders); diff != "" {
		t.Error(diff)
	}
}

func TestPick(t *testing.T) {
	name := filepath.Join(t.TempDir(), "samples.jsonl")
	writeSamples(t, name, task.Meta{Unit: "A", TaskID: "mask-1"}, task.Meta{Unit: "A", TaskID: "mask-12"}, task.Meta{Unit: "B", TaskID: "mask-2"})
	found := Found{Files: []string{name}}
	for asked, want := range map[string]string{
		"mask-1": "mask-1", "mask-12": "mask-12", "mask-2": "mask-2", "B/": "mask-2", "A/mask-12": "mask-12",
		"mask-": "3 samples match", "none": "no sample of", "A/": "2 samples match",
	} {
		sample, err := found.Pick(asked)
		if err == nil && sample.Meta.TaskID != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v, want %q", asked, sample.Meta.TaskID, err, want)
		}
	}
}

func TestNewestOutput(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if _, err := NewestOutput(); err == nil || !strings.Contains(err.Error(), "run worker experience first") {
		t.Errorf("without outputs: %v", err)
	}
	older, newer := filepath.Join(cache, outputsFolder, "older"), filepath.Join(cache, outputsFolder, "newer")
	for _, dir := range []string{older, newer} {
		if err := os.CopyFS(dir, os.DirFS(output(t))); err != nil {
			t.Fatal(err)
		}
	}
	when := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(newer, "datasets/k2", artifact.ManifestName), when, when); err != nil {
		t.Fatal(err)
	}
	if got, err := NewestOutput(); err != nil || got != newer {
		t.Errorf("got %s, %v", got, err)
	}
}

// Two checkouts of one name have outputs of their own, in the user's cache.
func TestDefaultOutput(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/cache")
	one, err := DefaultOutput(Checkout{Dir: "/a/click"})
	if err != nil || !strings.HasPrefix(one, "/cache/repoexpert/local/click-") {
		t.Errorf("got %s, %v", one, err)
	}
	if other, err := DefaultOutput(Checkout{Dir: "/b/click"}); err != nil || other == one {
		t.Errorf("got %s, %v", other, err)
	}
}
