package sandbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

const (
	// readAtOnce is how many entries of a folder are held in memory.
	readAtOnce = 1024
	// removeRounds bounds how often a folder is emptied that does not stay empty.
	removeRounds = 10
)

// removeAll removes what repository code may have made to last: folders without
// permissions, with names that are no text, and deeper than there are file
// descriptors or stack for a walk.
func removeAll(root *os.Root, name string) error {
	parent := root
	if dir := path.Dir(name); dir != "." {
		var err error
		parent, err = unlockedFolder(root, dir)
		if gone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove %s: %w", printable(name), err)
		}
		defer parent.Close()
	}
	if err := removeTree(parent, path.Base(name)); err != nil {
		return fmt.Errorf("remove %s: %w", printable(name), err)
	}
	return nil
}

// unlockedFolder opens a folder below folders that may have no permissions.
func unlockedFolder(root *os.Root, name string) (*os.Root, error) {
	for at, c := range name {
		if c == '/' {
			if err := unlock(root, name[:at]); err != nil {
				return nil, err
			}
		}
	}
	if err := unlock(root, name); err != nil {
		return nil, err
	}
	return openFolder(root, name)
}

// openFolder opens a folder that is one: to open a FIFO would wait for a writer,
// and a link may lead anywhere.
func openFolder(root *os.Root, name string) (*os.Root, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return root.OpenRoot(name)
}

// removeTree removes one entry of a folder. Folders below it are first moved up
// beside it, so that no more than two are open at a time however deep they are.
func removeTree(parent *os.Root, base string) error {
	err := parent.Remove(base)
	if err == nil || gone(err) {
		return nil
	}
	moved := mover{parent: parent, prefix: ".removed-" + rand.Text() + "-", pending: []string{base}}
	for len(moved.pending) > 0 {
		last := len(moved.pending) - 1
		next := moved.pending[last]
		moved.pending = moved.pending[:last]
		if err := moved.remove(next); err != nil {
			return err
		}
	}
	return nil
}

// gone says whether there is nothing to remove: a name is not there, or
// lies below what is no folder.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

type mover struct {
	parent  *os.Root
	prefix  string
	count   int
	pending []string
}

// remove empties a folder beside the others and removes it.
func (m *mover) remove(name string) error {
	var err error
	for range removeRounds {
		if err = m.parent.Remove(name); err == nil || gone(err) {
			return nil
		}
		if err := m.empty(name); err != nil {
			return err
		}
	}
	return err
}

func (m *mover) empty(name string) error {
	if err := unlock(m.parent, name); err != nil {
		return err
	}
	dir, err := openFolder(m.parent, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return eachEntry(dir, func(entry fs.DirEntry) error {
		err := dir.Remove(entry.Name())
		if err == nil || gone(err) || !entry.IsDir() {
			return ignoreMissing(err)
		}
		// To change its parent a folder must be writable.
		if err := unlock(dir, entry.Name()); err != nil {
			return err
		}
		m.count++
		up := fmt.Sprintf("%s%d", m.prefix, m.count)
		if err := m.parent.Rename(name+"/"+entry.Name(), up); err != nil {
			return err
		}
		m.pending = append(m.pending, up)
		return nil
	})
}

func ignoreMissing(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// unlock gives the owner all permissions on a folder.
func unlock(parent *os.Root, name string) error {
	info, err := parent.Lstat(name)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o700 == 0o700 {
		return err
	}
	return parent.Chmod(name, 0o700)
}

// eachEntry visits the entries of a folder in no order, a bounded number of them
// in memory at a time. The visitor may remove them.
func eachEntry(dir *os.Root, visit func(fs.DirEntry) error) error {
	folder, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	for {
		entries, err := folder.ReadDir(readAtOnce)
		for _, entry := range entries {
			if err := visit(entry); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
