// Package snapshot reads the repository at one commit as Fetch sealed it:
// tree.tar with the regular files, and repository.git with the history.
package snapshot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Names below snapshots/<key>.
const (
	TreeFile         = "tree.tar"
	RepositoryFolder = "repository.git"
)

// HeadRef is the reference in repository.git that the history ends at.
const HeadRef = "refs/heads/snapshot"

// maxFileBytes bounds what Read returns.
const maxFileBytes = 16 << 20

// File is one regular file of the tree.
type File struct {
	// Path below the repository's root, with slashes.
	Path string
	Size int64
	// Executable says that git records the executable bit.
	Executable bool
}

// Snapshot is an opened snapshot.
type Snapshot struct {
	dir     string
	files   []File
	offsets map[string]span
}

type span struct{ offset, size int64 }

// Open indexes the tree of a sealed snapshot.
func Open(dir string) (*Snapshot, error) {
	tree, err := os.Open(filepath.Join(dir, TreeFile))
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer tree.Close()
	s := &Snapshot{dir: dir, offsets: map[string]span{}}
	reader := tar.NewReader(tree)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := s.check(header); err != nil {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
		// The archive is not compressed: the content starts where the reader stands.
		offset, err := tree.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
		s.offsets[header.Name] = span{offset: offset, size: header.Size}
		s.files = append(s.files, File{Path: header.Name, Size: header.Size, Executable: header.Mode&0o111 != 0})
	}
	sort.Slice(s.files, func(i, j int) bool { return s.files[i].Path < s.files[j].Path })
	return s, nil
}

// check refuses what Fetch never writes: a path that is not below the root, one
// that is there twice, and a file with holes, whose content is not in one piece.
func (s *Snapshot) check(header *tar.Header) error {
	switch {
	case header.Name == "." || !fs.ValidPath(header.Name):
		return fmt.Errorf("%q is no path below the root", header.Name)
	case s.Has(header.Name):
		return fmt.Errorf("%q is there twice", header.Name)
	}
	for name := range header.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return fmt.Errorf("%q has holes", header.Name)
		}
	}
	return nil
}

// Files lists the regular files in path order.
func (s *Snapshot) Files() []File { return s.files }

// Has says whether the tree holds a regular file of this path.
func (s *Snapshot) Has(path string) bool { _, ok := s.offsets[path]; return ok }

// Read returns one file's content, at most 16 MiB.
func (s *Snapshot) Read(path string) ([]byte, error) {
	at, ok := s.offsets[path]
	if !ok {
		return nil, fmt.Errorf("the snapshot has no file %q: %w", path, os.ErrNotExist)
	}
	if at.size > maxFileBytes {
		return nil, fmt.Errorf("%q has %d bytes, the limit is %d", path, at.size, int64(maxFileBytes))
	}
	tree, err := os.Open(filepath.Join(s.dir, TreeFile))
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	content := make([]byte, at.size)
	if _, err := tree.ReadAt(content, at.offset); err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return content, nil
}

// Tree streams the whole tree as a tar.
func (s *Snapshot) Tree(context.Context) (io.ReadCloser, error) {
	return os.Open(filepath.Join(s.dir, TreeFile))
}
