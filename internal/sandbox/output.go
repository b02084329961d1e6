package sandbox

import "fmt"

// output keeps the first and the last half of what a command prints, so that
// endless output costs no memory.
type output struct {
	limit int
	head  []byte
	tail  []byte
	total int64
}

func newOutput(limit int) *output {
	if limit <= 0 {
		limit = defaultOutput
	}
	return &output{limit: min(limit, maxOutputLimit)}
}

// Write implements io.Writer; it never fails.
func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	o.total += int64(n)
	if room := o.limit/2 - len(o.head); room > 0 {
		take := min(room, len(p))
		o.head = append(o.head, p[:take]...)
		p = p[take:]
	}
	o.tail = append(o.tail, p...)
	// Cut only now and then: moving the tail for every write would be quadratic.
	if keep := o.limit - o.limit/2; len(o.tail) > 2*keep {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-keep:]...)
	}
	return n, nil
}

// text returns what was kept, with a note where the middle is missing.
func (o *output) text() (text string, truncated bool) {
	keep := o.limit - o.limit/2
	tail := o.tail
	if len(tail) > keep {
		tail = tail[len(tail)-keep:]
	}
	dropped := o.total - int64(len(o.head)) - int64(len(tail))
	if dropped == 0 {
		return string(o.head) + string(tail), false
	}
	return fmt.Sprintf("%s\n[%d bytes left out]\n%s", o.head, dropped, tail), true
}
