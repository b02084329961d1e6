package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// neverUsed is the time of last use of files in a cache. The go command notes when
// it uses a file that was not used for an hour, and drops what was not for days:
// with a time to come it does neither, and what it only reads stays as it was.
var neverUsed = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// record is what a folder of the environment held when it was put. Commands have
// the server's user, so no permission keeps them from writing there. But whatever
// they do to a file, its inode or the time of its last change is another one after,
// and that time nobody without privileges can set: so what still has both is what
// was put, and no byte has to be read to know.
type record struct {
	root   *os.Root
	folder string
	// entries say of a cache that each file is good for itself: one that was changed
	// goes. Of another folder nothing is left when anything of it was changed: a
	// module that lacks a file may build, and do something else.
	entries bool
	folders map[string]bool
	files   map[string]stamp
}

// stamp tells one state of a file from all others.
type stamp struct {
	device, inode uint64
	changed       unix.Timespec
}

func stampOf(info fs.FileInfo) (stamp, bool) {
	at, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}, false
	}
	return stamp{device: at.Dev, inode: at.Ino, changed: unix.Timespec(at.Ctim)}, true
}

// seal records a folder of the environment; nil where it is not there. It returns
// when every later change gets a later time.
func seal(root *os.Root, folder string, entries bool) (*record, error) {
	r := &record{root: root, folder: folder, entries: entries, folders: map[string]bool{}, files: map[string]stamp{}}
	dir, err := openFolder(root, folder)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	r.folders["."] = true
	total := budget{Limits: EnvironmentLimits}
	err = walk(dir, ".", &total, func(in *os.Root, name string, info fs.FileInfo) error {
		if info.IsDir() {
			r.folders[name] = true
			return nil
		}
		return r.add(in, name)
	})
	if err != nil {
		return nil, err
	}
	return r, afterNow()
}

func (r *record) add(in *os.Root, name string) error {
	base := path.Base(name)
	if r.entries {
		if err := errors.Join(in.Chtimes(base, neverUsed, neverUsed), in.Chmod(base, 0o444)); err != nil {
			return err
		}
	}
	info, err := in.Lstat(base)
	if err != nil {
		return err
	}
	if s, ok := stampOf(info); ok {
		r.files[name] = s
	}
	return nil
}

// tick is how long to wait for a clock that moves every 10 ms at the slowest.
const tick = time.Millisecond

// afterNow waits until the clock that times changes of files has moved.
func afterNow() error {
	var before, now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &before); err != nil {
		return err
	}
	pause := time.NewTicker(tick)
	defer pause.Stop()
	for now = before; now == before; {
		<-pause.C
		if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); err != nil {
			return err
		}
	}
	return nil
}

// restore removes what was added to the folder or changed in it since it was
// sealed. It says whether what is left is all that was sealed.
func (r *record) restore() (whole bool, err error) {
	seen, strange := 0, 0
	for _, folder := range r.sorted() {
		name := path.Join(r.folder, folder)
		dir, err := unlockedFolder(r.root, name)
		if gone(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		err = eachEntry(dir, func(entry fs.DirEntry) error {
			below := path.Join(folder, entry.Name())
			switch {
			case r.folders[below] && entry.IsDir():
				return nil
			case r.same(dir, below):
				seen++
				return nil
			}
			strange++
			return removeTree(dir, entry.Name())
		})
		if err := errors.Join(err, dir.Close()); err != nil {
			return false, err
		}
	}
	whole = seen == len(r.files) && strange == 0
	if r.entries || whole {
		return whole, nil
	}
	return false, removeAll(r.root, r.folder)
}

// sorted are the folders, each after the one that it is in.
func (r *record) sorted() []string {
	names := make([]string, 0, len(r.folders))
	for name := range r.folders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *record) same(in *os.Root, name string) bool {
	want, known := r.files[name]
	if !known {
		return false
	}
	info, err := in.Lstat(path.Base(name))
	if err != nil || info.IsDir() {
		return false
	}
	got, ok := stampOf(info)
	return ok && got == want
}
