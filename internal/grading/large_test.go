package grading

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/snapshot"
)

// largeFiles are half of what Fetch takes.
const largeFiles = 100_000

// BenchmarkLargeRepository is what a repository of 100,000 files of 4 KiB costs
// from the snapshot to the box, and the process's peak of resident memory above
// what it had before: in the first step the index of paths, in the others a
// stream, which holds a few buffers whatever the size.
func BenchmarkLargeRepository(b *testing.B) {
	dir := b.TempDir()
	writeLarge(b, filepath.Join(dir, snapshot.TreeFile))
	var opened *snapshot.Snapshot
	edits := Edits{"src/group0/package0/module0.py": nil, "src/group1/package100/module5000.py": []byte("changed\n")}
	overlaid := func(b *testing.B, use func(io.Reader) error) {
		tree, err := Overlay(b.Context(), opened, edits)
		if err == nil {
			err = errors.Join(use(tree), tree.Close())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			peak(b, func() {
				var err error
				if opened, err = snapshot.Open(dir); err != nil || len(opened.Files()) != largeFiles {
					b.Fatal(err)
				}
			})
		}
	})
	b.Run("overlay", func(b *testing.B) {
		for b.Loop() {
			peak(b, func() {
				overlaid(b, func(tree io.Reader) error {
					_, err := io.Copy(io.Discard, tree)
					return err
				})
			})
		}
	})
	box := conformance.StartBox(b)
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			peak(b, func() {
				overlaid(b, func(tree io.Reader) error { return box.PutTree(b.Context(), "tree", tree) })
			})
		}
	})
}

func writeLarge(b *testing.B, name string) {
	b.Helper()
	out, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	archive := tar.NewWriter(buffered)
	content := make([]byte, 4<<10)
	for i := range largeFiles {
		copy(content, fmt.Sprintf("value = %d\n", i))
		err := archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: fmt.Sprintf("src/group%d/package%d/module%d.py", i/5000, i/50, i), Mode: 0o644, Size: int64(len(content)),
		})
		if err == nil {
			_, err = archive.Write(content)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), buffered.Flush(), out.Close()); err != nil {
		b.Fatal(err)
	}
}

// peak reports by how much the process's resident memory rose at most, in MiB.
func peak(b *testing.B, do func()) {
	b.Helper()
	// 5 resets the kernel's own peak.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	before := status(b, "VmRSS")
	do()
	b.ReportMetric(float64(status(b, "VmHWM")-before)/1024, "peak-MiB")
}

func status(b *testing.B, field string) int64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			kilobytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kilobytes
		}
	}
	b.Fatalf("no %s", field)
	return 0
}
