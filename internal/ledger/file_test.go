package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

func entries(ids ...string) []Entry {
	var list []Entry
	for _, id := range ids {
		list = append(list, Entry{Member: id, Side: task.SideTrain, Cluster: id, Commit: "c0ffee"})
	}
	return list
}

func open(t *testing.T, folder string) *File {
	t.Helper()
	file, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAppendAndRead(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "ledger")
	if got, err := open(t, folder).Read(); err != nil || len(got) != 0 {
		t.Fatalf("a new ledger has %v, %v", got, err)
	}
	for _, batch := range [][]Entry{entries("a", "b"), nil, entries("c")} {
		if err := open(t, folder).Append(batch); err != nil {
			t.Fatal(err)
		}
	}
	got, err := open(t, folder).Read()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries("a", "b", "c"), got); diff != "" {
		t.Error(diff)
	}
}

// A crash can end a write at any byte: every cut must leave a readable ledger
// that takes further entries.
func TestTornLastLine(t *testing.T) {
	whole := t.TempDir()
	if err := open(t, whole).Append(entries("a", "b")); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(whole, FileName))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range content {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, FileName), content[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		file := open(t, folder)
		before, err := file.Read()
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := file.Append(entries("c")); err != nil {
			t.Fatal(err)
		}
		after, err := file.Read()
		if err != nil {
			t.Fatalf("cut at %d, after an append: %v", cut, err)
		}
		if diff := cmp.Diff(append(before, entries("c")...), after); diff != "" {
			t.Fatalf("cut at %d:\n%s", cut, diff)
		}
	}
}

func TestCorruptLines(t *testing.T) {
	cases := map[string]string{
		"not JSON":           "{\"member\":\"a\",\"side\":\"train\"}\ngarbage\n",
		"unknown side":       "{\"member\":\"a\",\"side\":\"both\"}\n",
		"no member":          "{\"side\":\"train\"}\n",
		"not JSON, the last": "garbage\n",
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, FileName), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, folder).Read(); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}
