package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
)

// PutTree implements Box.
func (c *Client) PutTree(ctx context.Context, dir string, tree io.Reader) error {
	return c.put(ctx, treePath, dir, tree)
}

// PutEnvironment implements Box.
func (c *Client) PutEnvironment(ctx context.Context, tree io.Reader) error {
	return c.put(ctx, environmentPath, "", tree)
}

func (c *Client) put(ctx context.Context, at, dir string, tree io.Reader) error {
	// A reader that can be closed must not be by the transport: it is the caller's.
	return c.send(ctx, transferTimeout, http.MethodPut, at, dir, io.NopCloser(tree), func(answer io.Reader) error {
		return decode(answer, maxErrorBytes, nil)
	})
}

// GetEnvironment implements Box. What it writes is bounded and is repository
// code's word: only a box may unpack it.
func (c *Client) GetEnvironment(ctx context.Context, w io.Writer) error {
	return c.send(ctx, transferTimeout, http.MethodGet, environmentPath, "", nil, func(answer io.Reader) error {
		limit := EnvironmentLimits.Bytes + int64(EnvironmentLimits.Entries)*tarOverhead
		n, err := io.Copy(writerOf{w}, io.LimitReader(answer, limit+1))
		if err == nil && n > limit {
			return fmt.Errorf("%w: the environment is above %d bytes", ErrTooLarge, limit)
		}
		return err
	})
}

// writerOf marks the errors of the caller's writer as no fault of the box.
type writerOf struct{ w io.Writer }

func (w writerOf) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = &localError{cause: err}
	}
	return n, err
}

// WriteFiles implements Box.
func (c *Client) WriteFiles(ctx context.Context, dir string, files map[string][]byte) error {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644}
		if err := errors.Join(writer.WriteHeader(header), second(writer.Write(files[name]))); err != nil {
			return fmt.Errorf("pack %q for the sandbox: %w", name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return fmt.Errorf("pack files for the sandbox: %w", err)
	}
	return c.send(ctx, transferTimeout, http.MethodPut, filesPath, dir, &archive, func(answer io.Reader) error {
		return decode(answer, maxErrorBytes, nil)
	})
}

func second[T any](_ T, err error) error { return err }

// ReadFiles implements Box.
func (c *Client) ReadFiles(ctx context.Context, dir string, paths []string, maxBytes int64) (map[string][]byte, error) {
	body, err := json.Marshal(readRequest{Dir: dir, Paths: paths, MaxBytes: maxBytes})
	if err != nil {
		return nil, fmt.Errorf("encode a request for the sandbox: %w", err)
	}
	var files map[string][]byte
	err = c.send(ctx, transferTimeout, http.MethodPost, filesPath, "", bytes.NewReader(body), func(answer io.Reader) (err error) {
		files, err = unpackFiles(answer, paths, maxBytes)
		return err
	})
	return files, err
}

// unpackFiles reads a hostile archive: only files that were asked for, each
// once, and no more bytes than allowed.
func unpackFiles(archive io.Reader, asked []string, maxBytes int64) (map[string][]byte, error) {
	files := make(map[string][]byte, len(asked))
	left := maxBytes
	reader := tar.NewReader(io.LimitReader(archive, maxBytes+int64(len(asked)+2)*tarOverhead))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		_, twice := files[header.Name]
		switch {
		case header.Typeflag != tar.TypeReg || twice || !slices.Contains(asked, header.Name):
			return nil, fmt.Errorf("%w: it sends %q, which nobody asked for", ErrBoxLost, printable(header.Name))
		case header.Size < 0 || header.Size > left:
			return nil, fmt.Errorf("%w: the files are above %d bytes", ErrTooLarge, maxBytes)
		}
		content := make([]byte, header.Size)
		if _, err := io.ReadFull(reader, content); err != nil {
			return nil, err
		}
		files[header.Name] = content
		left -= header.Size
	}
}
