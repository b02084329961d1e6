package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// trees knows the working trees in the box by the first part of their paths.
type trees struct {
	mu    sync.Mutex
	known map[string]bool
}

func (t *trees) add(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]bool{}
	}
	t.known[top(dir)] = true
}

func (t *trees) remove(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if top(dir) == dir {
		delete(t.known, dir)
	}
}

// onlyOne says whether no other tree than that of dir is in the box.
func (t *trees) onlyOne(dir string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	others := slices.DeleteFunc(slices.Collect(maps.Keys(t.known)), func(known string) bool { return known == top(dir) })
	return len(others) == 0
}

func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// beginAnew makes room for a tree. What commands on an earlier one left, beside
// it and in the scratch folders, could steer those to come: settings that a test
// runner finds in a folder above, packages and start-up files below HOME, a full
// disk. It goes, unless other trees or commands are still in use.
func (s *Server) beginAnew(dir string) error {
	s.children.sweep()
	alone := s.trees.onlyOne(dir) && s.children.none()
	s.trees.add(dir)
	if !alone {
		return nil
	}
	err := eachEntry(s.root, func(entry fs.DirEntry) error {
		if entry.Name() == top(dir) {
			return nil
		}
		return removeTree(s.root, entry.Name())
	})
	for _, scratch := range s.scratch {
		err = errors.Join(err, empty(scratch))
	}
	return errors.Join(err, s.restore(), s.room())
}

// room says whether the emptied workspace has place for a tree and what its commands
// write.
func (s *Server) room() error {
	var at unix.Statfs_t
	if err := unix.Statfs(s.options.Root, &at); err != nil {
		return fmt.Errorf("measure the workspace's disk: %w", err)
	}
	if free := int64(at.Bavail) * at.Bsize; free < s.leastFree {
		return fmt.Errorf("%w: %d MiB are free, and commands need %d MiB: make room", ErrNoSpace, free>>20, s.leastFree>>20)
	}
	return nil
}

// records are those of the environment that was put last.
type records struct {
	mu   sync.Mutex
	list []*record
}

func (r *records) set(list []*record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = list
}

// seal records the folders of the environment that were put to stay as they are.
func (s *Server) seal() ([]*record, error) {
	var list []*record
	for _, folder := range slices.Concat(s.options.Caches, s.options.Sealed) {
		r, err := seal(s.environment, folder, slices.Contains(s.options.Caches, folder))
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r)
		}
	}
	return list, nil
}

// restore brings the recorded folders back to what was put. Where a cache has
// nothing recorded, nothing in it stays.
func (s *Server) restore() error {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	var err error
	recorded := map[string]bool{}
	for _, r := range s.records.list {
		recorded[r.folder] = true
		whole, failed := r.restore()
		err = errors.Join(err, failed)
		if !whole {
			s.options.Log.Warn("commands changed a sealed folder of the environment", "folder", r.folder)
		}
	}
	for _, folder := range s.options.Caches {
		if !recorded[folder] {
			err = errors.Join(err, removeAll(s.environment, folder))
		}
	}
	return err
}

func openScratch(dirs []string) (opened []*os.Root, err error) {
	for _, dir := range dirs {
		root, err := openRoot(dir)
		if err != nil {
			return opened, err
		}
		opened = append(opened, root)
	}
	return opened, nil
}
