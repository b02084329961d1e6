package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// draftPrefix starts the names of folders that are being written.
const draftPrefix = ".draft-"

// Store is the root of an artifact volume.
type Store struct {
	root *os.Root
	path string
}

// Open opens the artifact volume at a path.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact volume: %w", err)
	}
	return &Store{root: root, path: dir}, nil
}

// Close releases the volume.
func (s *Store) Close() error { return s.root.Close() }

// Path returns the absolute path of a folder or file of the store. It refuses
// what leaves the volume.
func (s *Store) Path(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return filepath.Join(s.path, filepath.FromSlash(name)), nil
}

func checkName(name string) error {
	if name == "" || name == "." || !fs.ValidPath(name) {
		return fmt.Errorf("%q is no path below the artifact volume", name)
	}
	return nil
}

// Draft is a folder that is being written.
type Draft struct {
	store  *Store
	folder string
	temp   string
}

// Begin starts the folder of an output: a temporary sibling on the same mount.
// What an interrupted writer of the same folder left behind is removed.
func (s *Store) Begin(folder string) (*Draft, error) {
	if err := checkName(folder); err != nil {
		return nil, err
	}
	temp := path.Join(path.Dir(folder), draftPrefix+path.Base(folder))
	if err := s.root.RemoveAll(temp); err != nil {
		return nil, fmt.Errorf("remove an interrupted draft: %w", err)
	}
	return s.draft(folder, temp)
}

// Resume continues the draft that an interrupted writer of the folder left
// behind, or starts one.
func (s *Store) Resume(folder string) (*Draft, error) {
	if err := checkName(folder); err != nil {
		return nil, err
	}
	return s.draft(folder, path.Join(path.Dir(folder), draftPrefix+path.Base(folder)))
}

func (s *Store) draft(folder, temp string) (*Draft, error) {
	if err := s.root.MkdirAll(temp, 0o750); err != nil {
		return nil, fmt.Errorf("begin %s: %w", folder, err)
	}
	return &Draft{store: s, folder: folder, temp: temp}, nil
}

// Path is the absolute path of the folder while it is written.
func (d *Draft) Path() string { return filepath.Join(d.store.path, filepath.FromSlash(d.temp)) }

// Discard removes the draft.
func (d *Draft) Discard() error { return d.store.root.RemoveAll(d.temp) }

// Seal hashes and syncs the draft's files, writes the manifest and puts the
// folder in its place. A folder that another writer sealed meanwhile with the
// same manifest is kept; with another one it is an error.
func (d *Draft) Seal(m Manifest) (string, error) {
	root, err := d.store.root.OpenRoot(d.temp)
	if err != nil {
		return "", err
	}
	defer root.Close()
	m.Version = manifestVersion
	if m.Files, err = settle(root); err != nil {
		return "", fmt.Errorf("seal %s: %w", d.folder, err)
	}
	raw, err := m.encode()
	if err != nil {
		return "", err
	}
	if err := writeSynced(root, ManifestName, raw); err != nil {
		return "", fmt.Errorf("seal %s: %w", d.folder, err)
	}
	return digest(raw), d.place(digest(raw))
}

func (d *Draft) place(want string) error {
	if _, existing, err := d.store.Lookup(d.folder); err == nil {
		if existing != want {
			return fmt.Errorf("%s was sealed before with other content: %w", d.folder, ErrDigest)
		}
		return d.Discard()
	} else if !errors.Is(err, ErrNotSealed) {
		return err
	}
	// A folder without a manifest is what a crash left: it never counted.
	if err := d.store.root.RemoveAll(d.folder); err != nil {
		return fmt.Errorf("seal %s: %w", d.folder, err)
	}
	if err := d.store.root.Rename(d.temp, d.folder); err != nil {
		return fmt.Errorf("seal %s: %w", d.folder, err)
	}
	return syncDir(d.store.root, path.Dir(d.folder))
}

// settle makes all files of a draft group-readable, syncs and hashes them.
// Libraries write weights as 0600, which another user's stage could not read.
func settle(root *os.Root) ([]File, error) {
	names, err := list(root)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		if err := root.Chmod(name, 0o640); err != nil {
			return nil, err
		}
		if err := syncFile(root, name); err != nil {
			return nil, err
		}
		file, err := hashFile(root, name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// Lookup returns the manifest of a sealed folder and its digest, or
// ErrNotSealed.
func (s *Store) Lookup(folder string) (Manifest, string, error) {
	root, err := s.open(folder)
	if err != nil {
		return Manifest{}, "", err
	}
	defer root.Close()
	return readManifest(root)
}

func (s *Store) open(folder string) (*os.Root, error) {
	if err := checkName(folder); err != nil {
		return nil, err
	}
	root, err := s.root.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", folder, ErrNotSealed)
	}
	return root, err
}

// Verify checks that a sealed folder has a manifest of the given digest and
// that its files are there with their sizes.
func (s *Store) Verify(folder, want string) (Manifest, error) {
	return s.verify(folder, want, func(root *os.Root, file File) error {
		info, err := root.Lstat(file.Path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() != file.Size {
			return fmt.Errorf("%s/%s: size %d, want %d: %w", folder, file.Path, info.Size(), file.Size, ErrDigest)
		}
		return nil
	})
}

// VerifyContent is Verify, and hashes every file.
func (s *Store) VerifyContent(folder, want string) (Manifest, error) {
	return s.verify(folder, want, func(root *os.Root, file File) error {
		got, err := hashFile(root, file.Path)
		if err != nil {
			return err
		}
		if got != file {
			return fmt.Errorf("%s/%s: content: %w", folder, file.Path, ErrDigest)
		}
		return nil
	})
}

func (s *Store) verify(folder, want string, check func(*os.Root, File) error) (Manifest, error) {
	root, err := s.open(folder)
	if err != nil {
		return Manifest{}, err
	}
	defer root.Close()
	m, got, err := readManifest(root)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", folder, err)
	}
	if got != want {
		return Manifest{}, fmt.Errorf("%s: manifest is %s, want %s: %w", folder, got, want, ErrDigest)
	}
	names, err := list(root)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", folder, err)
	}
	if len(names) != len(m.Files) {
		return Manifest{}, fmt.Errorf("%s holds %d files, its manifest names %d: %w", folder, len(names), len(m.Files), ErrDigest)
	}
	for _, file := range m.Files {
		if err := check(root, file); err != nil {
			return Manifest{}, err
		}
	}
	return m, nil
}

// Remove deletes a folder, so that one made from other inputs can take its
// place.
func (s *Store) Remove(folder string) error {
	if err := checkName(folder); err != nil {
		return err
	}
	return s.root.RemoveAll(folder)
}

func writeSynced(root *os.Root, name string, raw []byte) (err error) {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(raw); err != nil {
		return err
	}
	return file.Sync()
}

func syncFile(root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func syncDir(root *os.Root, name string) error { return syncFile(root, strings.TrimPrefix(name, "./")) }
