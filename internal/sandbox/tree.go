package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
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
	// A name need not be text, so fs.ValidPath would refuse too much.
	if path.IsAbs(clean) || parts[0] == ".." || strings.ContainsRune(clean, 0) || len(clean) > maxNameBytes || len(parts) > maxDepth {
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

// unpack writes a tar stream below a root: regular files, directories and
// symbolic links by the limits; an archive with anything else is refused. It
// follows no link, whatever the archive or what is there already says.
func unpack(root *os.Root, archive io.Reader, limits Limits) error {
	u := newUnpacker(root, limits)
	defer u.close()
	return u.entries(archive)
}

// unpacker writes the entries of a tar below a root.
type unpacker struct {
	root   *os.Root
	budget budget
	// folders are those that the archive has had.
	folders map[string]bool
	// present are the archive's other entries, where a tree that is there is
	// renewed; else nil.
	present map[string]bool
	// last is the folder of the last file: most files follow one of the same.
	last     *os.Root
	lastName string
	// content and there hold a file of the archive and what lies in its place.
	content, there []byte
}

func newUnpacker(root *os.Root, limits Limits) *unpacker {
	return &unpacker{root: root, budget: budget{Limits: limits}, folders: map[string]bool{".": true}, last: root, lastName: "."}
}

func (u *unpacker) close() {
	if u.last != u.root {
		// It was only a place to open files from.
		_ = u.last.Close()
	}
}

func (u *unpacker) entries(archive io.Reader) error {
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
	if err := u.budget.add(header.Size); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
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

// dir makes a folder and those above it. A link to a folder is none.
func (u *unpacker) dir(name string) error {
	if u.folders[name] {
		return nil
	}
	if err := u.dir(path.Dir(name)); err != nil {
		return err
	}
	err := u.root.Mkdir(name, dirMode)
	if errors.Is(err, fs.ErrExist) {
		err = u.takeFolder(name)
	}
	if err != nil {
		return refuse("make %s: %v", printable(name), err)
	}
	u.folders[name] = true
	return nil
}

// takeFolder uses a folder that is there. In a tree that is renewed, anything
// else makes room for one.
func (u *unpacker) takeFolder(name string) error {
	info, err := u.root.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir() && u.present != nil && info.Mode().Perm() != dirMode:
		return u.root.Chmod(name, dirMode)
	case info.IsDir():
		return nil
	case u.present == nil || u.present[name]:
		return syscall.ENOTDIR
	}
	return errors.Join(removeAll(u.root, name), u.root.Mkdir(name, dirMode))
}

// folder opens the folder of an entry.
func (u *unpacker) folder(name string) (*os.Root, error) {
	if name == u.lastName {
		return u.last, nil
	}
	if err := u.dir(name); err != nil {
		return nil, err
	}
	opened, err := u.root.OpenRoot(name)
	if err != nil {
		return nil, refuse("open %s: %v", printable(name), err)
	}
	u.close()
	u.last, u.lastName = opened, name
	return opened, nil
}

func (u *unpacker) file(name string, header *tar.Header, content io.Reader) error {
	if name == "." {
		return refuse("a file has no name")
	}
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return refuse("the file %q has holes", printable(name))
		}
	}
	into, err := u.folder(path.Dir(name))
	if err != nil {
		return err
	}
	base, mode := path.Base(name), fs.FileMode(fileMode|header.Mode&0o111)
	switch {
	case u.present != nil:
		kept, rest, err := u.keep(into, name, mode, header.Size, content)
		if err != nil || kept {
			return err
		}
		content = rest
	case u.budget.Replace:
		if mode, err = replaced(into, base, mode); err != nil {
			return err
		}
	}
	if err := u.write(into, base, mode, content); err != nil {
		return err
	}
	if !u.budget.Times || header.ModTime.IsZero() {
		return nil
	}
	return into.Chtimes(base, header.ModTime, header.ModTime)
}

func (u *unpacker) write(into *os.Root, base string, mode fs.FileMode, content io.Reader) error {
	// O_EXCL neither follows a link nor opens a FIFO that waits there.
	file, err := into.OpenFile(base, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return refuse("write %s: %v", printable(base), err)
	}
	// Without the file's own ReadFrom, which finds out each time that it has no
	// faster way and takes a new buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, content, u.buffer())
	err = errors.Join(err, file.Close())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse("the archive ends in %s", printable(base))
	case err != nil:
		return fmt.Errorf("write %s: %w", printable(base), err)
	}
	return nil
}

func (u *unpacker) buffer() []byte {
	if u.there == nil {
		u.there = make([]byte, keepBytes)
	}
	return u.there
}

// replaced removes what is in a file's place and returns its mode.
func replaced(into *os.Root, base string, mode fs.FileMode) (fs.FileMode, error) {
	was, err := into.Lstat(base)
	if errors.Is(err, fs.ErrNotExist) {
		return mode, nil
	}
	if err != nil {
		return 0, refuse("replace %s: %v", printable(base), err)
	}
	if was.Mode().IsRegular() {
		mode = was.Mode().Perm() | 0o600
	}
	return mode, removeTree(into, base)
}

func (u *unpacker) link(name, target string) error {
	into, err := u.folder(path.Dir(name))
	if err != nil {
		return err
	}
	if u.present != nil {
		if err := u.claim(name); err != nil {
			return err
		}
		if err := removeTree(into, path.Base(name)); err != nil {
			return err
		}
	}
	if err := into.Symlink(target, path.Base(name)); err != nil {
		return refuse("link %s: %v", printable(name), err)
	}
	return nil
}

// pack writes what is below a root as a tar, in path order. Sockets, FIFOs and
// devices are left out.
func pack(root *os.Root, w io.Writer, limits Limits) error {
	total := budget{Limits: limits}
	writer := tar.NewWriter(w)
	err := walk(root, ".", &total, func(dir *os.Root, name string, info fs.FileInfo) error {
		header, err := headerOf(dir, name, info)
		if err != nil || header == nil {
			return err
		}
		return packEntry(dir, writer, header)
	})
	return errors.Join(err, writer.Close())
}

// walk visits what is below a folder in path order, with the folder of each
// entry, and counts it against a budget.
func walk(dir *os.Root, below string, total *budget, visit func(dir *os.Root, name string, info fs.FileInfo) error) error {
	names, err := sortedNames(dir, total)
	if err != nil {
		return err
	}
	for _, base := range names {
		name := path.Join(below, base)
		info, err := dir.Lstat(base)
		if err != nil {
			return err
		}
		if err := total.add(sizeOf(info)); err != nil {
			return err
		}
		if err := visit(dir, name, info); err != nil {
			return err
		}
		if info.IsDir() {
			if err := walkInto(dir, name, total, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func walkInto(parent *os.Root, name string, total *budget, visit func(*os.Root, string, fs.FileInfo) error) error {
	if strings.Count(name, "/") >= maxDepth {
		return fmt.Errorf("%w: %s is more than %d folders deep", ErrTooLarge, printable(name), maxDepth)
	}
	dir, err := openFolder(parent, path.Base(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return walk(dir, name, total, visit)
}

// sortedNames lists a folder that has no more entries than the budget has left.
func sortedNames(dir *os.Root, total *budget) ([]string, error) {
	var names []string
	err := eachEntry(dir, func(entry fs.DirEntry) error {
		if names = append(names, entry.Name()); len(names) > total.Entries-total.entries {
			return fmt.Errorf("%w: more than %d entries", ErrTooLarge, total.Entries)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

func sizeOf(info fs.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

func headerOf(dir *os.Root, name string, info fs.FileInfo) (header *tar.Header, err error) {
	header = &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatGNU}
	switch {
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case info.Mode().IsRegular():
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case info.Mode().Type() == fs.ModeSymlink:
		header.Typeflag = tar.TypeSymlink
		header.Linkname, err = dir.Readlink(info.Name())
	default:
		return nil, nil
	}
	return header, err
}

func packEntry(dir *os.Root, writer *tar.Writer, header *tar.Header) error {
	if err := writer.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
		return err
	}
	file, err := dir.Open(path.Base(header.Name))
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
	into, intoName := to, "."
	defer func() {
		if into != to {
			_ = into.Close() // it was only a place to open files from
		}
	}()
	return walk(from, ".", &total, func(dir *os.Root, name string, info fs.FileInfo) error {
		if folder := path.Dir(name); folder != intoName {
			opened, err := to.OpenRoot(folder)
			if err != nil {
				return err
			}
			if into != to {
				_ = into.Close()
			}
			into, intoName = opened, folder
		}
		return copyEntry(dir, into, info)
	})
}

func copyEntry(from, to *os.Root, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return to.Mkdir(info.Name(), info.Mode().Perm()|0o700)
	case info.Mode().IsRegular():
		return copyFile(from, to, info)
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := from.Readlink(info.Name())
		if err != nil {
			return err
		}
		return to.Symlink(target, info.Name())
	default:
		return nil
	}
}

func copyFile(from, to *os.Root, info fs.FileInfo) error {
	source, err := from.Open(info.Name())
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := to.OpenFile(info.Name(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, io.LimitReader(source, info.Size()))
	if err := errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", printable(info.Name()), err)
	}
	return to.Chtimes(info.Name(), info.ModTime(), info.ModTime())
}
