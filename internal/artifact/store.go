package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Beside an output lie what will be one and what was one. Their names are a
// prefix, the output's name, a dash and a random number of numberDigits digits.
const (
	draftPrefix   = ".draft-"
	removedPrefix = ".removed-"
	numberDigits  = 16
)

// Store is the root of an artifact volume.
type Store struct {
	root *os.Root
	path string
}

// Open opens the artifact volume at a path.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact volume: %w", err)
	}
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
	// dir is the folder itself, whatever is later at its path.
	dir *os.Root
}

// Begin starts the folder of an output: a temporary sibling on the same mount.
// What an interrupted writer of the same folder left behind is removed. Should
// that writer still live, it seals nothing any more and shares no file with
// this one.
func (s *Store) Begin(folder string) (*Draft, error) {
	drafts, err := s.drafts(folder)
	if err != nil {
		return nil, err
	}
	for _, temp := range drafts {
		if err := s.remove(folder, temp); err != nil {
			return nil, fmt.Errorf("remove an interrupted draft: %w", err)
		}
	}
	return s.draft(folder, numbered(folder, draftPrefix))
}

// Resume continues the draft that an interrupted writer of the folder left
// behind, or starts one.
func (s *Store) Resume(folder string) (*Draft, error) {
	drafts, err := s.drafts(folder)
	if err != nil {
		return nil, err
	}
	if len(drafts) > 0 {
		return s.draft(folder, drafts[0])
	}
	return s.draft(folder, numbered(folder, draftPrefix))
}

// Interrupted returns the absolute path of the draft that Resume would continue,
// "" when there is none.
func (s *Store) Interrupted(folder string) (string, error) {
	drafts, err := s.beside(folder, draftPrefix)
	if err != nil || len(drafts) == 0 {
		return "", err
	}
	return s.Path(drafts[0])
}

// drafts lists the drafts of a folder, and ends removals that were interrupted.
func (s *Store) drafts(folder string) ([]string, error) {
	removed, err := s.beside(folder, removedPrefix)
	if err != nil {
		return nil, err
	}
	for _, name := range removed {
		if err := s.root.RemoveAll(name); err != nil {
			return nil, fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return s.beside(folder, draftPrefix)
}

// numbered is a name beside a folder that no other writer knows.
func numbered(folder, prefix string) string {
	name := fmt.Sprintf("%s%s-%0*x", prefix, path.Base(folder), numberDigits, rand.Uint64())
	return path.Join(path.Dir(folder), name)
}

// beside lists what has such a name.
func (s *Store) beside(folder, prefix string) ([]string, error) {
	if err := checkName(folder); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(s.root.FS(), path.Dir(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the drafts of %s: %w", folder, err)
	}
	var names []string
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix+path.Base(folder)+"-")
		if ok && len(number) == numberDigits {
			names = append(names, path.Join(path.Dir(folder), entry.Name()))
		}
	}
	return names, nil
}

// remove takes a folder, or a draft of it, out of sight before it deletes it:
// no crash leaves a half that somebody seals, resumes or takes for whole.
func (s *Store) remove(folder, name string) error {
	removed := numbered(folder, removedPrefix)
	if err := s.root.Rename(name, removed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.root.RemoveAll(removed)
}

func (s *Store) draft(folder, temp string) (*Draft, error) {
	if err := s.root.MkdirAll(temp, 0o750); err != nil {
		return nil, fmt.Errorf("begin %s: %w", folder, err)
	}
	dir, err := s.root.OpenRoot(temp)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", folder, err)
	}
	return &Draft{store: s, folder: folder, temp: temp, dir: dir}, nil
}

// Path is the absolute path of the folder while it is written.
func (d *Draft) Path() string { return filepath.Join(d.store.path, filepath.FromSlash(d.temp)) }

// Discard removes the draft.
func (d *Draft) Discard() error {
	return errors.Join(d.dir.Close(), d.store.remove(d.folder, d.temp))
}

// Seal hashes and syncs the draft's files, writes the manifest and puts the
// folder in its place. A folder that another writer sealed meanwhile with the
// same manifest is kept; with another one it is ErrDigest. A draft that another
// writer removed is fs.ErrNotExist.
func (d *Draft) Seal(m Manifest) (string, error) {
	want, err := d.seal(m)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", d.folder, err)
	}
	return want, nil
}

func (d *Draft) seal(m Manifest) (string, error) {
	if err := d.check(); err != nil {
		return "", fmt.Errorf("the draft is gone: %w", err)
	}
	files, err := settle(d.dir)
	if err != nil {
		return "", err
	}
	m.Version, m.Files = manifestVersion, files
	raw, err := m.encode()
	if err != nil {
		return "", err
	}
	if err := d.writeManifest(raw); err != nil {
		return "", err
	}
	if err := settleFolders(d.dir); err != nil {
		return "", err
	}
	return digest(raw), d.place(digest(raw))
}

// check finds out whether the draft is still there. A writer that makes folders
// below a removed draft makes a new one, which holds a part of the output.
func (d *Draft) check() error {
	mine, err := d.dir.Stat(".")
	if err != nil {
		return err
	}
	there, err := d.store.root.Lstat(d.temp)
	if err == nil && !os.SameFile(mine, there) {
		return fs.ErrNotExist
	}
	return err
}

func (d *Draft) place(want string) error {
	root := d.store.root
	// A rename replaces no folder with files: what another writer seals at this
	// moment does not get lost.
	if err := root.Rename(d.temp, d.folder); err != nil {
		existing, lookupErr := d.store.whole(d.folder)
		switch {
		case lookupErr != nil:
			return lookupErr
		case existing == want:
			return d.Discard()
		case existing != "":
			return fmt.Errorf("it was sealed before with other content: %w", ErrDigest)
		case errors.Is(err, fs.ErrNotExist):
			return err
		}
		// What is not whole never counted.
		if err := errors.Join(d.store.remove(d.folder, d.folder), root.Rename(d.temp, d.folder)); err != nil {
			return err
		}
	}
	if err := errors.Join(d.dir.Close(), syncDir(root, path.Dir(d.folder))); err != nil {
		return err
	}
	// Two writers that resumed the same draft may both have come this far.
	if _, existing, err := d.store.Lookup(d.folder); err != nil || existing != want {
		return fmt.Errorf("another writer sealed the same draft: %w", ErrDigest)
	}
	return nil
}

// whole returns the digest of a folder that is sealed and has its content, ""
// for one that does not count.
func (s *Store) whole(folder string) (string, error) {
	_, existing, err := s.Lookup(folder)
	if err == nil {
		_, err = s.VerifyContent(folder, existing)
	}
	if errors.Is(err, ErrNotSealed) || errors.Is(err, ErrDigest) {
		return "", nil
	}
	return existing, err
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

// settleFolders makes all folders of a draft group-readable and syncs them.
func settleFolders(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		folder, err := root.Open(name)
		if err != nil {
			return err
		}
		info, err := folder.Stat()
		if err == nil {
			err = errors.Join(folder.Chmod(info.Mode()|0o050), folder.Sync())
		}
		return errors.Join(err, folder.Close())
	})
}

// writeManifest replaces what an interrupted Seal left. It goes by the draft's
// path: where another writer has put the folder in its place, nothing changes.
func (d *Draft) writeManifest(raw []byte) (err error) {
	name := path.Join(d.temp, ManifestName)
	if err := d.store.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := d.store.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(raw); err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o640), file.Sync())
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
	info, err := s.root.Lstat(folder)
	var root *os.Root
	switch {
	case err == nil && info.IsDir():
		root, err = s.root.OpenRoot(folder)
	case err == nil: // a file or a link, wherever it leads
		err = fs.ErrNotExist
	}
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
	if errors.Is(err, errForeign) {
		err = fmt.Errorf("%w: %w", ErrDigest, err)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", folder, err)
	}
	if len(names) != len(m.Files) {
		return Manifest{}, fmt.Errorf("%s holds %d files, its manifest names %d: %w", folder, len(names), len(m.Files), ErrDigest)
	}
	for i, file := range m.Files {
		if names[i] != file.Path {
			return Manifest{}, fmt.Errorf("%s holds %q, its manifest names %q there: %w", folder, names[i], file.Path, ErrDigest)
		}
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
	return s.remove(folder, folder)
}

func syncFile(root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func syncDir(root *os.Root, name string) error { return syncFile(root, strings.TrimPrefix(name, "./")) }
