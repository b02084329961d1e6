package conformance

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/sandbox"
)

// StartBox serves a sandbox from this process and connects to it. A sandbox
// kills what a command leaves behind below its own process: one at a time, and
// no parallel tests beside it.
func StartBox(t testing.TB) sandbox.Box {
	t.Helper()
	server, err := sandbox.NewServer(t.TempDir(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "exec.sock")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, socket) }()
	dialling, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	box, err := sandbox.Dial(dialling, socket)
	if err != nil {
		stop()
		t.Fatalf("dialling the sandbox: %v (server: %v)", err, <-ended)
	}
	t.Cleanup(func() {
		box.Close()
		stop()
		<-ended
	})
	return box
}

// PutTree unpacks a file system into a directory of the box.
func PutTree(t testing.TB, box sandbox.Box, dir string, tree fs.FS) {
	t.Helper()
	if err := box.PutTree(t.Context(), dir, bytes.NewReader(Tar(t, tree))); err != nil {
		t.Fatal(err)
	}
}

// Tar packs the regular files of a file system, in order.
func Tar(t testing.TB, tree fs.FS) []byte {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}
