package sandbox

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a command does to what was sealed, the next tree's commands meet what
// was put, or nothing.
func TestWhatCommandsDoToSealedFolders(t *testing.T) {
	const good = "good"
	tests := map[string]struct {
		script string
		// cache and sealed are the files left in each.
		cache, sealed []string
	}{
		"read":                        {`cat cache/a sealed/m`, []string{"a", "b/c"}, []string{"m", "n/o"}},
		"written in place":            {`for f in cache/a sealed/m; do chmod u+w $f; printf evil > $f; done`, []string{"b/c"}, nil},
		"written, times put back":     {`for f in cache/a sealed/m; do cp -p $f ref; chmod u+w $f; printf evil > $f; chmod --reference=ref $f; touch -r ref $f; done`, []string{"b/c"}, nil},
		"replaced":                    {`for f in cache/a sealed/m; do cp -p $f new; mv new $f; done`, []string{"b/c"}, nil},
		"exchanged":                   {`mv cache/a x; mv cache/b/c cache/a; mv x cache/b/c`, nil, []string{"m", "n/o"}},
		"mode and times":              {`chmod 600 cache/a; touch cache/b/c`, nil, []string{"m", "n/o"}},
		"added":                       {`echo > cache/new; mkdir cache/b/d; echo > cache/b/d/e; echo > sealed/n/new`, []string{"a", "b/c"}, nil},
		"removed":                     {`rm -f cache/a sealed/m`, []string{"b/c"}, nil},
		"all removed":                 {`rm -rf cache sealed`, nil, nil},
		"a link instead of a file":    {`ln -sf /etc/passwd cache/a`, []string{"b/c"}, []string{"m", "n/o"}},
		"a link instead of a folder":  {`mv cache/b elsewhere; ln -s ../elsewhere cache/b`, []string{"a"}, []string{"m", "n/o"}},
		"a file instead of a folder":  {`rm -r sealed/n; echo > sealed/n`, []string{"a", "b/c"}, nil},
		"a folder instead of a file":  {`rm -f cache/a; mkdir cache/a; echo > cache/a/x`, []string{"b/c"}, []string{"m", "n/o"}},
		"a second name, written":      {`ln cache/a other; chmod u+w other; printf evil > other; rm other`, []string{"b/c"}, []string{"m", "n/o"}},
		"locked folders":              {`chmod 0 cache/b sealed/n`, []string{"a", "b/c"}, []string{"m", "n/o"}},
		"locked, with something new":  {`echo > cache/b/new; chmod 0 cache/b cache`, []string{"a", "b/c"}, []string{"m", "n/o"}},
		"a file that nobody can read": {`mkfifo cache/fifo sealed/fifo`, []string{"a", "b/c"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment := t.TempDir()
			b := startBox(t, func(o *Options) {
				o.EnvironmentDir, o.Caches, o.Sealed = environment, []string{"cache"}, []string{"sealed"}
			})
			put := func() {
				if err := b.PutTree(t.Context(), "tree", bytes.NewReader(tarOf(t, file("f", "")).Bytes())); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.PutEnvironment(t.Context(), environmentOf(t, good, "cache/a", "cache/b/c", "sealed/m", "sealed/n/o")); err != nil {
				t.Fatal(err)
			}
			put()
			if result := b.shell(t, "cd "+environment+" && "+test.script); result.ExitCode != 0 {
				t.Fatalf("%s: %+v", test.script, result)
			}
			put()
			for folder, want := range map[string][]string{"cache": test.cache, "sealed": test.sealed} {
				if diff := cmp.Diff(want, filesWith(t, filepath.Join(environment, folder), good)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", folder, diff)
				}
			}
		})
	}
}

// A cache that nothing was put into begins empty.
func TestACacheThatWasNotPutIsEmptied(t *testing.T) {
	environment := t.TempDir()
	b := startBox(t, func(o *Options) { o.EnvironmentDir, o.Caches = environment, []string{"go/build"} })
	b.shell(t, "mkdir -p "+environment+"/go/build && echo > "+environment+"/go/build/a")
	if err := b.PutTree(t.Context(), "tree", bytes.NewReader(tarOf(t, file("f", "")).Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(environment, "go/build")); !os.IsNotExist(err) {
		t.Errorf("the cache is still there: %v", err)
	}
}

func environmentOf(t *testing.T, content string, names ...string) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, name := range names {
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}

// filesWith lists the files below a folder and demands that each has the content.
func filesWith(t *testing.T, folder, content string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		got, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(folder, name)
		if string(got) != content {
			t.Errorf("%s holds %q", below, got)
		}
		names = append(names, below)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}
