package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

const (
	fileMode = 0o644
	dirMode  = 0o755
	// maxNameBytes and maxDepth bound a path in a tree, maxPartBytes one name.
	maxNameBytes = 4096
	maxPartBytes = 255
	maxDepth     = 64
	// tarOverhead is ample for the header, the long name and the padding of an entry.
	tarOverhead = 3*512 + 2*maxNameBytes + 512
)

// Limits bound a tree that is unpacked, packed or copied.
type Limits struct {
	Bytes   int64
	Entries int
	// AnyLink keeps symbolic links wherever they point, as a virtual environment
	// needs; else only those are kept that stay inside the tree.
	AnyLink bool
	// Times keeps modification times: compiled bytecode names its source's.
	Times bool
	// Replace lets files take the place of others, with the mode of what was there.
	Replace bool
}

// Bounds of the trees that go through a box.
var (
	// TreeLimits are those of a repository's tree.
	TreeLimits = Limits{Bytes: 4 << 30, Entries: 300_000}
	// EnvironmentLimits are those of what Setup installed.
	EnvironmentLimits = Limits{Bytes: 12 << 30, Entries: 1_000_000, AnyLink: true, Times: true}
	// FilesLimits are those of single files.
	FilesLimits = Limits{Bytes: 1 << 30, Entries: 100_000, Replace: true}
)

// budget counts a tree against its limits.
type budget struct {
	Limits
	bytes   int64
	entries int
}

func (b *budget) add(size int64) error {
	b.entries++
	b.bytes += size
	switch {
	case size < 0:
		return refuse("an entry has a negative size")
	case b.entries > b.Entries:
		return fmt.Errorf("%w: more than %d entries", ErrTooLarge, b.Entries)
	case b.bytes > b.Bytes:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.Bytes)
	}
	return nil
}

// checkName returns an entry's path in the tree.
func checkName(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	parts := strings.Split(clean, "/")
	if !fs.ValidPath(clean) || strings.ContainsRune(clean, 0) || len(clean) > maxNameBytes || len(parts) > maxDepth {
		return "", refuse("the entry %q leaves the tree, or its path is too long", printable(name))
	}
	for _, part := range parts {
		if len(part) > maxPartBytes {
			return "", refuse("the entry %q has a name above %d bytes", printable(name), maxPartBytes)
		}
	}
	return clean, nil
}

// staysInside says whether a link at name points into the tree.
func staysInside(name, target string) bool {
	if target == "" || path.IsAbs(target) || len(target) > maxNameBytes {
		return false
	}
	to := path.Join(path.Dir(name), target)
	return to != ".." && !strings.HasPrefix(to, "../")
}

// unpacker writes the entries of a tar below a root. It follows no link out of
// the root, whatever the archive or what is there already says.
type unpacker struct {
	root   *os.Root
	budget budget
	made   map[string]bool
}

// unpack writes a tar stream below a root: regular files, directories and
// symbolic links by the limits; an archive with anything else is refused.
func unpack(root *os.Root, archive io.Reader, limits Limits) error {
	u := unpacker{root: root, budget: budget{Limits: limits}, made: map[string]bool{".": true}}
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refuse("the archive cannot be read: %v", err)
		}
		if err := u.entry(header, reader); err != nil {
			return err
		}
	}
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := u.budget.add(header.Size); err != nil {
		return err
	}
	name, err := checkName(header.Name)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return u.dir(name)
	case tar.TypeReg:
		return u.file(name, header, content)
	case tar.TypeSymlink:
		if !u.budget.AnyLink && !staysInside(name, header.Linkname) {
			return nil
		}
		return u.link(name, header.Linkname)
	default:
		return refuse("the entry %q is neither file, directory nor symbolic link", printable(header.Name))
	}
}

func (u *unpacker) dir(name string) error {
	if u.made[name] {
		return nil
	}
	if err := u.root.MkdirAll(name, dirMode); err != nil {
		return refuse("make %s: %v", printable(name), err)
	}
	u.made[name] = true
	return nil
}

func (u *unpacker) file(name string, header *tar.Header, content io.Reader) error {
	if name == "." {
		return refuse("a file has no name")
	}
	if err := u.dir(path.Dir(name)); err != nil {
		return err
	}
	mode := fs.FileMode(fileMode | header.Mode&0o111)
	if u.budget.Replace {
		var err error
		if mode, err = u.replaced(name, mode); err != nil {
			return err
		}
	}
	// O_EXCL neither follows a link nor opens a FIFO that waits there.
	file, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return refuse("write %s: %v", printable(name), err)
	}
	_, err = io.Copy(file, content)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", printable(name), err)
	}
	return u.touch(name, header.ModTime)
}

// replaced removes what is in a file's place and returns its mode.
func (u *unpacker) replaced(name string, mode fs.FileMode) (fs.FileMode, error) {
	was, err := u.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return mode, nil
	}
	if err != nil {
		return 0, refuse("replace %s: %v", printable(name), err)
	}
	if was.Mode().IsRegular() {
		mode = was.Mode().Perm() | 0o600
	}
	return mode, removeAll(u.root, name)
}

func (u *unpacker) link(name, target string) error {
	if err := u.dir(path.Dir(name)); err != nil {
		return err
	}
	if err := u.root.Symlink(target, name); err != nil {
		return refuse("link %s: %v", printable(name), err)
	}
	return nil
}

func (u *unpacker) touch(name string, at time.Time) error {
	if !u.budget.Times || at.IsZero() {
		return nil
	}
	return u.root.Chtimes(name, at, at)
}

// pack writes what is below a root as a tar, in path order. Sockets, FIFOs and
// devices are left out.
func pack(root *os.Root, w io.Writer, limits Limits) error {
	total := budget{Limits: limits}
	writer := tar.NewWriter(w)
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		header, err := headerOf(root, name, entry)
		if err != nil || header == nil {
			return err
		}
		if err := total.add(header.Size); err != nil {
			return err
		}
		return packEntry(root, writer, header)
	})
	return errors.Join(err, writer.Close())
}

func headerOf(root *os.Root, name string, entry fs.DirEntry) (*tar.Header, error) {
	info, err := entry.Info()
	if err != nil {
		return nil, err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatGNU}
	switch {
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case info.Mode().IsRegular():
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case info.Mode().Type() == fs.ModeSymlink:
		header.Typeflag = tar.TypeSymlink
		header.Linkname, err = root.Readlink(name)
	default:
		return nil, nil
	}
	return header, err
}

func packEntry(root *os.Root, writer *tar.Writer, header *tar.Header) error {
	if err := writer.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
		return err
	}
	file, err := root.Open(header.Name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(writer, file, header.Size)
	return errors.Join(err, file.Close())
}

// copyTree copies files, directories and links; files by reflink or inside the
// kernel where the file system can.
func copyTree(from, to *os.Root, limits Limits) error {
	total := budget{Limits: limits}
	return fs.WalkDir(from.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		size := int64(0)
		if info.Mode().IsRegular() {
			size = info.Size()
		}
		if err := total.add(size); err != nil {
			return err
		}
		return copyEntry(from, to, name, info)
	})
}

func copyEntry(from, to *os.Root, name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return to.Mkdir(name, info.Mode().Perm()|0o700)
	case info.Mode().IsRegular():
		return copyFile(from, to, name, info)
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return to.Symlink(target, name)
	default:
		return nil
	}
}

func copyFile(from, to *os.Root, name string, info fs.FileInfo) error {
	source, err := from.Open(name)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, io.LimitReader(source, info.Size()))
	if err := errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return to.Chtimes(name, info.ModTime(), info.ModTime())
}

// removeAll removes a directory that repository code may have made unreadable.
func removeAll(root *os.Root, dir string) error {
	err := root.RemoveAll(dir)
	if err == nil {
		return nil
	}
	unlocked := fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			// What cannot be opened up cannot be removed either, and that is told.
			_ = root.Chmod(name, 0o700)
		}
		return nil
	})
	if err := errors.Join(unlocked, root.RemoveAll(dir)); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}
