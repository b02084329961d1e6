package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// folder is where everything is written. Its root refuses what leads out of it.
type folder struct{ root *os.Root }

// newFolder makes a folder, which must not exist or be empty.
func newFolder(name string) (folder, error) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return folder{}, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return folder{}, err
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty: name a new folder", name)
	}
	if err != nil {
		return folder{}, errors.Join(err, root.Close())
	}
	return folder{root}, nil
}

// write writes a new file with its folders.
func (f folder) write(name string, mode fs.FileMode, content []byte) error {
	return f.copy(name, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func (f folder) copy(name string, mode fs.FileMode, fill func(io.Writer) error) (err error) {
	if !fs.ValidPath(name) {
		return fmt.Errorf("%.200q is no path below the folder", name)
	}
	if err := f.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return fill(file)
}
