package sandbox

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
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
