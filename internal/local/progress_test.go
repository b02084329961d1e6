package local

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/contract"
)

// clock stands still until it is moved.
type clock struct{ time time.Time }

func (c *clock) now() time.Time           { return c.time }
func (c *clock) advance(by time.Duration) { c.time = c.time.Add(by) }

func TestDisplay(t *testing.T) {
	for name, test := range map[string]struct {
		terminal bool
		want     string
	}{
		"lines": {false, "     0s  begin\n     1s    step 1\n     6s    step 3\n     6s  end\n     6s    step 4\n"},
		"a terminal": {true, "\r\033[K     0s  begin\n\r\033[K     0s  … work\r\033[K     1s  … step 1\r\033[K     2s  … step 2\r\033[K     2s  … step 2" +
			"\r\033[K     6s  … step 3\r\033[K     6s  end\n\r\033[K     6s  … step 4"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &clock{}
			d := newDisplay(&out, test.terminal, c.now)
			d.Event("begin")
			d.Begin("work")
			c.advance(time.Second)
			d.Progress("step 1")
			c.advance(time.Second)
			d.Progress("step 2")
			d.Tick()
			c.advance(4 * time.Second)
			d.Progress("step 3")
			d.Event("end")
			d.Tick()
			d.Progress("step 4")
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTracker(t *testing.T) {
	var out bytes.Buffer
	c := &clock{}
	tr := &tracker{display: newDisplay(&out, false, c.now), name: "Experience", now: c.now, shards: 3}
	tr.begin(1)
	c.advance(10 * time.Second)
	line, err := contract.EncodeProgress(contract.Progress{Step: 1, Total: 3, ETASeconds: 30, Message: "SoftwareDesign"})
	if err != nil {
		t.Fatal(err)
	}
	// A line may come in pieces, and what is no progress is for pods.
	for _, part := range []string{"REPOEXPERT-RECORD {}\n", line[:9], line[9:], "\n"} {
		if _, err := fmt.Fprint(tr, part); err != nil {
			t.Fatal(err)
		}
	}
	if want := "    10s    Experience, shard 2 of 3: 1 of 3, SoftwareDesign, about 1m10s left\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTimeLeft(t *testing.T) {
	for name, test := range map[string]struct {
		shard, shards int32
		progress      contract.Progress
		want          time.Duration
		known         bool
	}{
		"nothing done":                       {0, 1, contract.Progress{Total: 4}, 0, false},
		"the stage's own word":               {0, 1, contract.Progress{Step: 1, Total: 4, ETASeconds: 7}, 7 * time.Second, true},
		"by what is done":                    {0, 1, contract.Progress{Step: 1, Total: 4}, time.Minute, true},
		"the end":                            {0, 1, contract.Progress{Step: 4, Total: 4}, 0, true},
		"shards to come last as long":        {0, 3, contract.Progress{Step: 2, Total: 4}, 20*time.Second + 2*40*time.Second, true},
		"more steps than there were to come": {0, 1, contract.Progress{Step: 5, Total: 4}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			tr := &tracker{now: c.now, shard: test.shard, shards: test.shards, start: c.now()}
			c.advance(20 * time.Second)
			got, known := tr.left(test.progress)
			if got != test.want || known != test.known {
				t.Errorf("got %s, %t", got, known)
			}
		})
	}
}
