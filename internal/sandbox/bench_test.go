package sandbox

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// repositoryTar is a repository of small source files, four folders deep.
func repositoryTar(tb testing.TB, files, bytesEach int) []byte {
	tb.Helper()
	content := make([]byte, bytesEach)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = "abcdefghij \n"[random.IntN(12)]
	}
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for i := range files {
		name := fmt.Sprintf("src/group%02d/package%03d/module%d.py", i/5000, i/50, i)
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(bytesEach)}); err != nil {
			tb.Fatal(err)
		}
		copy(content, strconv.Itoa(i))
		if _, err := writer.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		tb.Fatal(err)
	}
	return archive.Bytes()
}

// BenchmarkPutTree is what a working copy for a task costs: a first one, one
// after a command changed little, and a copy inside the box.
func BenchmarkPutTree(b *testing.B) {
	for _, size := range []int{2000, 100_000} {
		archive := repositoryTar(b, size, 8<<10)
		box := startBox(b)
		put := func(b *testing.B) {
			if err := box.PutTree(b.Context(), "w", bytes.NewReader(archive)); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("files=%d/first", size), func(b *testing.B) {
			b.SetBytes(int64(len(archive)))
			for b.Loop() {
				put(b)
				b.StopTimer()
				if err := box.Remove(b.Context(), "w"); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		b.Run(fmt.Sprintf("files=%d/again", size), func(b *testing.B) {
			b.SetBytes(int64(len(archive)))
			put(b)
			for b.Loop() {
				put(b)
			}
		})
		b.Run(fmt.Sprintf("files=%d/remove", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				put(b)
				b.StartTimer()
				if err := box.Remove(b.Context(), "w"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("files=%d/copy", size), func(b *testing.B) {
			put(b)
			for b.Loop() {
				if err := box.Copy(b.Context(), "w", "copy"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
