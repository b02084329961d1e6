package process

import (
	"bytes"
	"strings"
	"sync"
)

// tail keeps the last bytes that were written.
type tail struct {
	mu    sync.Mutex
	limit int
	kept  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// String returns what is kept, as valid UTF-8.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.kept), "?")
}

// lineWriter cuts what is written into lines of at most maxLine bytes.
type lineWriter struct {
	emit func(string)
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		w.rest = append(w.rest, line[:min(len(line), maxLine-len(w.rest))]...)
		if ended {
			w.flush()
		}
		rest = after
	}
	return len(p), nil
}

// flush emits a line without an end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(strings.ToValidUTF8(string(w.rest), "?"))
		w.rest = w.rest[:0]
	}
}

// LastLine returns the last line with text, where programs put the cause of
// their end, cut to limit bytes.
func LastLine(text string, limit int) string {
	text = strings.TrimSpace(text)
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "")
	}
	return line
}
