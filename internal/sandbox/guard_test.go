package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cgroup writes files as a memory control group has them.
func cgroup(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMemoryIsUsedUp(t *testing.T) {
	const stat = "anon 600\nfile 390\nactive_file 100\ninactive_file 200\nslab_reclaimable 50\nslab_unreclaimable 9\n"
	tests := map[string]struct {
		files map[string]string
		want  bool
	}{
		"far from the limit":          {files: map[string]string{"memory.max": "1000\n", "memory.current": "500\n"}},
		"near it":                     {files: map[string]string{"memory.max": "1000\n", "memory.current": "950\n", "memory.stat": "anon 950\n"}, want: true},
		"near it with the page cache": {files: map[string]string{"memory.max": "1000\n", "memory.current": "999\n", "memory.stat": stat}},
		"no limit":                    {files: map[string]string{"memory.max": "max\n", "memory.current": "950\n", "memory.stat": stat}},
		"no control group":            {},
		"nothing of the present":      {files: map[string]string{"memory.max": "1000\n"}},
		"nothing of its kinds":        {files: map[string]string{"memory.max": "1000\n", "memory.current": "950\n"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := openMemory(cgroup(t, test.files)).usedUp(); got != test.want {
				t.Errorf("used up: %v", got)
			}
		})
	}
}

func TestAFolderIsFull(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/b/c/d", "e"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "e", "real"), make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	// What a file does not take on the disk does not count.
	if err := os.WriteFile(filepath.Join(dir, "e", "holes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "e", "holes"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		folder folder
		want   bool
	}{
		"room for all":   {folder: folder{path: dir, maxBytes: 1 << 20, maxEntries: 100}},
		"no such folder": {folder: folder{path: dir + "/missing", maxBytes: 0, maxEntries: 0}},
		"bytes":          {folder: folder{path: dir, maxBytes: 60 << 10, maxEntries: 100}, want: true},
		"entries":        {folder: folder{path: dir, maxBytes: 1 << 20, maxEntries: 7}, want: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.folder.usedUp() {
				t.Error("it was measured although its disk did not lose space")
			}
			test.folder.free.bytes += 2 * suspectBytes
			if got := test.folder.usedUp(); got != test.want {
				t.Errorf("used up: %v", got)
			}
			if test.folder.usedUp() {
				t.Error("it was measured again although nothing changed")
			}
		})
	}
	deep := t.TempDir()
	if err := os.MkdirAll(filepath.Join(deep, strings.Repeat("d/", maxFolderDepth+2)), 0o700); err != nil {
		t.Fatal(err)
	}
	if f := (folder{path: deep, maxBytes: 1 << 40, maxEntries: 1 << 20}); !f.above() {
		t.Error("a folder deeper than any program needs is not too much")
	}
}

// watch runs a guard of the box's commands.
func (b box) watch(t testing.TB, m *memory, folders ...*folder) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&guard{children: &b.server.children, memory: m, folders: folders}).run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
}

func TestTheCommandThatUsesUpTheMemoryIsEnded(t *testing.T) {
	b := startBox(t)
	dir := cgroup(t, map[string]string{"memory.max": "1000", "memory.current": "1", "memory.stat": "anon 1"})
	b.watch(t, openMemory(dir))
	small := make(chan Result, 1)
	go func() {
		small <- b.shell(t, fmt.Sprintf("while grep -qx 1 %s/memory.current; do sleep 0.01; done; while ! grep -qx 2 %s/memory.current; do sleep 0.01; done; echo small", dir, dir))
	}()
	large := b.shell(t, fmt.Sprintf(`printf 'so far'; exec python3 -c '
import time
held = bytearray(100 << 20)
open("%s/memory.current", "w").write("999")
time.sleep(1000)'`, dir))
	if large.ExitCode != 137 || large.Output != "so far\n"+killedForMemory || large.TimedOut {
		t.Errorf("the large one ended with %d, %q", large.ExitCode, large.Output)
	}
	// The other goes on, if the first end sufficed: the kernel's figure falls with it.
	if err := os.WriteFile(filepath.Join(dir, "memory.current"), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-small; got.ExitCode != 0 && !strings.HasSuffix(got.Output, killedForMemory) {
		t.Errorf("the small one ended with %d, %q", got.ExitCode, got.Output)
	}
	if got := b.shell(t, "echo next").Output; got != "next\n" {
		t.Errorf("the next command gives %q", got)
	}
}

func TestCommandsThatFillTheDiskAreEnded(t *testing.T) {
	b := startBox(t)
	full := &folder{path: b.server.options.Root, maxBytes: 1 << 20, maxEntries: 1000}
	full.free.bytes = 1 << 62
	b.shell(t, "head -c 3000000 /dev/zero > big")
	b.watch(t, &memory{}, full)
	result := b.shell(t, "exec sleep 1000", func(c *Command) { c.Timeout = 30 * time.Second })
	if result.ExitCode != 137 || result.Output != killedForDisk || result.TimedOut {
		t.Errorf("it ended with %d, %q, timed out %v", result.ExitCode, result.Output, result.TimedOut)
	}
	if err := b.PutTree(t.Context(), "w", tarOf(t, file("a", ""))); err != nil {
		t.Fatal(err)
	}
	if got := b.shell(t, "ls -A").Output; got != "w\n" {
		t.Errorf("the disk is as full as before: %q", got)
	}
}

// TestNothingRunsOnAFullDisk: a command would fail for a reason that is not its own.
func TestNothingRunsOnAFullDisk(t *testing.T) {
	b := startBox(t)
	b.shell(t, "echo earlier > left")
	b.server.leastFree = 1 << 60
	err := b.PutTree(t.Context(), "w", tarOf(t, file("a", "")))
	if !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrBoxLost) || strings.Count(err.Error(), ErrNoSpace.Error()) != 1 ||
		!strings.HasSuffix(err.Error(), "commands need 1099511627776 MiB: make room") {
		t.Errorf("the tree was put with %v", err)
	}
	b.server.leastFree = leastFree
	if err := b.PutTree(t.Context(), "w", tarOf(t, file("a", ""))); err != nil {
		t.Fatal(err)
	}
	if got := b.shell(t, "ls *").Output; got != "a\n" {
		t.Errorf("with room again the tree is %q", got)
	}
}
