package curate

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// BenchmarkCurate makes data sets of trajectories of about 8 kB, that is about
// 2,000 tokens, from lines of real libraries: a quarter of each is said by the
// assistant. The tokenizer is not part of it. It logs the process's greatest
// memory; run one size with -benchtime=1x.
func BenchmarkCurate(b *testing.B) {
	for _, samples := range []int{1000, 20_000} {
		b.Run(fmt.Sprint(samples), func(b *testing.B) { benchmark(b, samples) })
	}
}

func benchmark(b *testing.B, samples int) {
	b.Helper()
	const shards = 4
	lines := libraryLines(b)
	w := newWorld(b)
	w.env.Spec.Recipe.Experience.Units = []v1alpha1.Unit{{Name: implementation, Samples: int32(samples)}}
	w.shards = make([]string, shards)
	for shard := range shards {
		var document bytes.Buffer
		for i := range samples / shards {
			n := shard*samples/shards + i
			w.masks = append(w.masks, mask(fmt.Sprint("task-", n), task.SideTrain))
			if err := task.Encode(&document, []task.Sample{trajectory(w, n, lines)}); err != nil {
				b.Fatal(err)
			}
		}
		w.shards[shard] = document.String()
	}
	size := 0
	for _, shard := range w.shards {
		size += len(shard)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := w.run(b); err != nil {
			b.Fatal(err)
		}
	}
	_, card := w.made(b)
	b.Logf("%d of %d samples kept, %d MB, peak %s; dropped %v, secrets %v", card.Samples, samples, size>>20, peakMemory(b), card.dropped(), card.Secrets)
}

// libraryLines are the lines of real Python files.
func libraryLines(b *testing.B) []string {
	b.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	var lines []string
	err := filepath.WalkDir(site, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".py" {
			return err
		}
		content, err := os.ReadFile(path)
		lines = append(lines, strings.Split(string(content), "\n")...)
		return err
	})
	if err != nil || len(lines) == 0 {
		b.Fatalf("REPOEXPERT_TEST_PYTHONPATH must name a folder with Python files: %v", err)
	}
	return lines
}

// trajectory is one of six turns whose texts are excerpts; a few are those of others.
func trajectory(w *world, n int, lines []string) task.Sample {
	excerpt := func(part, size int) string {
		var text strings.Builder
		for at := (n*7919 + part*104729) % len(lines); text.Len() < size; at = (at + 1) % len(lines) {
			fmt.Fprintln(&text, lines[at])
		}
		return text.String()
	}
	sample := w.played(implementation, fmt.Sprint("task-", n),
		turn("Look at "+fmt.Sprint(n)+".", fmt.Sprintf("tool%c -n 1,40p lib/vault.py", 'A'+n%97)), turn("More.", fmt.Sprintf("grep -n name%d .", n)),
		turn("Write.", "cat > lib/vault.py <<'EOF'\n"+excerpt(0, 1900)+"EOF"))
	sample.Messages[0].Content += "\n" + excerpt(1, 500)
	// What is written was seen.
	sample.Messages[2].Content = excerpt(0, 1900) + excerpt(2, 1100)
	sample.Messages[4].Content = excerpt(3, 3000)
	return signed(sample)
}

// peakMemory is the process's greatest resident memory, as Linux says it.
func peakMemory(b *testing.B) string {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}
