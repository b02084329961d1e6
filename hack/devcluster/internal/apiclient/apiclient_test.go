package apiclient

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestNodeReady(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   string // "" when ready
	}{
		"ready":       {200, `{"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}]}}`, ""},
		"not ready":   {200, `{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network"}]}}`, "no network"},
		"just made":   {200, `{"status":{}}`, "not reported"},
		"not made":    {404, `{}`, "404"},
		"not an API":  {200, `<html>`, "invalid character"},
		"starting up": {500, ``, "500"},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/nodes/n" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			err := (&Client{server: server.URL, http: server.Client()}).NodeReady(t.Context(), "n")
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("NodeReady = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPoll(t *testing.T) {
	calls := 0
	err := Poll(t.Context(), time.Millisecond, func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("Poll = %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	err = Poll(ctx, time.Millisecond, func(context.Context) error { return errors.New("the cause") })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the cause") {
		t.Errorf("Poll = %v, want the time-out and the last answer", err)
	}
}
