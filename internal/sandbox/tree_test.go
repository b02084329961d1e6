package sandbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

// rawTar is an archive with headers that archive/tar would not write.
func rawTar(t testing.TB, change func(header []byte), headers ...*tar.Header) *bytes.Buffer {
	t.Helper()
	archive := tarOf(t, headers...)
	header := archive.Bytes()[:512]
	change(header)
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return archive
}

// Archives that a reader must not believe.
func TestBombsAreRefused(t *testing.T) {
	records := "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n29 GNU.sparse.realsize=99999\n" + "23 GNU.sparse.name=bomb\n"
	pax := func(header []byte) { header[156] = tar.TypeXHeader }
	var global, deep bytes.Buffer
	for range 200 {
		block := rawTar(t, func(header []byte) { header[156] = tar.TypeXGlobalHeader }, &tar.Header{Typeflag: tar.TypeReg, Name: "g", Size: 0})
		global.Write(block.Bytes()[:512])
	}
	sparse := rawTar(t, pax, &tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(records))}, file("bomb", ""))
	copy(sparse.Bytes()[512:], records)
	deep.Write(tarOf(t, file(strings.Repeat("d/", maxDepth-1)+"f", "")).Bytes())
	limits := Limits{Bytes: 1 << 16, Entries: 100}
	tests := map[string]struct {
		archive *bytes.Buffer
		limits  Limits
		large   bool
		ok      bool
	}{
		"a file with holes, PAX":     {archive: sparse},
		"a file with holes, GNU":     {archive: rawTar(t, func(header []byte) { header[156] = tar.TypeGNUSparse }, file("x", ""))},
		"a PAX record without end":   {archive: rawTar(t, pax, &tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 3 << 20})},
		"a long name without end":    {archive: rawTar(t, func(header []byte) { header[156] = tar.TypeGNULongName }, &tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 3 << 20})},
		"global headers without end": {archive: &global, large: true},
		"a negative size":            {archive: rawTar(t, func(header []byte) { copy(header[124:], "-0000000001\x00") }, file("x", ""))},
		"a size of base 256":         {archive: rawTar(t, func(header []byte) { copy(header[124:], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff") }, file("x", "")), large: true},
		"more bytes than there are":  {archive: rawTar(t, func(header []byte) { copy(header[124:], "00000100000\x00") }, file("x", ""))},
		"a path at the limit":        {archive: &deep, ok: true},
		"a contiguous file":          {archive: rawTar(t, func(header []byte) { header[156] = tar.TypeCont }, file("x", ""))},
		"no archive":                 {archive: bytes.NewBufferString(strings.Repeat("no archive ", 100))},
		"nothing":                    {archive: &bytes.Buffer{}, ok: true},
	}
	for name, test := range tests {
		for way, put := range map[string]func(*os.Root, *bytes.Reader) error{
			"unpacked": func(root *os.Root, r *bytes.Reader) error { return unpack(root, r, limits) },
			"renewed":  func(root *os.Root, r *bytes.Reader) error { return renew(root, r, limits) },
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				err := put(openTemp(t), bytes.NewReader(test.archive.Bytes()))
				var refused *RequestError
				switch {
				case test.ok && err != nil,
					test.large && !errors.Is(err, ErrTooLarge),
					!test.ok && !test.large && !errors.As(err, &refused):
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// A name need not be text, and no bit of a mode but the executable one counts.
func TestWhatATreeKeeps(t *testing.T) {
	headers := []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "caf\xe9/\xff\xfe.py", Size: 1},
		{Typeflag: tar.TypeReg, Name: "setuid", Size: 1, Mode: 0o7777},
		{Typeflag: tar.TypeReg, Name: "hidden", Size: 1, Mode: 0o1},
		{Typeflag: tar.TypeDir, Name: "sticky/", Mode: 0o1000},
	}
	for _, h := range headers {
		h.Format = tar.FormatGNU
	}
	root := openTemp(t)
	for range 2 {
		if err := renew(root, tarOf(t, headers...), TreeLimits); err != nil {
			t.Fatal(err)
		}
		got := listing(t, root)
		want := map[string]string{
			"caf\xe9": `drwxr-xr-x ""`, "caf\xe9/\xff\xfe.py": `-rw-r--r-- "x"`,
			"setuid": `-rwxr-xr-x "x"`, "hidden": `-rw-r--r-x "x"`, "sticky": `drwxr-xr-x ""`,
		}
		for name, what := range want {
			if got[name] != what {
				t.Errorf("%q is %s, want %s", name, got[name], what)
			}
		}
		if len(got) != len(want) {
			t.Errorf("the tree is %q", got)
		}
	}
}

// A file that is as the archive has it is not written again: that is what makes
// a tree cheap to renew.
func TestWhatIsTheSameStays(t *testing.T) {
	root := openTemp(t)
	archive := tarOf(t, file("same", ""), file("d/same", "x"), file("changed", ""), file("touched", ""), file("mode", ""))
	put := func() map[string]fs.FileInfo {
		t.Helper()
		if err := renew(root, bytes.NewReader(archive.Bytes()), TreeLimits); err != nil {
			t.Fatal(err)
		}
		found := map[string]fs.FileInfo{}
		for _, name := range []string{"same", "d/same", "changed", "touched", "mode"} {
			// Open until the test ends, so that no other file gets its inode.
			opened, err := root.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = opened.Close() })
			if found[name], err = opened.Stat(); err != nil {
				t.Fatal(err)
			}
		}
		return found
	}
	before := put()
	when := time.Unix(1, 0)
	err := errors.Join(root.WriteFile("changed", []byte("y"), 0o600), root.Chtimes("touched", when, when), root.Chmod("mode", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	after := put()
	for name, same := range map[string]bool{"same": true, "d/same": true, "changed": false, "touched": false, "mode": false} {
		if os.SameFile(before[name], after[name]) != same {
			t.Errorf("%s is the same file: %v, want %v", name, !same, same)
		}
	}
}

func TestOutsider(t *testing.T) {
	all := []proctree.Process{{PID: 1}, {PID: 5, Parent: 1}, {PID: 6, Parent: 5}, {PID: 7, Parent: 6}, {PID: 9, Parent: 1}, {PID: 20, Parent: 21}, {PID: 21, Parent: 20}}
	for pid, want := range map[int]bool{5: true, 6: false, 7: false, 9: true, 1: true, 20: true, 99: false} {
		if got := outsider(all, pid, 5); got != want {
			t.Errorf("process %d is an outsider: %v", pid, got)
		}
	}
}

// Only a tree that is alone in the box begins anew: another's commands may come
// back to what they left.
func TestOtherTreesKeepWhatTheyLeft(t *testing.T) {
	scratch := t.TempDir()
	b := startBox(t, func(o *Options) { o.Scratch = []string{scratch} })
	put := func(dir string) {
		t.Helper()
		if err := b.PutTree(t.Context(), dir, tarOf(t, file("a", ""))); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		t.Helper()
		found, err := os.ReadDir(scratch)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(strings.Fields(b.shell(t, "ls -A").Output), len(found))
	}
	leave := func() {
		t.Helper()
		b.shell(t, "touch beside "+filepath.Join(scratch, "note"))
	}
	put("one")
	leave()
	put("two")
	if got := left(); got != "[beside one two] 1" {
		t.Errorf("with two trees: %s", got)
	}
	if err := b.Remove(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	put("two")
	if got := left(); got != "[two] 0" {
		t.Errorf("with one tree: %s", got)
	}
	leave()
	started := filepath.Join(scratch, "started")
	ended := make(chan Result, 1)
	go func() { ended <- b.shell(t, "touch "+started+"; while [ -e "+started+" ]; do sleep 0.01; done") }()
	await(t, "a command to run", func() bool { _, err := os.Stat(started); return err == nil })
	put("two")
	if got := left(); got != "[beside two] 2" {
		t.Errorf("while a command runs: %s", got)
	}
	if err := os.Remove(started); err != nil {
		t.Fatal(err)
	}
	<-ended
}
