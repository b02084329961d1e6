package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

func (s *Server) servePutTree(r *http.Request) (any, error) {
	dir, err := checkDir(r.URL.Query().Get(dirParameter), false)
	if err != nil {
		return nil, err
	}
	if err := s.beginAnew(dir); err != nil {
		return nil, err
	}
	into, err := s.folder(dir)
	if err != nil {
		return nil, err
	}
	defer into.Close()
	return nil, renew(into, r.Body, TreeLimits)
}

// folder opens a directory of the box for what is put into it. What lies in its
// way, or in that of a folder above it, is removed.
func (s *Server) folder(dir string) (*os.Root, error) {
	u := newUnpacker(s.root, TreeLimits)
	u.present = map[string]bool{}
	defer u.close()
	if err := u.dir(dir); err != nil {
		return nil, err
	}
	return openFolder(s.root, dir)
}

// fresh replaces a directory by an empty one.
func (s *Server) fresh(dir string) (*os.Root, error) {
	if err := removeAll(s.root, dir); err != nil {
		return nil, err
	}
	return s.folder(dir)
}

func (s *Server) servePutEnvironment(r *http.Request) (any, error) {
	s.records.set(nil)
	if err := empty(s.environment); err != nil {
		return nil, err
	}
	if err := unpack(s.environment, r.Body, EnvironmentLimits); err != nil {
		return nil, err
	}
	records, err := s.seal()
	s.records.set(records)
	return nil, err
}

// empty removes what is in a folder that is a mount point and must stay.
func empty(root *os.Root) error {
	return eachEntry(root, func(entry fs.DirEntry) error { return removeTree(root, entry.Name()) })
}

func (s *Server) serveGetEnvironment(w http.ResponseWriter, r *http.Request) {
	if err := s.isolated(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := pack(s.environment, w, EnvironmentLimits); err != nil {
		s.options.Log.Warn("the environment cannot be packed", "error", err.Error())
		// A cut stream is the only way to tell after the first byte.
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) serveWriteFiles(r *http.Request) (any, error) {
	dir, err := checkDir(r.URL.Query().Get(dirParameter), true)
	if err != nil {
		return nil, err
	}
	u := newUnpacker(s.root, FilesLimits)
	defer u.close()
	into, err := u.folder(dir)
	if err != nil {
		return nil, err
	}
	return nil, unpack(into, r.Body, FilesLimits)
}

func (s *Server) serveReadFiles(w http.ResponseWriter, r *http.Request) {
	err := s.isolated(r.Context())
	var in readRequest
	if err == nil {
		in, err = request[readRequest](r)
	}
	var files []opened
	if err == nil {
		files, err = s.openFiles(in)
	}
	defer closeAll(files)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if err := sendFiles(w, files); err != nil {
		s.options.Log.Warn("files cannot be sent", "error", err.Error())
		panic(http.ErrAbortHandler)
	}
}

type opened struct {
	name string
	size int64
	file *os.File
}

func closeAll(files []opened) {
	for _, f := range files {
		// Read only: nothing is lost.
		_ = f.file.Close()
	}
}

// openFiles opens the files that exist and are regular.
func (s *Server) openFiles(in readRequest) ([]opened, error) {
	dir, err := checkDir(in.Dir, true)
	if err != nil {
		return nil, err
	}
	var files []opened
	left := in.MaxBytes
	for _, name := range in.Paths {
		file, size, err := s.openRegular(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return files, err
		}
		files = append(files, opened{name: name, size: size, file: file})
		if left -= size; left < 0 {
			return files, fmt.Errorf("%w: the files are above %d bytes", ErrTooLarge, in.MaxBytes)
		}
	}
	return files, nil
}

// openRegular refuses symbolic links and whatever is no regular file. It does
// not block on a FIFO that takes the file's place meanwhile.
func (s *Server) openRegular(dir, name string) (*os.File, int64, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, 0, refuse("%q is no file below %s", printable(name), dir)
	}
	full := path.Join(dir, name)
	before, err := s.root.Lstat(full)
	if err != nil {
		return nil, 0, missing(err, full)
	}
	if !before.Mode().IsRegular() {
		return nil, 0, refuse("%s is no regular file", full)
	}
	file, err := s.root.OpenFile(full, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, 0, missing(err, full)
	}
	after, err := file.Stat()
	if err != nil || !os.SameFile(before, after) {
		return nil, 0, errors.Join(refuse("%s changes while it is read", full), file.Close())
	}
	return file, after.Size(), nil
}

func missing(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return refuse("open %s: %v", name, err)
}

func sendFiles(w io.Writer, files []opened) error {
	writer := tar.NewWriter(w)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: f.size, Mode: fileMode}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.CopyN(writer, f.file, f.size); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return writer.Close()
}

func (s *Server) serveCopy(r *http.Request) (any, error) {
	in, err := request[copyRequest](r)
	if err != nil {
		return nil, err
	}
	from, err := checkDir(in.From, false)
	if err != nil {
		return nil, err
	}
	to, err := checkDir(in.To, false)
	if err != nil {
		return nil, err
	}
	if from == to || isBelow(to, from) || isBelow(from, to) {
		return nil, refuse("%s and %s lie in each other", from, to)
	}
	source, err := openFolder(s.root, from)
	if err != nil {
		return nil, refuse("open %s: %v", from, err)
	}
	defer source.Close()
	target, err := s.fresh(to)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	s.trees.add(to)
	return nil, copyTree(source, target, TreeLimits)
}

func isBelow(dir, of string) bool {
	return len(dir) > len(of) && dir[:len(of)] == of && dir[len(of)] == '/'
}

func (s *Server) serveRemove(r *http.Request) (any, error) {
	in, err := request[removeRequest](r)
	if err != nil {
		return nil, err
	}
	dir, err := checkDir(in.Dir, false)
	if err != nil {
		return nil, err
	}
	s.children.sweep()
	s.trees.remove(dir)
	return nil, removeAll(s.root, dir)
}
