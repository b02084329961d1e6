package curate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/task"
)

// Whatever a shard holds, each of its lines is a sample or a code, and the reader
// comes to the end.
func FuzzReadRecords(f *testing.F) {
	w := newWorld(f)
	f.Add([]byte(document(f, w.played(implementation, "mask-a1", "a"))))
	f.Add([]byte("\n{}\nnull\n[1]\n"))
	f.Add([]byte(`{"messages":[{"role":"user","content":"\ud800"}],"meta":{"cpuSeconds":1e999}}`))
	f.Add([]byte("{\"messages\":[{\"content\":\"\xff\"}]}\n\x00"))
	f.Add([]byte(strings.Repeat("[", 20000) + "\n"))
	f.Fuzz(func(t *testing.T, shard []byte) {
		lines := bytes.Count(shard, []byte("\n"))
		if len(shard) > 0 && shard[len(shard)-1] != '\n' {
			lines++
		}
		got := 0
		err := readRecords(bytes.NewReader(shard), func(sample task.Sample, code string) {
			got++
			if code != "" && (meanings[code] == "" || len(sample.Messages) > 0 || sample.Meta.Unit != "") {
				t.Errorf("code %q with %+v", code, sample)
			}
			if code == "" {
				checkBounded(t, sample)
			}
		})
		if err != nil || got != lines {
			t.Errorf("%d of %d lines: %v", got, lines, err)
		}
	})
}

// checkBounded demands that judging a sample ends, and that what is accepted is
// within bounds.
func checkBounded(t *testing.T, sample task.Sample) {
	t.Helper()
	if checkMessages(sample.Messages) != "" || !boundedMeta(sample.Meta) {
		return
	}
	if len(sample.Messages) > maxMessages || len(sample.Meta.TaskID) > maxName || strings.Contains(sample.Meta.Path, "..") && strings.HasPrefix(sample.Meta.Path, "/") {
		t.Errorf("accepted: %+v", sample.Meta)
	}
}

func TestReadRecordsEndsWithTheFile(t *testing.T) {
	broken := errors.New("the disk is gone")
	got := 0
	err := readRecords(failing{strings.NewReader("{}\n{}\n"), broken}, func(task.Sample, string) { got++ })
	if !errors.Is(err, broken) || got != 2 {
		t.Errorf("%d lines, then %v", got, err)
	}
}

// failing is a file that cannot be read to its end.
type failing struct {
	*strings.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	if f.Len() == 0 {
		return 0, f.err
	}
	return f.Reader.Read(p)
}
