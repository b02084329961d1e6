package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"net"
)

// box is a server in this process and a client of it. The keepers and the
// commands are real processes: this test binary starts itself as a keeper, as
// the worker does in a pod.
type box struct {
	*Client
	server *Server
	socket string
}

func startBox(t testing.TB, change ...func(*Options)) box {
	t.Helper()
	options := Options{Root: t.TempDir(), EnvironmentDir: t.TempDir()}
	for _, c := range change {
		c(&options)
	}
	server, err := NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	// A socket's path has 108 bytes at most, and a test's folder may be longer.
	socket := filepath.Join(t.TempDir(), "s")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Listen(ctx, socket) }()
	client := Dial(socket)
	t.Cleanup(func() {
		client.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return box{Client: client, server: server, socket: socket}
}

// serveAs is a hostile sidecar: whatever the handler says.
func serveAs(t testing.TB, handler http.HandlerFunc) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	client := Dial(socket)
	t.Cleanup(func() {
		client.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return client
}

// shell runs a script in the box's directory "w", which exists.
func (b box) shell(t testing.TB, script string, change ...func(*Command)) Result {
	t.Helper()
	command := Command{Args: []string{"sh", "-c", script}, Dir: ".", Timeout: time.Minute}
	for _, c := range change {
		c(&command)
	}
	result, err := b.Run(t.Context(), command)
	if err != nil {
		t.Fatalf("run %q: %v", script, err)
	}
	return result
}

// tarOf packs headers with contents of the sizes that they name.
func tarOf(t testing.TB, headers ...*tar.Header) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := writer.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}
