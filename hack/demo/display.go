package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// display prints what happens: one line an event, and on a terminal one line
// that is overwritten with the progress of the moment.
type display struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	start    time.Time
	current  string
}

func newDisplay(out *os.File) *display {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &display{out: out, terminal: terminal, start: time.Now()}
}

func (d *display) elapsed() string {
	return fmt.Sprintf("%6s", time.Since(d.start).Round(time.Second))
}

// event prints a line that stays.
func (d *display) event(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	fmt.Fprintf(d.out, "%s  %s\n", d.elapsed(), fmt.Sprintf(format, args...))
	d.current = ""
}

// progress shows what is under way. Without a terminal it prints a line only
// when the text changes.
func (d *display) progress(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if text == "" || (!d.terminal && text == d.current) {
		return
	}
	d.clear()
	d.current = text
	if d.terminal {
		fmt.Fprintf(d.out, "%s  … %.100s", d.elapsed(), text)
		return
	}
	fmt.Fprintf(d.out, "%s    %s\n", d.elapsed(), text)
}

func (d *display) clear() {
	if d.terminal {
		fmt.Fprint(d.out, "\r\033[K")
	}
}

// plain prints text as it is.
func (d *display) plain(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	fmt.Fprintln(d.out, text)
}

// writer turns what programs print into progress, line by line.
func (d *display) writer(prefix string) io.Writer { return &lineWriter{display: d, prefix: prefix} }

type lineWriter struct {
	display *display
	prefix  string
	rest    string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	lines := strings.Split(w.rest+string(p), "\n")
	w.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if line = strings.TrimSpace(line); line != "" {
			w.display.progress(w.prefix + line)
		}
	}
	return len(p), nil
}
