package grading

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Source is the snapshot that tasks are made from.
type Source interface {
	Read(path string) ([]byte, error)
	// Tree streams the whole tree as a tar.
	Tree(ctx context.Context) (io.ReadCloser, error)
}

// Edits replaces files of a tree by path, or adds them; nil content leaves the
// file out.
type Edits map[string][]byte

// with returns the edits with others, which win, on top.
func (e Edits) with(others Edits) Edits {
	all := maps.Clone(e)
	maps.Copy(all, others)
	return all
}

// copyBuffer is the size of the pieces in which files are copied.
const copyBuffer = 32 << 10

// Overlay streams the source's tree with the edits made, so that what they take
// out never reaches a box. Close the result.
func Overlay(ctx context.Context, source Source, edits Edits) (io.ReadCloser, error) {
	tree, err := source.Tree(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	reader, writer := io.Pipe()
	go func() {
		err := overlay(writer, tree, edits)
		writer.CloseWithError(errors.Join(err, tree.Close()))
	}()
	return reader, nil
}

func overlay(w io.Writer, r io.Reader, edits Edits) error {
	out, in := tar.NewWriter(w), tar.NewReader(r)
	replaced := map[string]bool{}
	// One buffer for all files: io.Copy would make one for each.
	buffer := make([]byte, copyBuffer)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(addNew(out, edits, replaced), out.Close())
		}
		if err != nil {
			return fmt.Errorf("reading the snapshot: %w", err)
		}
		replaced[header.Name] = true
		if err := copyEntry(out, in, header, edits, buffer); err != nil {
			return err
		}
	}
}

// addNew writes the files that the tree does not have.
func addNew(out *tar.Writer, edits Edits, have map[string]bool) error {
	for _, path := range slices.Sorted(maps.Keys(edits)) {
		content := edits[path]
		if have[path] || content == nil {
			continue
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("adding %q to the tree: %w", path, err)
		}
		if _, err := out.Write(content); err != nil {
			return fmt.Errorf("adding %q to the tree: %w", path, err)
		}
	}
	return nil
}

func copyEntry(out *tar.Writer, in io.Reader, header *tar.Header, edits Edits, buffer []byte) error {
	content, edited := edits[header.Name]
	if edited && content == nil {
		return nil
	}
	if edited {
		header.Size = int64(len(content))
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	if edited {
		_, err := out.Write(content)
		return err
	}
	// Without the reader's and the writer's own ways, which know no buffer.
	_, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer)
	return err
}
