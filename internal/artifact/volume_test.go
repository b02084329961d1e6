package artifact_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/repoexpert/operator/internal/artifact"
)

// folder is a stage's output.
const folder = "models/0a"

// volume is a store on a folder of this machine.
type volume struct {
	*artifact.Store
	// outside is a folder beside the volume.
	dir, outside string
}

func makeVolume(t testing.TB) volume {
	t.Helper()
	dir := t.TempDir()
	store, err := artifact.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return volume{store, dir, t.TempDir()}
}

// at is the place of a name on this machine, whatever the store says to it.
func (v volume) at(names ...string) string {
	return filepath.Join(append([]string{v.dir}, names...)...)
}

// files are contents by slash-separated path.
type files map[string]string

func (f files) write(dir string) error {
	for name, content := range f {
		place := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(place, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// list is what a manifest must say of the files.
func (f files) list() []artifact.File {
	var list []artifact.File
	for name, content := range f {
		sum := sha256.Sum256([]byte(content))
		list = append(list, artifact.File{Path: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}

var output = files{"weights": "0123456789", "adapter/config": "{}", "adapter/empty": "", "z/manifest.json": "no manifest"}

func manifest() artifact.Manifest {
	return artifact.Manifest{
		Stage: "Train", Key: "0a", Inputs: map[string]string{"datasets/0b": "sha256:0c"},
		Counts: map[string]int64{"steps": 5}, Tools: map[string]string{"torch": "2"},
	}
}

// begin starts a draft and fills it.
func (v volume) begin(t testing.TB, folder string, content files) *artifact.Draft {
	t.Helper()
	draft, err := v.Begin(folder)
	if err == nil {
		err = content.write(draft.Path())
	}
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

// seal makes a sealed folder and returns its digest.
func (v volume) seal(t testing.TB, folder string, content files) string {
	t.Helper()
	digest, err := v.begin(t, folder, content).Seal(manifest())
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// wantError checks an error against a table's: nil for none.
func wantError(t testing.TB, got, want error) {
	t.Helper()
	if (want == nil) != (got == nil) || !errors.Is(got, want) {
		t.Errorf("error is %v, want %v", got, want)
	}
}

// wantSealed checks that a folder is whole and holds exactly these files.
func (v volume) wantSealed(t testing.TB, folder, digest string, content files) {
	t.Helper()
	_, found, err := v.Lookup(folder)
	if err != nil || found != digest {
		t.Errorf("%s: found %s, error %v, want %s", folder, found, err, digest)
	}
	if _, err := v.Verify(folder, digest); err != nil {
		t.Errorf("%s: %v", folder, err)
	}
	m, err := v.VerifyContent(folder, digest)
	if err != nil {
		t.Errorf("%s: %v", folder, err)
	}
	if diff := cmp.Diff(content.list(), m.Files, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: %s", folder, diff)
	}
}

// wantNotSealed checks that no reader takes a folder for an output.
func (v volume) wantNotSealed(t testing.TB, folder string) {
	t.Helper()
	_, _, err := v.Lookup(folder)
	wantError(t, err, artifact.ErrNotSealed)
	_, err = v.Verify(folder, "")
	wantError(t, err, artifact.ErrNotSealed)
	_, err = v.VerifyContent(folder, "")
	wantError(t, err, artifact.ErrNotSealed)
}

// entries are all files and folders of the volume but its root.
func (v volume) entries(t testing.TB) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(v.dir), ".", func(name string, _ fs.DirEntry, err error) error {
		if name != "." {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
