package snapshot_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/snapshot"
)

// entry is one of an archive; a regular file unless it says otherwise.
type entry struct {
	name, content string
	mode          int64
	kind          byte
	link          string
}

func archive(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.content))}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

func mustArchive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	raw, err := archive(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// place puts an archive where Fetch does and returns the folder.
func place(t testing.TB, raw []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, snapshot.TreeFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, raw []byte) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Open(place(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var tree = []entry{
	{name: "src/", kind: tar.TypeDir, mode: 0o755},
	{name: "src/b.py", content: "def b(): ...\n", mode: 0o644},
	{name: "run.sh", content: "#!/bin/sh\n", mode: 0o755},
	{name: "src/__init__.py", mode: 0o644},
	{name: "link.py", kind: tar.TypeSymlink, link: "src/b.py"},
	{name: "hard.py", kind: tar.TypeLink, link: "src/b.py"},
	{name: "pipe", kind: tar.TypeFifo},
	{name: strings.Repeat("deep/", 60) + "ü.py", content: "deep", mode: 0o644},
	{name: "a.bin", content: strings.Repeat("\x00", 1000), mode: 0o600},
}

func TestFilesAreTheRegularOnesInPathOrder(t *testing.T) {
	want := []snapshot.File{
		{Path: "a.bin", Size: 1000},
		{Path: strings.Repeat("deep/", 60) + "ü.py", Size: 4},
		{Path: "run.sh", Size: 10, Executable: true},
		{Path: "src/__init__.py"},
		{Path: "src/b.py", Size: 13},
	}
	reversed := slices.Clone(tree)
	slices.Reverse(reversed)
	for name, entries := range map[string][]entry{"written": tree, "reversed": reversed} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, open(t, mustArchive(t, entries...)).Files()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadReturnsWhatTheTreeHolds(t *testing.T) {
	s := open(t, mustArchive(t, tree...))
	for _, e := range tree {
		if e.kind != 0 {
			continue
		}
		got, err := s.Read(e.name)
		if err != nil || string(got) != e.content || !s.Has(e.name) {
			t.Errorf("%s: has %t, content %q, error %v", e.name, s.Has(e.name), got, err)
		}
	}
}

// A path comes from a model's answer or from repository code: it names a file of
// the tree to the letter, or nothing, whatever lies on the disk.
func TestReadKnowsNothingElse(t *testing.T) {
	dir := place(t, mustArchive(t, tree...))
	if err := os.Mkdir(filepath.Join(dir, snapshot.RepositoryFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(dir, snapshot.RepositoryFolder, "config")
	if err := os.WriteFile(beside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing": "", "the root": ".", "a file beside the tree": "repository.git/config", "the archive": "tree.tar",
		"an absolute path": beside, "a path above": "../" + filepath.Base(dir) + "/repository.git/config",
		"a folder": "src", "a folder with a slash": "src/", "a link": "link.py", "a hard link": "hard.py", "a pipe": "pipe",
		"a detour": "src/../run.sh", "a dot": "./run.sh", "two slashes": "src//b.py", "a slash at the end": "run.sh/",
		"capitals": "RUN.SH", "a backslash": `src\b.py`, "a space": "run.sh ", "a zero byte": "run.sh\x00", "a prefix": "src/b",
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			if s.Has(path) {
				t.Errorf("the tree has %q", path)
			}
			if got, err := s.Read(path); got != nil || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q holds %q, error %v", path, got, err)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	const limit = 16 << 20
	for size, ok := range map[int64]bool{limit: true, limit + 1: false} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s, err := snapshot.Open(placeHole(t, size))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Read("data.bin")
			if (err == nil) != ok || (ok && int64(len(got)) != size) {
				t.Errorf("%d of %d bytes, error %v", len(got), size, err)
			}
			if !s.Has("data.bin") || s.Files()[0].Size != size {
				t.Errorf("the tree holds %v", s.Files())
			}
		})
	}
}

// placeHole puts an archive of one file of zeros, which take no room on the disk.
func placeHole(t *testing.T, size int64) string {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Name: "data.bin", Typeflag: tar.TypeReg, Size: size}); err != nil {
		t.Fatal(err)
	}
	dir := place(t, out.Bytes())
	if err := os.Truncate(filepath.Join(dir, snapshot.TreeFile), int64(out.Len())+(size+511)/512*512+1024); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenRefuses(t *testing.T) {
	whole := mustArchive(t, tree...)
	hostile := func(name string) []byte { return mustArchive(t, entry{name: "a"}, entry{name: name, content: "x"}) }
	tests := map[string]struct {
		raw  []byte
		want string
	}{
		"a path above":           {hostile("../outside"), `"../outside" is no path below the root`},
		"a detour above":         {hostile("src/../../outside"), "is no path below the root"},
		"an absolute path":       {hostile("/etc/passwd"), "is no path below the root"},
		"a dot":                  {hostile("./run.sh"), "is no path below the root"},
		"two slashes":            {hostile("src//b.py"), "is no path below the root"},
		"the root":               {hostile("."), "is no path below the root"},
		"no name":                {hostile(""), "is no path below the root"},
		"a name that is no text": {hostile("a\xff"), "is no path below the root"},
		"a path twice":           {hostile("a"), `"a" is there twice`},
		"a file with holes":      {sparse(t), `"holes" has holes`},
		"a cut header":           {whole[:700], "unexpected EOF"},
		"a cut file":             {mustArchive(t, entry{name: "a", content: strings.Repeat("x", 2000)})[:1500], "unexpected EOF"},
		"a size beyond the end":  {mustArchive(t, entry{name: "a", content: strings.Repeat("x", 512)})[:512], "unexpected EOF"},
		"a wrong checksum":       {append([]byte("x"), whole[1:]...), "invalid tar header"},
		"prose":                  {bytes.Repeat([]byte("no archive "), 100), "invalid tar header"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := snapshot.Open(place(t, test.raw)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// sparse is a file of 1000 zeros and an x, of which the archive holds the x
// alone: who takes its size for what is there reads the file after it.
func sparse(t testing.TB) []byte {
	t.Helper()
	records := "22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n24 GNU.sparse.size=1001\n26 GNU.sparse.numblocks=1\n25 GNU.sparse.map=1000,1\n"
	raw := mustArchive(t, entry{name: "records", content: records}, entry{name: "holes", content: "x"}, entry{name: "next", content: "secret"})
	copy(raw[148:], strings.Repeat(" ", 8))
	raw[156] = tar.TypeXHeader
	sum := 0
	for _, b := range raw[:512] {
		sum += int(b)
	}
	copy(raw[148:], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}

func TestOpenNeedsAnArchive(t *testing.T) {
	dir := t.TempDir()
	if _, err := snapshot.Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no archive: error is %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, snapshot.TreeFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Open(dir); err == nil {
		t.Error("a folder is taken for an archive")
	}
}

// The volume may be damaged while a stage runs: half a file is no file.
func TestReadNoticesACutArchive(t *testing.T) {
	dir := place(t, mustArchive(t, entry{name: "a", content: strings.Repeat("x", 600)}))
	s, err := snapshot.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, snapshot.TreeFile), 1000); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Read("a"); got != nil || err == nil {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

// Sandboxes get the tree again and again: always these bytes, in the archive's
// own order, however far another reader is.
func TestTreeIsAlwaysTheSame(t *testing.T) {
	want := mustArchive(t, tree...)
	s := open(t, want)
	other, err := s.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := io.CopyN(io.Discard, other, 700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		stream, err := s.Tree(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Error("the tree is another one")
		}
	}
}

func TestAnyTreeIsRead(t *testing.T) {
	part := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9._-]{1,12}`), rapid.StringN(1, 8, -1), rapid.StringMatching(`[a-z]{90,110}`))
	name := rapid.Map(rapid.SliceOfN(part, 1, 4), func(parts []string) string { return strings.Join(parts, "/") }).
		Filter(func(s string) bool { return s != "." && fs.ValidPath(s) && !strings.Contains(s, "\x00") })
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(name, rapid.StringN(0, 600, -1), 0, 6).Draw(t, "tree")
		var entries []entry
		for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(want))).Draw(t, "order") {
			entries = append(entries, entry{name: name, content: want[name]})
		}
		raw, err := archive(entries...)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, snapshot.TreeFile), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := snapshot.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		var order []string
		for _, file := range s.Files() {
			content, err := s.Read(file.Path)
			if err != nil || int64(len(content)) != file.Size {
				t.Fatalf("%s: %d bytes, error %v", file.Path, len(content), err)
			}
			got[file.Path] = string(content)
			order = append(order, file.Path)
		}
		if !slices.IsSorted(order) {
			t.Fatalf("order is %q", order)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever the bytes: what Read returns is what a reader of archives finds under
// that name.
func FuzzOpen(f *testing.F) {
	f.Add(mustArchive(f, tree...))
	f.Add(mustArchive(f, tree...)[:1500])
	f.Add(mustArchive(f, entry{name: "../x", content: "x"}))
	f.Add(sparse(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := snapshot.Open(place(t, raw))
		if err != nil {
			return
		}
		found := 0
		reader := tar.NewReader(bytes.NewReader(raw))
		for header, err := reader.Next(); !errors.Is(err, io.EOF); header, err = reader.Next() {
			if err != nil {
				t.Fatal(err)
			}
			if header.Typeflag != tar.TypeReg {
				continue
			}
			found++
			want, wantErr := io.ReadAll(reader)
			got, err := s.Read(header.Name)
			if err != nil || wantErr != nil || !bytes.Equal(got, want) {
				t.Fatalf("%q is %q, error %v, want %q, error %v", header.Name, got, err, want, wantErr)
			}
		}
		if len(s.Files()) != found {
			t.Fatalf("%d files, want %d", len(s.Files()), found)
		}
	})
}
