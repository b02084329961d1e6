package history

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/grading"
)

var _ grading.Source = (*Tree)(nil)

func TestATreeIsTakenFromObjects(t *testing.T) {
	r := newRepo(t)
	files := map[string]string{
		".gitattributes": "* text eol=crlf ident export-ignore\n", "a.py": "$Id$\nnext\n", "dir/run.sh": "#!/bin/sh\n", "empty": "",
		"crlf.py": "a\r\n", "line\nbreak": "x", "-option": "y",
	}
	special := map[string]string{"link": "/etc/passwd", "module": strings.Repeat("1", 40)}
	all := map[string]string{}
	for _, some := range []map[string]string{files, special} {
		for path, content := range some {
			all[path] = content
		}
	}
	old := r.commit(edit{files: all, modes: map[string]string{"link": "120000", "module": "160000", "dir/run.sh": "100755"}})
	r.then("later", map[string]string{"a.py": "later\n"}, "empty")

	repository := r.open()
	tree, err := repository.Tree(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Symlinks != 1 || tree.Submodules != 1 || len(tree.Files()) != len(files) {
		t.Errorf("%d symlinks, %d submodules, files %v", tree.Symlinks, tree.Submodules, tree.Files())
	}
	got := map[string]string{}
	for _, entry := range tree.Files() {
		content, err := tree.Read(entry.Path)
		if err != nil {
			t.Error(err)
		}
		got[entry.Path] = string(content)
		if entry.Executable != (entry.Path == "dir/run.sh") {
			t.Errorf("%+v", entry)
		}
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(files, unpack(t, tree)); diff != "" {
		t.Errorf("Tree (-want +got):\n%s", diff)
	}
	for _, path := range []string{"link", "module", "missing", "", "../a.py", "dir"} {
		if _, err := tree.Read(path); !errors.Is(err, os.ErrNotExist) || tree.Has(path) {
			t.Errorf("%q: error %v", path, err)
		}
	}
}

func unpack(t *testing.T, tree *Tree) map[string]string {
	t.Helper()
	stream, err := tree.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	files := map[string]string{}
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if wide := header.Name == "dir/run.sh"; header.Typeflag != tar.TypeReg || (header.Mode == 0o755) != wide || header.ModTime.Unix() != 0 {
			t.Errorf("%+v", header)
		}
		files[header.Name] = string(content)
	}
}

func TestTreesThatCannotBeTaken(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		says  []string
	}{
		"no text as path": {map[string]string{"a": "x", "b\xff": "x"}, []string{`"b\xff"`, "rename it"}},
		"no files":        {nil, []string{"no files"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			id := r.commit(edit{files: test.files})
			_, err := r.open().Tree(t.Context(), id)
			wantTreeError(t, err, test.says...)
		})
	}
}

func wantTreeError(t *testing.T, err error, says ...string) {
	t.Helper()
	var refused *TreeError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	for _, want := range says {
		if !strings.Contains(refused.Message, want) {
			t.Errorf("message %q lacks %q", refused.Message, want)
		}
	}
}

// A tree of these sizes takes too long to make: git's answers stand for it.
func TestBoundsOfATree(t *testing.T) {
	listing := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "100644 blob %s\t%d\x00", idA, i)
		}
		return s.String()
	}
	if tree, err := parseListing(listing(maxTreeFiles)); err != nil || len(tree.Files()) != maxTreeFiles {
		t.Errorf("error %v", err)
	}
	_, err := parseListing(listing(maxTreeFiles + 1))
	wantTreeError(t, err, "200001 files", "the limit is 200000")
	_, err = parseListing(listing(1) + listing(1))
	wantTreeError(t, err, `"0" twice`)

	blob := func(size int64) *bufio.Reader {
		return bufio.NewReader(io.MultiReader(strings.NewReader(fmt.Sprintf("%s blob %d\n", idA, size)), strings.NewReader("12345\n")))
	}
	entry := Entry{Path: "f", ID: idA}
	if size, err := writeFile(tar.NewWriter(io.Discard), blob(5), entry, maxTreeBytes-5); err != nil || size != 5 {
		t.Errorf("a tree of exactly the limit: %v", err)
	}
	_, err = writeFile(tar.NewWriter(io.Discard), blob(5), entry, maxTreeBytes-4)
	wantTreeError(t, err, "the tree so far 3221225473 (limit 3221225472)")
	_, err = writeFile(tar.NewWriter(io.Discard), blob(maxFileBytes+1), entry, 0)
	wantTreeError(t, err, `"f" has 67108865 bytes (limit 67108864)`)
}

func TestLargeFilesAreNotRead(t *testing.T) {
	r := newRepo(t)
	id := r.commit(edit{files: map[string]string{"large": strings.Repeat("x", maxReadBytes+1), "small": "y"}})
	tree, err := r.open().Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Read("large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	if content, err := tree.Read("small"); err != nil || string(content) != "y" {
		t.Errorf("%q, error %v", content, err)
	}
}

func TestAStreamThatIsClosedEarlyEnds(t *testing.T) {
	r := newRepo(t)
	id := r.commit(edit{files: map[string]string{"a": strings.Repeat("x", 8<<20), "b": "y"}})
	tree, err := r.open().Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := tree.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, stream, 10); err != nil {
		t.Error(err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.Write(ctx, io.Discard); err == nil {
		t.Error("no error after the end of the context")
	}
}

func TestFilesAreReadConcurrently(t *testing.T) {
	r := newRepo(t)
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprint(i)] = strings.Repeat(fmt.Sprintln(i), i*100)
	}
	id := r.commit(edit{files: files})
	tree, err := r.open().Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for path, content := range files {
		group.Go(func() {
			if got, err := tree.Read(path); err != nil || !bytes.Equal(got, []byte(content)) {
				t.Errorf("%s: %d bytes, error %v", path, len(got), err)
			}
		})
	}
	group.Wait()
}

func TestReadingAfterTheEnd(t *testing.T) {
	r := newRepo(t)
	id := r.commit(edit{files: map[string]string{"a": "x"}})
	repository := r.open()
	tree, err := repository.Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	folder := r.git("", "rev-parse", id+"^{tree}")
	if _, err := repository.blobs.read(folder, 100); err == nil {
		t.Error("a folder was read as a file")
	}
	if _, err := repository.blobs.read(idA, 100); err == nil {
		t.Error("a missing object was read")
	}
	if content, err := tree.Read("a"); err != nil || string(content) != "x" {
		t.Errorf("after refused reads: %q, error %v", content, err)
	}
	if err := repository.Close(); err != nil {
		t.Error(err)
	}
	if _, err := tree.Read("a"); err == nil {
		t.Error("a closed history was read")
	}
}

// A commit of the past is built with the modules of the snapshot.
func TestBorrow(t *testing.T) {
	r := newRepo(t)
	old := r.commit(edit{files: map[string]string{
		"go.mod": "old", "shop.go": "old", "vendored.go": "old", "vendor/gone/a.go": "old", "internal/go.mod": "old",
	}})
	head := r.commit(edit{files: map[string]string{
		"go.mod": "new", "go.sum": "new", "shop.go": "new", "vendor/words/a.go": "new", "zoo.go": "new",
	}})
	repository := r.open()
	trees := make([]*Tree, 2)
	for i, commit := range []string{old, head} {
		var err error
		if trees[i], err = repository.Tree(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	tree := trees[0].Borrow(trees[1], []string{"go.mod", "go.sum", "vendor", "absent"})
	got := map[string]string{}
	for _, entry := range tree.Files() {
		content, err := tree.Read(entry.Path)
		if err != nil {
			t.Fatal(err)
		}
		got[entry.Path] = string(content)
	}
	want := map[string]string{
		"go.mod": "new", "go.sum": "new", "shop.go": "old", "vendored.go": "old", "vendor/words/a.go": "new", "internal/go.mod": "old",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
