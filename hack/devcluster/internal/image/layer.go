package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// fileTime is the time of every added file, unless its own is kept. Not 0: zip archives, and so Python's
// zipapp and wheels, cannot hold times before 1980.
var fileTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Add is a file or a folder of this machine and its path in the image.
type Add struct{ Source, Target string }

// ParseAdd reads SRC:DST. The last colon counts: a path of an image has none.
func ParseAdd(s string) (Add, error) {
	i := strings.LastIndex(s, ":")
	if i <= 0 || i == len(s)-1 {
		return Add{}, fmt.Errorf("%q: want SRC:DST", s)
	}
	add := Add{Source: s[:i], Target: path.Clean(s[i+1:])}
	if !path.IsAbs(add.Target) || add.Target == "/" {
		return Add{}, fmt.Errorf("%q: the path in the image must be absolute and not /", s)
	}
	return add, nil
}

// addedLayer makes one layer of all added files. Whoever reads the layer has the
// archive written anew, so memory does not grow with the files. keepTimes leaves
// the files their own times, to the second.
func addedLayer(adds []Add, keepTimes bool) (v1.Layer, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeArchive(w, adds, keepTimes)) }()
		return r, nil
	}, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("layer of added files: %w", err)
	}
	return layer, nil
}

func writeArchive(out io.Writer, adds []Add, keepTimes bool) error {
	buffered := bufio.NewWriterSize(out, 1<<20)
	w := archiveWriter{Writer: tar.NewWriter(buffered), keepTimes: keepTimes}
	for _, add := range adds {
		if err := w.writeTree(add); err != nil {
			return fmt.Errorf("add %s: %w", add.Source, err)
		}
	}
	return errors.Join(w.Close(), buffered.Flush())
}

type archiveWriter struct {
	*tar.Writer
	keepTimes bool
}

// writeTree writes a file, or a folder with all below it. It writes no entry for
// the folders above the target: the root file system may have a link there (/bin
// is one to usr/bin), which an entry would replace by an empty folder.
func (w archiveWriter) writeTree(add Add) error {
	root, err := filepath.EvalSymlinks(add.Source)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Join(add.Target, filepath.ToSlash(relative)), "/")
		return w.writeEntry(file, name, d)
	})
}

func (w archiveWriter) writeEntry(file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: fileTime, Format: tar.FormatPAX}
	if w.keepTimes {
		header.ModTime = info.ModTime().Truncate(time.Second)
	}
	switch {
	case info.Mode().IsRegular():
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case info.Mode()&fs.ModeSymlink != 0:
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = os.Readlink(file); err != nil {
			return err
		}
	default:
		return errors.New(file + " is neither a file nor a folder nor a link")
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
