package local

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/repoexpert/operator/internal/contract"
)

// quiet is how long a display without a terminal stays silent between two lines
// of progress.
const quiet = 5 * time.Second

// Display tells people what happens: lines that stay and, on a terminal, one line
// that is overwritten with the progress of the moment.
type Display struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	mu      sync.Mutex
	start   time.Time
	shown   time.Time
	current string
}

// NewDisplay returns a display on a file.
func NewDisplay(out *os.File) *Display { return newDisplay(out, IsTerminal(out), time.Now) }

func newDisplay(out io.Writer, terminal bool, now func() time.Time) *Display {
	return &Display{out: out, terminal: terminal, now: now, start: now()}
}

// IsTerminal says whether a file is a terminal.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Event prints a line that stays.
func (d *Display) Event(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.print(fmt.Sprintf("%s%s  %s\n", d.clear(), d.elapsed(), fmt.Sprintf(format, args...)))
	d.current, d.shown = "", time.Time{}
}

// Begin says what starts. Only a terminal shows it at once; without one the next
// progress is shown, however soon it comes.
func (d *Display) Begin(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current, d.shown = text, time.Time{}
	if d.terminal {
		d.paint()
	}
}

// Progress shows what is under way.
func (d *Display) Progress(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = text
	if d.terminal {
		d.paint()
		return
	}
	if now := d.now(); d.shown.IsZero() || now.Sub(d.shown) >= quiet {
		d.shown = now
		d.print(fmt.Sprintf("%s    %s\n", d.elapsed(), text))
	}
}

// Tick moves a terminal's clock on.
func (d *Display) Tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.terminal && d.current != "" {
		d.paint()
	}
}

func (d *Display) paint() {
	d.print(fmt.Sprintf("%s%s  … %.100s", d.clear(), d.elapsed(), d.current))
}

// clear wipes the line of the moment.
func (d *Display) clear() string {
	if d.terminal {
		return "\r\033[K"
	}
	return ""
}

func (d *Display) elapsed() string {
	return fmt.Sprintf("%7s", d.now().Sub(d.start).Round(time.Second))
}

// print writes to people: one who is gone needs no answer.
func (d *Display) print(text string) { _, _ = io.WriteString(d.out, text) }

// tracker turns the progress lines of one stage, shard after shard, into text
// with the time that is left.
type tracker struct {
	display *Display
	name    string
	now     func() time.Time
	// shard is the one under way, from 0, of shards.
	shard, shards int32
	start         time.Time
	rest          []byte
}

// begin starts the clock of a shard.
func (t *tracker) begin(shard int32) {
	t.shard, t.start, t.rest = shard, t.now(), nil
	t.display.Begin(t.where())
}

func (t *tracker) where() string {
	if t.shards > 1 {
		return fmt.Sprintf("%s, shard %d of %d", t.name, t.shard+1, t.shards)
	}
	return t.name
}

// Write implements io.Writer for stage.Runner. What is no progress line is for
// pods alone.
func (t *tracker) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	for {
		line, rest, found := bytes.Cut(t.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		t.rest = rest
		if progress, err := contract.ParseProgress(string(line)); err == nil {
			t.display.Progress(t.text(progress))
		}
	}
}

func (t *tracker) text(p contract.Progress) string {
	text := fmt.Sprintf("%s: %d of %d", t.where(), p.Step, p.Total)
	if p.Message != "" {
		text += ", " + p.Message
	}
	if left, known := t.left(p); known {
		text += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return text
}

// left estimates the time to the end of the stage. Shards to come are taken to
// last as long as the one under way.
func (t *tracker) left(p contract.Progress) (time.Duration, bool) {
	if p.Step <= 0 || p.Total < p.Step {
		return 0, false
	}
	elapsed := t.now().Sub(t.start)
	left := time.Duration(p.ETASeconds) * time.Second
	if left == 0 {
		left = elapsed * time.Duration(p.Total-p.Step) / time.Duration(p.Step)
	}
	return left + time.Duration(t.shards-t.shard-1)*(elapsed+left), true
}
