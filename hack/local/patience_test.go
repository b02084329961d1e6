package local

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func TestPatientReads(t *testing.T) {
	silence := errors.New("net/http: TLS handshake timeout")
	tests := map[string]struct {
		method   string
		answered bool
		silent   time.Duration
		cancel   time.Duration
		tries    int
		fails    bool
		lasts    time.Duration
	}{
		"an answer":                   {method: http.MethodGet, answered: true, tries: 1},
		"a minute without":            {method: http.MethodGet, answered: true, silent: time.Minute, tries: 61, lasts: time.Minute},
		"no answer any more":          {method: http.MethodGet, answered: true, silent: time.Hour, tries: 181, fails: true, lasts: readPatience},
		"no answer ever":              {method: http.MethodGet, silent: time.Hour, tries: 1, fails: true},
		"a write is never repeated":   {method: http.MethodPost, answered: true, silent: time.Minute, tries: 1, fails: true},
		"who asks does not wait more": {method: http.MethodGet, answered: true, silent: time.Hour, cancel: 90*time.Second + time.Millisecond, tries: 91, fails: true, lasts: 90*time.Second + time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, tries := time.Now(), 0
				reads := &patientReads{next: answers(func(*http.Request) (*http.Response, error) {
					tries++
					if time.Since(begun) < test.silent {
						return nil, silence
					}
					return &http.Response{StatusCode: http.StatusOK}, nil
				})}
				reads.answered.Store(test.answered)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, cancel)
				}
				request, err := http.NewRequestWithContext(ctx, test.method, "https://127.0.0.1/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				response, err := reads.RoundTrip(request)
				if (err != nil) != test.fails || (response == nil) != test.fails || tries != test.tries || time.Since(begun) != test.lasts {
					t.Errorf("%d tries in %s gave %v, %v", tries, time.Since(begun), response, err)
				}
			})
		})
	}
}
