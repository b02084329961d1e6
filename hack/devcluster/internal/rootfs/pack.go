package rootfs

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// emptied are folders that stay, without what is in them.
var emptied = []string{
	"boot", "dev", "proc", "run", "sys", "tmp",
	"var/cache/apt", "var/lib/apt/lists", "var/log",
	"usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man",
}

// omitted are files that name this machine, or the making. A resolver
// configuration in the image would be the host's; the kubelet writes the pod's.
var omitted = map[string]bool{
	"etc/hostname": true, "etc/machine-id": true, "etc/resolv.conf": true,
	"var/cache/ldconfig/aux-cache": true, "var/lib/dbus/machine-id": true,
}

// documents is left out but for the licences, which must go with the programs.
const documents = "usr/share/doc"

// fixedTime replaces times of files that the making itself wrote. Times that came
// with the packages stay: Python takes a compiled module for stale when its
// source's time is another than the one written inside.
var fixedTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// keep says whether a path of the tree goes into the archive.
func keep(name string, isDir bool) bool {
	if omitted[name] {
		return false
	}
	for _, dir := range emptied {
		if strings.HasPrefix(name, dir+"/") {
			return false
		}
	}
	if strings.HasPrefix(name, documents+"/") && !isDir {
		return filepath.Base(name) == "copyright"
	}
	return true
}

// pack writes a tree as a gzipped archive. Files younger than began were written by
// the making, not by a package.
func pack(tree, archive string, began time.Time) (err error) {
	f, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	compressed := gzip.NewWriter(f)
	p := packer{tar: tar.NewWriter(compressed), tree: tree, began: began, links: map[inode]string{}}
	if err := filepath.WalkDir(tree, p.add); err != nil {
		return err
	}
	if err := p.tar.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

type inode struct{ device, number uint64 }

type packer struct {
	tar   *tar.Writer
	tree  string
	began time.Time
	// links are the files with several names that were written under one already.
	links map[inode]string
}

func (p *packer) add(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(p.tree, path)
	if err != nil || name == "." {
		return err
	}
	if !keep(name, d.IsDir()) {
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	header, err := p.header(path, name, info)
	if err != nil {
		return err
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	return p.copy(path)
}

// header describes one entry. Owners are written as numbers only: the names of
// this machine's users mean nothing in the image.
func (p *packer) header(path, name string, info fs.FileInfo) (*tar.Header, error) {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uname, header.Gname, header.Format = "", "", tar.FormatPAX
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.ModTime = info.ModTime().Truncate(time.Second)
	if info.ModTime().After(p.began) {
		header.ModTime = fixedTime
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && info.Mode().IsRegular() && stat.Nlink > 1 {
		id := inode{stat.Dev, stat.Ino}
		if first, again := p.links[id]; again {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			p.links[id] = name
		}
	}
	return header, nil
}

func (p *packer) copy(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(p.tar, f)
	return err
}
