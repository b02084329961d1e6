package sandbox

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAnAddressThatAnswersStopsTheBox(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	b := startBox(t, func(o *Options) {
		o.Isolated, o.Probes, o.Patience = true, []string{"127.0.0.1:1", address}, time.Millisecond
	})
	for name, do := range map[string]func() error{
		"ready": func() error { return b.Ready(t.Context()) },
		"run": func() error {
			_, err := b.Run(t.Context(), Command{Args: []string{"true"}, Dir: ".", Timeout: time.Second})
			return err
		},
		"put":  func() error { return b.PutTree(t.Context(), "w", tarOf(t)) },
		"read": func() error { _, err := b.ReadFiles(t.Context(), ".", nil, 1); return err },
		"get":  func() error { return b.GetEnvironment(t.Context(), failing{errors.New("unwanted")}) },
	} {
		if err := do(); !errors.Is(err, ErrNotIsolated) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSilenceIsIsolation(t *testing.T) {
	b := startBox(t, func(o *Options) {
		o.Isolated, o.Probes, o.Patience = true, []string{closedAddress(t)}, time.Millisecond
	})
	if answering := probe(t.Context(), nil); answering != "" {
		t.Logf("this machine has a name server: %s answers, as the box says", answering)
		if err := b.Ready(t.Context()); !errors.Is(err, ErrNotIsolated) || !strings.Contains(err.Error(), "DNS") {
			t.Errorf("got %v", err)
		}
		return
	}
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if got := b.shell(t, "echo ok").Output; got != "ok\n" {
		t.Errorf("got %q", got)
	}
}

func TestAPolicyThatTakesEffectLateIsAwaited(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() {
		// The first probe is let in, the second finds nobody.
		conn, err := listener.Accept()
		if err == nil {
			err = conn.Close()
		}
		closed <- errors.Join(err, listener.Close())
	}()
	if answering := probe(t.Context(), nil); answering != "" {
		t.Logf("%s answers on this machine: the box never is isolated here", answering)
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		if err := <-closed; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		return
	}
	b := startBox(t, func(o *Options) { o.Isolated, o.Probes = true, []string{listener.Addr().String()} })
	if err := errors.Join(b.Ready(t.Context()), <-closed); err != nil {
		t.Error(err)
	}
}

func TestAClassMayAcceptANetwork(t *testing.T) {
	b := startBox(t, func(o *Options) { o.Probes = []string{"127.0.0.1:1"} })
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDefaultProbes(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
	if got := strings.Join(DefaultProbes(), " "); got != "169.254.169.254:80 10.96.0.1:443" {
		t.Errorf("got %s", got)
	}
}

func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
