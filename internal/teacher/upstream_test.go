package teacher

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// What stands between the proxy and a real endpoint passes answers on whole, and
// breaks them as told: a pause that is shorter than a stall costs nothing but time.
func TestFaultsBeforeAnEndpoint(t *testing.T) {
	const words, pause = "THOUGHT: one two three four", 30 * time.Second
	for name, test := range map[string]struct {
		fault    func(teachertest.Upstream) teachertest.Step
		requests int
		least    time.Duration
	}{
		"none":           {func(u teachertest.Upstream) teachertest.Step { return u.Answer() }, 1, 0},
		"a cut":          {func(u teachertest.Upstream) teachertest.Step { return u.Cut(2) }, 2, 0},
		"cut at once":    {func(u teachertest.Upstream) teachertest.Step { return u.Cut(0) }, 2, 0},
		"a pause":        {func(u teachertest.Upstream) teachertest.Step { return u.Pause(2, pause) }, 1, pause},
		"too long pause": {func(u teachertest.Upstream) teachertest.Step { return u.Pause(2, 2*stallTimeout) }, 2, stallTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, class())
				real := teachertest.New()
				real.Otherwise = teachertest.Answer(words)
				w.serve("real.example:80", real)
				transport := &http.Transport{DialContext: w.network.Dial}
				t.Cleanup(transport.CloseIdleConnections)
				upstream := teachertest.Upstream{URL: "http://real.example/v1", Client: &http.Client{Transport: transport}}
				w.endpoint.Then(test.fault(upstream))
				w.endpoint.Otherwise = upstream.Answer()
				start := time.Now()
				if text, err := w.ask(); err != nil || text != words {
					t.Errorf("got %q, %v", text, err)
				}
				if took := time.Since(start); took < test.least {
					t.Errorf("it took %s", took)
				}
				if got := len(real.Requests()); got != test.requests {
					t.Errorf("the real endpoint was asked %d times, want %d", got, test.requests)
				}
				w.counted()
			})
		})
	}
}
