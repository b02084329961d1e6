package artifact_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/artifact"
)

func TestResumeKeepsWhatBeginDiscards(t *testing.T) {
	v := makeVolume(t)
	v.begin(t, folder, files{"checkpoint/1": "half", "log": "a line\n"})
	resumed, err := v.Resume(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := (files{"checkpoint/2": "rest"}).write(resumed.Path()); err != nil {
		t.Fatal(err)
	}
	again, err := v.Resume(folder)
	if err != nil {
		t.Fatal(err)
	}
	// Checkpoints may hold paths.
	if again.Path() != resumed.Path() {
		t.Errorf("the draft moved from %s to %s", resumed.Path(), again.Path())
	}
	want := files{"checkpoint/1": "half", "checkpoint/2": "rest", "log": "a line\n"}
	digest, err := again.Seal(manifest())
	if err != nil {
		t.Fatal(err)
	}
	v.wantSealed(t, folder, digest, want)

	v.begin(t, "models/0b", want)
	digest = v.seal(t, "models/0b", files{"weights": "new"})
	v.wantSealed(t, "models/0b", digest, files{"weights": "new"})
}

func TestInterruptedIsWhatResumeContinues(t *testing.T) {
	v := makeVolume(t)
	if found, err := v.Interrupted(folder); err != nil || found != "" {
		t.Errorf("without a draft: %q, %v", found, err)
	}
	draft := v.begin(t, folder, files{"log": "a line\n"})
	if found, err := v.Interrupted(folder); err != nil || found != draft.Path() {
		t.Errorf("got %q, %v, want %q", found, err, draft.Path())
	}
	if err := draft.Discard(); err != nil {
		t.Fatal(err)
	}
	if found, err := v.Interrupted(folder); err != nil || found != "" {
		t.Errorf("after the draft: %q, %v", found, err)
	}
}

func TestResumeStartsADraftWhereNoneIs(t *testing.T) {
	v := makeVolume(t)
	draft, err := v.Resume(folder)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := os.ReadDir(draft.Path()); err != nil || len(found) > 0 {
		t.Errorf("the new draft holds %v, error %v", found, err)
	}
	v.wantNotSealed(t, folder)
}

// A writer that was given up for dead and is not: nothing of it gets into the
// next writer's output, and it seals no half of its own, even where it makes its
// folder anew, before or after the next writer is done.
func TestLaterWriterTakesOver(t *testing.T) {
	tests := map[string]struct {
		late   files
		before bool
	}{
		"it seals before the next":                {nil, true},
		"it seals after the next":                 {nil, false},
		"it writes and seals before the next":     {files{"more/late": "first"}, true},
		"it writes and seals after the next does": {files{"more/late": "first"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			first := v.begin(t, folder, files{"weights": "first", "only first": ""})
			second := v.begin(t, folder, files{"weights": "second"})
			if err := test.late.write(first.Path()); err != nil {
				t.Fatal(err)
			}
			if test.before {
				v.wantNothingSealedBy(t, first)
				v.wantNotSealed(t, folder)
			}
			digest, err := second.Seal(manifest())
			if err != nil {
				t.Fatal(err)
			}
			v.wantNothingSealedBy(t, first)
			v.wantSealed(t, folder, digest, files{"weights": "second"})
		})
	}
}

func (v volume) wantNothingSealedBy(t testing.TB, draft *artifact.Draft) {
	t.Helper()
	if digest, err := draft.Seal(manifest()); digest != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("sealed as %q, error %v", digest, err)
	}
}

// A removal that a crash ended leaves a half: it is no draft, and it does not
// stay.
func TestInterruptedRemovalIsEnded(t *testing.T) {
	starts := map[string]func(volume) (*artifact.Draft, error){
		"Begin":  func(v volume) (*artifact.Draft, error) { return v.Begin(folder) },
		"Resume": func(v volume) (*artifact.Draft, error) { return v.Resume(folder) },
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			if err := output.write(v.at("models", ".removed-0a-0123456789abcdef")); err != nil {
				t.Fatal(err)
			}
			v.wantNotSealed(t, folder)
			draft, err := start(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := contents(t, draft.Path()); len(got) > 0 {
				t.Errorf("the draft holds %v", got)
			}
			if _, err := draft.Seal(manifest()); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, v.at("models")); !slices.Equal(got, []string{"0a"}) {
				t.Errorf("the volume holds %v", got)
			}
		})
	}
}

func TestDiscard(t *testing.T) {
	v := makeVolume(t)
	draft := v.begin(t, folder, output)
	for range 2 {
		if err := draft.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if digest, err := draft.Seal(manifest()); digest != "" || err == nil {
		t.Errorf("sealed as %q, error %v", digest, err)
	}
	if diff := cmp.Diff([]string{"models"}, v.entries(t)); diff != "" {
		t.Error(diff)
	}
}

// Drafts and outputs of other folders stay, however similar their names are.
func TestWritersOfOtherFoldersAreNotTouched(t *testing.T) {
	v := makeVolume(t)
	others := []string{"models/0", "models/0a-", "models/0a0", "models/0a-0123456789abcdef", "models/base/0a", "0a", "models/0a/x"}
	drafts := map[string]*artifact.Draft{}
	for _, other := range others {
		drafts[other] = v.begin(t, other, files{"weights": other})
	}
	if err := v.begin(t, folder, output).Discard(); err != nil {
		t.Fatal(err)
	}
	if resumed, err := v.Resume(folder); err != nil || len(contents(t, resumed.Path())) > 0 {
		t.Errorf("another folder's draft is resumed, error %v", err)
	}
	for _, other := range others {
		if resumed, err := v.Resume(other); err != nil || resumed.Path() != drafts[other].Path() {
			t.Errorf("the draft of %s is not found again, error %v", other, err)
		}
		digest, err := drafts[other].Seal(manifest())
		if err != nil {
			t.Fatal(err)
		}
		v.wantSealed(t, other, digest, files{"weights": other})
	}
}

func contents(t testing.TB, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestRemove(t *testing.T) {
	v := makeVolume(t)
	v.seal(t, folder, output)
	other := v.seal(t, "models/0b", output)
	draft := v.begin(t, folder, output)
	for range 2 {
		if err := v.Remove(folder); err != nil {
			t.Fatal(err)
		}
		v.wantNotSealed(t, folder)
	}
	v.wantSealed(t, "models/0b", other, output)
	// What is made from other inputs takes the place.
	m := manifest()
	m.Inputs = nil
	digest, err := draft.Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	v.wantSealed(t, folder, digest, output)
}

func TestPath(t *testing.T) {
	v := makeVolume(t)
	v.seal(t, folder, output)
	got, err := v.Path(folder + "/weights")
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(got); err != nil || string(content) != output["weights"] {
		t.Errorf("%s holds %q, error %v", got, content, err)
	}
}

// Children of the worker run in folders of their own.
func TestPathIsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("volume", 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := artifact.Open("volume")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	draft, err := store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	place, err := store.Path(folder)
	if err != nil || !strings.HasPrefix(place, "/") || !strings.HasPrefix(draft.Path(), "/") {
		t.Errorf("the folder is %s, its draft %s, error %v", place, draft.Path(), err)
	}
	if _, err := os.Stat(draft.Path()); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoVolume(t *testing.T) {
	v := makeVolume(t)
	if err := (files{"file": ""}).write(v.dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"missing", "file"} {
		if _, err := artifact.Open(v.at(name)); err == nil || !strings.Contains(err.Error(), "artifact volume") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// calls are all ways to name a folder.
func calls(v volume, name string) map[string]error {
	errs := map[string]error{}
	_, errs["Begin"] = v.Begin(name)
	_, errs["Resume"] = v.Resume(name)
	_, _, errs["Lookup"] = v.Lookup(name)
	_, errs["Verify"] = v.Verify(name, "")
	_, errs["VerifyContent"] = v.VerifyContent(name, "")
	errs["Remove"] = v.Remove(name)
	return errs
}

func TestNamesThatLeaveTheVolume(t *testing.T) {
	names := []string{"", ".", "..", "../x", "../" + folder, "/", "/etc", "a/../../x", "models/../models/0a", "models//0a", "models/0a/", "./models/0a"}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			v.seal(t, folder, output)
			before := v.entries(t)
			errs := calls(v, name)
			_, errs["Path"] = v.Path(name)
			for call, err := range errs {
				if err == nil || !strings.Contains(err.Error(), "is no path below the artifact volume") {
					t.Errorf("%s: error is %v", call, err)
				}
			}
			if diff := cmp.Diff(before, v.entries(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A link on the volume cannot lead out of it.
func TestLinksThatLeaveTheVolume(t *testing.T) {
	outside := makeVolume(t)
	outside.seal(t, "0a", output)
	before := outside.entries(t)
	v := makeVolume(t)
	if err := os.Symlink(outside.dir, v.at("models")); err != nil {
		t.Fatal(err)
	}
	for call, err := range calls(v, folder) {
		if err == nil || errors.Is(err, artifact.ErrNotSealed) {
			t.Errorf("%s: error is %v", call, err)
		}
	}
	if diff := cmp.Diff(before, outside.entries(t)); diff != "" {
		t.Error(diff)
	}
}
