package sandbox

import (
	"strings"
	"sync"
)

// output keeps the first and the last half of what is written to it.
type output struct {
	mu    sync.Mutex
	half  int
	head  []byte
	tail  []byte // ring once it is full
	next  int
	total int64
	// ending is a line of ours after all that the command wrote.
	ending string
}

func newOutput(limit int) *output { return &output{half: max(1, limit/2)} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	o.total += int64(n)
	if free := o.half - len(o.head); free > 0 {
		take := min(free, len(p))
		o.head = append(o.head, p[:take]...)
		p = p[take:]
	}
	p = p[max(0, len(p)-o.half):]
	if free := o.half - len(o.tail); free > 0 {
		take := min(free, len(p))
		o.tail = append(o.tail, p[:take]...)
		p = p[take:]
	}
	for len(p) > 0 {
		copied := copy(o.tail[o.next:], p)
		o.next = (o.next + copied) % o.half
		p = p[copied:]
	}
	return n, nil
}

// finish says why the command was ended.
func (o *output) finish(why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = why
}

// bounded returns what is kept, as valid UTF-8, the size of all, and whether
// something is missing between the halves.
func (o *output) bounded() (text string, total int64, truncated bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := make([]byte, 0, len(o.head)+len(o.tail)+len(o.ending)+1)
	kept = append(kept, o.head...)
	kept = append(kept, o.tail[o.next:]...)
	kept = append(kept, o.tail[:o.next]...)
	truncated = o.total > int64(len(kept))
	if o.ending != "" && len(kept) > 0 && kept[len(kept)-1] != '\n' {
		kept = append(kept, '\n')
	}
	kept = append(kept, o.ending...)
	return strings.ToValidUTF8(string(kept), "\uFFFD"), o.total, truncated
}
