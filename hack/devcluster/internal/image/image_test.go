package image

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestParseAdd(t *testing.T) {
	tests := map[string]struct {
		arg   string
		want  Add
		fails bool
	}{
		"file":           {arg: "bin/tool:/tool", want: Add{"bin/tool", "/tool"}},
		"colon in path":  {arg: "a:b:/app/", want: Add{"a:b", "/app"}},
		"no target":      {arg: "bin/tool", fails: true},
		"empty target":   {arg: "bin/tool:", fails: true},
		"empty source":   {arg: ":/tool", fails: true},
		"relative":       {arg: "bin/tool:tool", fails: true},
		"the whole root": {arg: "tree:/", fails: true},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			got, err := ParseAdd(tt.arg)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("ParseAdd = %+v, %v", got, err)
			}
		})
	}
}

// tree makes a folder with a program, a link to it and a private file.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub"), 0o750),
		os.WriteFile(filepath.Join(dir, "sub", "tool"), []byte("#!"), 0o755),
		os.WriteFile(filepath.Join(dir, "private"), []byte("x"), 0o600),
		os.Symlink("sub/tool", filepath.Join(dir, "link")))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// rootfs makes a gzipped archive with one file.
func rootfs(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.tar.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	compressed := gzip.NewWriter(f)
	w := tar.NewWriter(compressed)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin"}), w.Close(), compressed.Close(), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(t *testing.T, o Options) (v1.Image, []v1.Layer, v1.Hash) {
	t.Helper()
	built, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := built.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := built.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return built, layers, digest
}

func TestBuild(t *testing.T) {
	dir := tree(t)
	built, layers, _ := build(t, Options{
		Adds: []Add{{dir, "/app"}, {filepath.Join(dir, "sub", "tool"), "/bin/tool"}},
		Env:  []string{"A=b"}, Entrypoint: []string{"/bin/tool", "-x"}, User: "10001:10001", Workdir: "/app",
	})
	got := entries(t, layers[0], fileTime)
	want := []string{
		"-rw------- app/private", "-rwxr-xr-x app/sub/tool", "-rwxr-xr-x bin/tool",
		"Lrwxrwxrwx app/link -> sub/tool", "drwxr-x--- app/sub/", "drwxr-xr-x app/",
	}
	// The temporary folder's own mode depends on the machine.
	got[slices.IndexFunc(got, func(s string) bool { return strings.HasSuffix(s, " app/") })] = "drwxr-xr-x app/"
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("entries:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	config, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	if c.User != "10001:10001" || c.WorkingDir != "/app" || !slices.Equal(c.Entrypoint, []string{"/bin/tool", "-x"}) || !slices.Contains(c.Env, "A=b") {
		t.Errorf("configuration: %+v", c)
	}
}

// entries lists a layer, whose files all must have one time.
func entries(t *testing.T, layer v1.Layer, at time.Time) []string {
	t.Helper()
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var list []string
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		line := h.FileInfo().Mode().String() + " " + h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(at) {
			t.Errorf("%s: owner %d:%d, time %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		list = append(list, line)
	}
}

func TestKeepTimes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "module.py")
	// Bytecode holds whole seconds of its source's time.
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Chtimes(file, at, at.Add(500*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	adds := []Add{{file, "/module.py"}}
	_, kept, _ := build(t, Options{Adds: adds, KeepTimes: true})
	_, fixed, _ := build(t, Options{Adds: adds})
	entries(t, kept[0], at)
	entries(t, fixed[0], fileTime)
}

func TestLayerIsStreamed(t *testing.T) {
	const size = 64 << 20
	file := filepath.Join(t.TempDir(), "large")
	content := make([]byte, size)
	_, err := rand.NewChaCha8([32]byte{}).Read(content)
	if err := errors.Join(err, os.WriteFile(file, content, 0o644)); err != nil {
		t.Fatal(err)
	}
	before := heap()
	_, layers, _ := build(t, Options{Adds: []Add{{file, "/large"}}})
	if grown := heap() - before; grown > size/8 {
		t.Errorf("a layer of %d bytes keeps %d bytes of memory", size, grown)
	}
	layer := layers[0]
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	length, err := layer.Size()
	if err != nil {
		t.Fatal(err)
	}
	// Pushing reads a layer again after its digest is known, more than once if it
	// has to try again.
	for range 2 {
		stream, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := v1.SHA256(stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			t.Fatal(err)
		}
		if got != digest || n != length {
			t.Errorf("read %s of %d bytes, want %s of %d", got, n, digest, length)
		}
	}
	runtime.KeepAlive(content)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestSameInputSameDigestAndSharedRootfs(t *testing.T) {
	base, app := rootfs(t), tree(t)
	_, first, a := build(t, Options{Rootfs: base, Adds: []Add{{app, "/app"}}})
	_, _, again := build(t, Options{Rootfs: base, Adds: []Add{{app, "/app"}}})
	_, second, other := build(t, Options{Rootfs: base, User: "1:1"})
	if a != again {
		t.Errorf("two builds of the same files: %s and %s", a, again)
	}
	if a == other {
		t.Error("different images have the same digest")
	}
	one, err := first[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	two, err := second[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	if one != two {
		t.Errorf("the root file system is two layers: %s and %s", one, two)
	}
}

func TestBuildFails(t *testing.T) {
	for title, o := range map[string]Options{
		"no root file system": {Rootfs: "/not/there.tar"},
		"no file":             {Adds: []Add{{"/not/there", "/x"}}},
		"a device":            {Adds: []Add{{"/dev/null", "/x"}}},
	} {
		if _, err := Build(o); err == nil {
			t.Errorf("%s: no error", title)
		}
	}
}

func TestSaveAndPush(t *testing.T) {
	built, _, digest := build(t, Options{Adds: []Add{{tree(t), "/app"}}})
	archive := filepath.Join(t.TempDir(), "i.tar")
	if err := Save(built, "localhost/tool:1", archive); err != nil {
		t.Fatal(err)
	}
	if tag, err := name.NewTag("localhost/tool:1"); err != nil {
		t.Fatal(err)
	} else if _, err := tarball.ImageFromPath(archive, &tag); err != nil {
		t.Errorf("the archive cannot be read: %v", err)
	}
	if err := Save(built, "not a tag", archive); err == nil {
		t.Error("a malformed tag was accepted")
	}

	server := httptest.NewServer(registry.New())
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/team/tool:1"
	if found, ok, err := Pushed(t.Context(), reference); err != nil || ok {
		t.Errorf("before the push: %s, %t, %v", found, ok, err)
	}
	if err := Push(t.Context(), built, reference); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if pushed, err := remote.Head(tag); err != nil || pushed.Digest != digest {
		t.Errorf("pushed %+v, %v; want %s", pushed, err, digest)
	}
	if found, ok, err := Pushed(t.Context(), reference); err != nil || !ok || found != digest {
		t.Errorf("after the push: %s, %t, %v; want %s", found, ok, err, digest)
	}
}
