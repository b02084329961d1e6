package rootfs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestParsePackages(t *testing.T) {
	tests := map[string]struct {
		list  string
		want  []string
		fails bool
	}{
		"sorted":           {list: "python3,git", want: []string{"git", "python3"}},
		"spaces and twice": {list: " git, git,,python3", want: []string{"git", "python3"}},
		"none":             {list: ""},
		"an option":        {list: "git,--foreign", fails: true},
		"a command":        {list: "git;reboot", fails: true},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			got, err := ParsePackages(tt.list)
			if !slices.Equal(got, tt.want) || (err != nil) != tt.fails {
				t.Errorf("ParsePackages = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestKey(t *testing.T) {
	base := key([]string{"git"}, "amd64")
	if base != key([]string{"git"}, "amd64") {
		t.Error("the same packages have two keys")
	}
	if base == key([]string{"git"}, "arm64") || base == key([]string{"git", "perl"}, "amd64") {
		t.Error("different archives share a key")
	}
}

func TestKeep(t *testing.T) {
	tests := map[string]struct {
		name  string
		isDir bool
		want  bool
	}{
		"program":           {"usr/bin/python3", false, true},
		"emptied folder":    {"proc", true, true},
		"in emptied folder": {"dev/null", false, false},
		"similar name":      {"devel/file", false, true},
		"package list":      {"var/lib/apt/lists/x", false, false},
		"licence":           {"usr/share/doc/git/copyright", false, true},
		"other document":    {"usr/share/doc/git/changelog.gz", false, false},
		"document folder":   {"usr/share/doc/git", true, true},
		"host name":         {"etc/hostname", false, false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if got := keep(tt.name, tt.isDir); got != tt.want {
				t.Errorf("keep(%q) = %v", tt.name, got)
			}
		})
	}
}

func TestPack(t *testing.T) {
	tree := t.TempDir()
	old := time.Date(2023, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, mode := range map[string]os.FileMode{"usr/bin/tool": 0o755, "var/log/noise": 0o644} {
		path := filepath.Join(tree, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), mode), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.Link(filepath.Join(tree, "usr/bin/tool"), filepath.Join(tree, "usr/bin/zool")),
		os.Symlink("usr/bin", filepath.Join(tree, "bin")))
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := pack(tree, archive, old.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	entries := read(t, first)
	if h := entries["usr/bin/tool"]; h == nil || h.Mode != 0o755 || !h.ModTime.Equal(old) {
		t.Errorf("tool: %+v", h)
	}
	if h := entries["usr/bin/zool"]; h == nil || h.Typeflag != tar.TypeLink || h.Linkname != "usr/bin/tool" {
		t.Errorf("second name of tool: %+v", h)
	}
	if h := entries["bin"]; h == nil || h.Typeflag != tar.TypeSymlink || !h.ModTime.Equal(fixedTime) {
		t.Errorf("link: %+v", h)
	}
	if h := entries["var/log/"]; h == nil || entries["var/log/noise"] != nil {
		t.Errorf("var/log: %+v, and what was in it: %+v", h, entries["var/log/noise"])
	}
	if err := pack(tree, archive, old.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(archive); err != nil || !bytes.Equal(first, second) {
		t.Errorf("packing the same tree twice gives different archives (%v)", err)
	}
}

func read(t *testing.T, archive []byte) map[string]*tar.Header {
	t.Helper()
	uncompressed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]*tar.Header{}
	for r := tar.NewReader(uncompressed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		entries[h.Name] = h
	}
}
