package sandbox

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepBytes is the largest file that is compared before it is written.
const keepBytes = 1 << 20

// renew makes a folder hold exactly what a tar stream does. A file that is there
// and is the same stays: to compare two files costs a tenth of making one, and a
// command changes few. Nothing is taken on trust: every byte that stays was
// compared, and so were mode, links and times.
func renew(root *os.Root, archive io.Reader, limits Limits) error {
	u := newUnpacker(root, limits)
	u.present = map[string]bool{}
	defer u.close()
	if err := u.entries(archive); err != nil {
		return err
	}
	return u.removeOthers(root, ".")
}

// claim notes an entry; a second one of its name is refused, as it is in a fresh
// tree.
func (u *unpacker) claim(name string) error {
	if u.present[name] || u.folders[name] {
		return refuse("write %s: it is there twice", printable(name))
	}
	u.present[name] = true
	return nil
}

// keep says whether the file of a name may stay as it is; else it removes what
// is there and returns the content to write.
func (u *unpacker) keep(into *os.Root, name string, mode fs.FileMode, size int64, content io.Reader) (kept bool, rest io.Reader, err error) {
	if err := u.claim(name); err != nil {
		return false, nil, err
	}
	if size <= keepBytes {
		if u.content == nil {
			u.content = make([]byte, keepBytes)
		}
		whole := u.content[:size]
		if _, err := io.ReadFull(content, whole); err != nil {
			return false, nil, refuse("the archive cannot be read: %v", err)
		}
		same, there := u.same(into, path.Base(name), mode, whole)
		if same || !there {
			return same, bytes.NewReader(whole), nil
		}
		content = bytes.NewReader(whole)
	}
	return false, content, removeTree(into, path.Base(name))
}

// same says whether a file is what unpacking would make, and whether anything is
// there at all. The time of its last change is that of its content: a file whose
// times, mode or links were changed later has another.
func (u *unpacker) same(into *os.Root, base string, mode fs.FileMode, want []byte) (same, there bool) {
	file, err := into.OpenFile(base, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, !gone(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Mode() != mode || info.Size() != int64(len(want)) {
		return false, true
	}
	at, ok := info.Sys().(*syscall.Stat_t)
	if !ok || at.Nlink != 1 || at.Mtim != at.Ctim {
		return false, true
	}
	got := u.buffer()[:len(want)]
	_, err = io.ReadFull(file, got)
	return err == nil && bytes.Equal(got, want), true
}

// removeOthers removes what the archive does not have.
func (u *unpacker) removeOthers(dir *os.Root, below string) error {
	return eachEntry(dir, func(entry fs.DirEntry) error {
		name := path.Join(below, entry.Name())
		switch {
		case u.present[name]:
			return nil
		case !u.folders[name]:
			return removeTree(dir, entry.Name())
		}
		folder, err := openFolder(dir, entry.Name())
		if err != nil {
			return err
		}
		defer folder.Close()
		return u.removeOthers(folder, name)
	})
}
