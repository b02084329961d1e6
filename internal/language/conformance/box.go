package conformance

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/repoexpert/operator/internal/sandbox"
)

// StartBox serves a sandbox from this process and connects to it. Options can be
// changed before it starts.
func StartBox(t testing.TB, change ...func(*sandbox.Options)) sandbox.Box {
	t.Helper()
	options := sandbox.Options{Root: t.TempDir(), EnvironmentDir: t.TempDir()}
	for _, c := range change {
		c(&options)
	}
	server, err := sandbox.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "exec.sock")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Listen(ctx, socket) }()
	box := sandbox.Dial(socket)
	t.Cleanup(func() {
		box.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
	if err := box.Ready(t.Context()); err != nil {
		t.Fatalf("connect to the sandbox: %v", err)
	}
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
