package httpserve_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/repoexpert/operator/internal/httpserve"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// A request that is under way when the context ends is answered, if it ends
// within the drain; one that does not is cut.
func TestUntilDone(t *testing.T) {
	const drain = 20 * time.Second
	for name, test := range map[string]struct {
		takes time.Duration
		ends  error
	}{
		"in time":  {takes: drain - time.Second},
		"too late": {takes: drain + time.Second, ends: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network teachertest.Network
				listener := network.Listen("server:80")
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					stop()
					<-time.After(test.takes)
					_, _ = io.WriteString(w, "whole")
				})
				go func() { ended <- httpserve.UntilDone(ctx, listener, handler, drain) }()
				transport := &http.Transport{DialContext: network.Dial}
				defer transport.CloseIdleConnections()
				got, err := ask(&http.Client{Transport: transport})
				if (err != nil) != (test.ends != nil) || (err == nil && got != "whole") {
					t.Errorf("the request ended with %q, %v", got, err)
				}
				if err := <-ended; !errors.Is(err, test.ends) {
					t.Errorf("serving ended with %v, want %v", err, test.ends)
				}
				<-time.After(test.takes)
			})
		})
	}
}

func ask(client *http.Client) (string, error) {
	response, err := client.Get("http://server:80/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// A listener that breaks ends the server with its error.
func TestUntilDoneWithoutListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := httpserve.UntilDone(t.Context(), listener, http.NotFoundHandler(), time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serving ended with %v", err)
	}
}
