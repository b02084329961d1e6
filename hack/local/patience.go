package local

import (
	"net/http"
	"sync/atomic"
	"time"
)

// readPatience is how long a read is repeated while an API server that answered before
// does not: one that shares two processors with a starting engine was silent for longer
// than a connection lives without answers (45 s, of client-go's HTTP/2).
const (
	readPatience = 3 * time.Minute
	readPause    = time.Second
)

// patientReads repeats reads that got no answer at all. A server that never answered is
// told of at once.
type patientReads struct {
	next     http.RoundTripper
	answered atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (p *patientReads) RoundTrip(request *http.Request) (*http.Response, error) {
	begun := time.Now()
	for {
		response, err := p.next.RoundTrip(request)
		if err == nil {
			p.answered.Store(true)
		}
		if err == nil || request.Method != http.MethodGet || !p.answered.Load() || time.Since(begun) >= readPatience {
			return response, err
		}
		select {
		case <-request.Context().Done():
			return nil, err
		case <-time.After(readPause):
		}
	}
}
