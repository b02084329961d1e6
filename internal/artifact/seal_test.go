package artifact_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/artifact"
)

func TestDraftIsInvisibleUntilSealed(t *testing.T) {
	v := makeVolume(t)
	v.wantNotSealed(t, folder)
	draft := v.begin(t, folder, output)
	v.wantNotSealed(t, folder)
	if _, err := os.Lstat(v.at(folder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there before it is sealed, error %v", err)
	}
	// Only a rename on one mount is atomic.
	if got := filepath.Dir(draft.Path()); got != v.at("models") {
		t.Errorf("the draft is in %s", got)
	}
	digest, err := draft.Seal(manifest())
	if err != nil {
		t.Fatal(err)
	}
	v.wantSealed(t, folder, digest, output)
	if _, err := os.Lstat(draft.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the draft is still there, error %v", err)
	}
}

func TestManifestSaysWhatIsThere(t *testing.T) {
	v := makeVolume(t)
	digest := v.seal(t, folder, output)
	want := manifest()
	want.Version, want.Files = 1, output.list()
	got, _, err := v.Lookup(folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	raw, err := os.ReadFile(v.at(folder, artifact.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if want := "sha256:" + hex.EncodeToString(sum[:]); digest != want {
		t.Errorf("digest is %s, the manifest's is %s", digest, want)
	}
}

// What a caller or an earlier attempt says of version and files does not count.
func TestSealReplacesWhatOnlyItKnows(t *testing.T) {
	v := makeVolume(t)
	draft := v.begin(t, folder, output)
	if err := (files{artifact.ManifestName: "an older, longer and wrong one" + strings.Repeat(" ", 4096)}).write(draft.Path()); err != nil {
		t.Fatal(err)
	}
	m := manifest()
	m.Version, m.Files = 7, []artifact.File{{Path: "invented"}}
	digest, err := draft.Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	v.wantSealed(t, folder, digest, output)
	if want := v.seal(t, "models/other", output); digest != want {
		t.Errorf("digest is %s, without the older manifest %s", digest, want)
	}
}

// The digest is the content's and the manifest's: nothing else may change it,
// or a retry would look like another output.
func TestDigestDependsOnContentAlone(t *testing.T) {
	v := makeVolume(t)
	want := v.seal(t, "models/first", output)
	same := map[string]func(name string) error{
		"times":  func(name string) error { return os.Chtimes(name, time.Unix(1, 0), time.Unix(2, 0)) },
		"modes":  func(name string) error { return os.Chmod(name, 0o777) },
		"owners": chown,
	}
	for name, change := range same {
		t.Run("same, other "+name, func(t *testing.T) {
			draft := v.begin(t, "models/"+name, output)
			for file := range output {
				if err := change(filepath.Join(draft.Path(), file)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := draft.Seal(manifest()); err != nil || got != want {
				t.Errorf("digest is %s, error %v, want %s", got, err, want)
			}
		})
	}
	other := map[string]func(files, *artifact.Manifest){
		"content": func(f files, _ *artifact.Manifest) { f["weights"] = "0123456780" },
		"name":    func(f files, _ *artifact.Manifest) { f["weights2"] = f["weights"]; delete(f, "weights") },
		"file":    func(f files, _ *artifact.Manifest) { f["more"] = "" },
		"stage":   func(_ files, m *artifact.Manifest) { m.Stage = "Curate" },
		"key":     func(_ files, m *artifact.Manifest) { m.Key = "0b" },
		"input":   func(_ files, m *artifact.Manifest) { m.Inputs = map[string]string{"datasets/0b": "sha256:0d"} },
		"count":   func(_ files, m *artifact.Manifest) { m.Counts = map[string]int64{"steps": 6} },
		"tool":    func(_ files, m *artifact.Manifest) { m.Tools = nil },
	}
	for name, change := range other {
		t.Run("another "+name, func(t *testing.T) {
			content, m := maps.Clone(output), manifest()
			change(content, &m)
			got, err := v.begin(t, "models/another-"+name, content).Seal(m)
			if err != nil || got == want {
				t.Errorf("digest is %s, error %v", got, err)
			}
		})
	}
}

// chown gives a file to somebody else; only root can.
func chown(name string) error {
	if err := os.Chown(name, 10001, 10001); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Libraries write files as 0600 in folders of 0700, and a umask may take the
// group's bits from everything else.
func TestGroupCanRead(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	v := makeVolume(t)
	v.seal(t, folder, output)
	err := filepath.WalkDir(v.at(folder), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o640)
		if entry.IsDir() {
			want = fs.ModeDir | 0o750
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSealRefuses(t *testing.T) {
	tests := map[string]struct {
		put  func(dir string) error
		want string
	}{
		"a link to a file": {
			func(dir string) error { return os.Symlink("weights", filepath.Join(dir, "link")) }, "link is neither file nor folder"},
		"a link out of the volume": {
			func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "link")) }, "link is neither file nor folder"},
		"a link to a folder": {
			func(dir string) error { return os.Symlink("adapter", filepath.Join(dir, "link")) }, "link is neither file nor folder"},
		"a link to nothing": {
			func(dir string) error { return os.Symlink("nothing", filepath.Join(dir, "adapter", "link")) }, "adapter/link is neither file nor folder"},
		"a link as manifest": {
			func(dir string) error { return os.Symlink("weights", filepath.Join(dir, artifact.ManifestName)) }, "manifest.json is neither file nor folder"},
		"a named pipe": {
			func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600) }, "pipe is neither file nor folder"},
		"a folder as manifest": {
			func(dir string) error { return files{"manifest.json/x": ""}.write(dir) }, "manifest.json"},
		// JSON cannot hold it, so no manifest could name the file.
		"a name that is no text": {files{"a\xff": ""}.write, `"a\xff" is no text`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			draft := v.begin(t, folder, output)
			if err := test.put(draft.Path()); err != nil {
				t.Fatal(err)
			}
			digest, err := draft.Seal(manifest())
			if digest != "" || err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, artifact.ErrDigest) {
				t.Errorf("sealed as %q, error %v, want %q", digest, err, test.want)
			}
			v.wantNotSealed(t, folder)
			if got, err := os.ReadFile(filepath.Join(draft.Path(), "weights")); string(got) != output["weights"] {
				t.Errorf("the draft's file became %q, error %v", got, err)
			}
		})
	}
}

// Before the rename there is a draft with a manifest, and no output.
func TestCrashBeforeTheRename(t *testing.T) {
	tests := map[string]struct {
		next func(volume) (*artifact.Draft, error)
		want files
	}{
		"resumed":     {func(v volume) (*artifact.Draft, error) { return v.Resume(folder) }, output},
		"begun again": {func(v volume) (*artifact.Draft, error) { return v.Begin(folder) }, files{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			draft := v.begin(t, folder, output)
			if _, err := draft.Seal(manifest()); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(v.at(folder), draft.Path()); err != nil {
				t.Fatal(err)
			}
			v.wantNotSealed(t, folder)
			next, err := test.next(v)
			if err != nil {
				t.Fatal(err)
			}
			digest, err := next.Seal(manifest())
			if err != nil {
				t.Fatal(err)
			}
			v.wantSealed(t, folder, digest, test.want)
			if got := contents(t, v.at("models")); !slices.Equal(got, []string{"0a"}) {
				t.Errorf("the volume holds %v", got)
			}
		})
	}
}

// Seals of the same output: a retry whose first result was lost, or two attempts
// at once.
func TestSealTwice(t *testing.T) {
	tests := map[string]struct {
		content files
		inputs  map[string]string
		want    error
	}{
		"same content":    {output, manifest().Inputs, nil},
		"another content": {files{"weights": "x"}, manifest().Inputs, artifact.ErrDigest},
		"other inputs":    {output, map[string]string{"datasets/0b": "sha256:0d"}, artifact.ErrDigest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			first := v.seal(t, folder, output)
			m := manifest()
			m.Inputs = test.inputs
			draft := v.begin(t, folder, test.content)
			second, err := draft.Seal(m)
			wantError(t, err, test.want)
			if err == nil && second != first {
				t.Errorf("digest is %s, before it was %s", second, first)
			}
			if err != nil && second != "" {
				t.Errorf("digest %s comes with error %v", second, err)
			}
			v.wantSealed(t, folder, first, output)
			if _, err := os.Lstat(draft.Path()); test.want == nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the second draft stays, error %v", err)
			}
		})
	}
}

// What does not count as an output makes room for one.
func TestSealReplacesWhatIsNotWhole(t *testing.T) {
	seal := func(t *testing.T, v volume, damage func() error) {
		t.Helper()
		v.seal(t, folder, output)
		if err := damage(); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]func(*testing.T, volume) error{
		"an empty folder":  func(_ *testing.T, v volume) error { return os.MkdirAll(v.at(folder), 0o700) },
		"files":            func(_ *testing.T, v volume) error { return files{"old": "x", "weights": "x"}.write(v.at(folder)) },
		"a file":           func(_ *testing.T, v volume) error { return files{folder: "x"}.write(v.dir) },
		"a link to itself": func(_ *testing.T, v volume) error { return linkTo(v, "0a") },
		"a lost manifest": func(t *testing.T, v volume) error {
			seal(t, v, func() error { return os.Remove(v.at(folder, artifact.ManifestName)) })
			return nil
		},
		"a broken manifest": func(t *testing.T, v volume) error {
			seal(t, v, func() error { return os.Truncate(v.at(folder, artifact.ManifestName), 10) })
			return nil
		},
		"a lost file": func(t *testing.T, v volume) error {
			seal(t, v, func() error { return os.Remove(v.at(folder, "weights")) })
			return nil
		},
		"a changed byte": func(t *testing.T, v volume) error {
			seal(t, v, func() error { return files{"weights": "0123456780"}.write(v.at(folder)) })
			return nil
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			if err := prepare(t, v); err != nil {
				t.Fatal(err)
			}
			v.wantSealed(t, folder, v.seal(t, folder, output), output)
		})
	}
}

// linkTo puts a symbolic link in the place of the output.
func linkTo(v volume, target string) error {
	if err := os.MkdirAll(v.at("models"), 0o700); err != nil {
		return err
	}
	return os.Symlink(target, v.at(folder))
}
