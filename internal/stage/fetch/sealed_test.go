package fetch

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
)

func TestBaseModelIsCopiedAndDigested(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
	want := map[string]string{
		"config.json": `{"a": 1}`, "generation_config.json": "{}", "tokenizer.json": "{}", "vocab.txt": "a", "merges.txt": "b",
		"spiece.model": "c", "chat_template.jinja": "d", "qwen.tiktoken": "e",
		"model-00001-of-00002.safetensors": "one", "model-00002-of-00002.safetensors": "two", "model.safetensors.index.json": "{}",
	}
	// Code, pickles, folders and links are not taken.
	files := map[string]string{
		"pytorch_model.bin": "pickle", "training_args.pt": "pickle", "modeling_tiny.py": "code", "README.md": "text",
		"onnx/config.json": "{}", "x.json/config.json": "{}",
	}
	maps.Copy(files, want)
	w.putModel(t, files)
	outside := filepath.Join(t.TempDir(), "outside.json")
	put(t, filepath.Dir(outside), map[string]string{"outside.json": "secret"})
	if err := os.Symlink(outside, filepath.Join(w.sources.BaseModels, modelPath, "link.json")); err != nil {
		t.Fatal(err)
	}
	result := w.run(t)

	manifest, err := w.env.Store.VerifyContent(w.env.Spec.Keys.BaseModelFolder(), result.BaseModelDigest)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range manifest.Files {
		content, err := os.ReadFile(filepath.Join(w.path(t, w.env.Spec.Keys.BaseModelFolder()), f.Path))
		if err != nil {
			t.Fatal(err)
		}
		got[f.Path] = string(content)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"model": "tiny", "revision": "r1"}, manifest.Tools); diff != "" || manifest.Key != w.env.Spec.Keys.BaseModel {
		t.Errorf("manifest has key %s and tools (-want +got):\n%s", manifest.Key, diff)
	}
}

func TestAVolumeWithOneModelNeedsNoPath(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
	w.sources.BaseModels = filepath.Join(w.sources.BaseModels, modelPath)
	w.env.Spec.Recipe.BaseModel.Claim.Path = ""
	w.run(t)
}

func TestWrongBaseModels(t *testing.T) {
	tests := map[string]struct {
		path  string
		files map[string]string
		says  string
	}{
		"no such folder":  {path: "models/none", says: "there is no such folder"},
		"a file":          {path: modelPath + "/config.json", says: "there is no such folder"},
		"empty":           {files: map[string]string{"README.md": "x"}, says: "holds no config.json"},
		"no weights":      {files: map[string]string{"config.json": "{}", "tokenizer.json": "{}"}, says: "holds no safetensors"},
		"pickled weights": {files: map[string]string{"config.json": "{}", "tokenizer.json": "{}", "pytorch_model.bin": "x", "model.pt": "x"}, says: "holds no safetensors (pickled weights are not loaded)"},
		"no tokenizer":    {files: map[string]string{"config.json": "{}", "model.safetensors": "x"}, says: "holds no tokenizer"},
		"in a folder":     {files: map[string]string{"deeper/config.json": "{}", "deeper/tokenizer.json": "{}", "deeper/model.safetensors": "x"}, says: "holds no config.json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(w.repository.Commit(t, "main", "first"))
			if test.files != nil {
				w.putModel(t, test.files)
			}
			path := modelPath
			if test.path != "" {
				path = test.path
			}
			w.env.Spec.Recipe.BaseModel.Claim.Path = path
			w.refused(t, v1alpha1.FailureConfiguration, `baseModel.claim.path "`+path+`" on claim "weights"`, test.says, "safetensors of tiny")
			w.left(t, w.env.Spec.Keys.BaseModelFolder())
			if n := w.server.Looks(); n != 0 {
				t.Errorf("the git host was asked %d times before the model was found wrong", n)
			}
		})
	}
}

// One key stands for one content: who changes the weights under a path changes
// the revision, and thereby the key.
func TestChangedBaseModel(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
	first := w.run(t).BaseModelDigest
	w.putModel(t, map[string]string{"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "changed"})
	if again := w.run(t).BaseModelDigest; again != first {
		t.Errorf("the copy under the old key became %s, it was %s", again, first)
	}
	if _, err := w.env.Store.VerifyContent(w.env.Spec.Keys.BaseModelFolder(), first); err != nil {
		t.Errorf("the verified copy changed: %v", err)
	}
	w.env.Spec.Keys.BaseModel = key("9")
	if other := w.run(t).BaseModelDigest; other == first {
		t.Error("other weights have the same digest")
	}
}

// The manager sends a run back to Fetch when a later stage finds an input
// damaged: taking it for whole again would end the run.
func TestDamagedOutputsAreMadeAgain(t *testing.T) {
	damages := map[string]func(name string) error{
		"cut":               func(name string) error { return os.Truncate(name, 0) },
		"gone":              os.Remove,
		"other bytes":       flip,
		"manifest garbled":  func(name string) error { return os.WriteFile(manifestOf(name), []byte("{"), 0o600) },
		"manifest gone":     func(name string) error { return os.Remove(manifestOf(name)) },
		"one file too many": func(name string) error { return os.WriteFile(name+".more", nil, 0o600) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, second, third := w.releases(t)
			w.at(second)
			first := w.run(t)
			snapshotFolder, modelFolder := w.env.Spec.Keys.Output(v1alpha1.StageFetch), w.env.Spec.Keys.BaseModelFolder()
			tree := w.tree(t)
			for _, file := range []string{filepath.Join(w.path(t, snapshotFolder), snapshot.TreeFile), filepath.Join(w.path(t, modelFolder), "model.safetensors")} {
				if err := damage(file); err != nil {
					t.Fatal(err)
				}
			}
			again := w.run(t)
			if again.Reused {
				t.Error("a damaged snapshot was reused")
			}
			if _, err := w.env.Store.VerifyContent(snapshotFolder, again.ManifestDigest); err != nil {
				t.Error(err)
			}
			if _, err := w.env.Store.VerifyContent(modelFolder, again.BaseModelDigest); err != nil || again.BaseModelDigest != first.BaseModelDigest {
				t.Errorf("base model %s, was %s, error %v", again.BaseModelDigest, first.BaseModelDigest, err)
			}
			if diff := cmp.Diff(tree, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
				t.Errorf("tree (-was +is):\n%s", diff)
			}
			w.endsAtCommit(t, second, third)
		})
	}
}

func manifestOf(name string) string { return filepath.Join(filepath.Dir(name), artifact.ManifestName) }

// flip changes a byte, as a disk does.
func flip(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	content[len(content)/2] ^= 1
	return os.WriteFile(name, content, 0o600)
}

func TestInterruptedFetchLeavesNothingThatCounts(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
	for _, folder := range []string{w.env.Spec.Keys.Output(v1alpha1.StageFetch), w.env.Spec.Keys.BaseModelFolder()} {
		draft, err := w.env.Store.Begin(folder)
		if err != nil {
			t.Fatal(err)
		}
		put(t, draft.Path(), map[string]string{"left.json": "half", snapshot.RepositoryFolder + "/HEAD": "half"})
	}
	result := w.run(t)
	if result.Reused {
		t.Error("a draft was taken for a snapshot")
	}
	for name := range w.volume(t) {
		if strings.Contains(name, "left.json") {
			t.Errorf("%s is left", name)
		}
	}
}

// later are the stages after Fetch with the stages whose outputs they read.
var later = []struct {
	name      v1alpha1.StageName
	from      []v1alpha1.StageName
	baseModel bool
}{
	{v1alpha1.StageSetup, []v1alpha1.StageName{v1alpha1.StageFetch}, false},
	{v1alpha1.StagePlan, []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StageSetup}, false},
	{v1alpha1.StageExperience, []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StageSetup, v1alpha1.StagePlan}, false},
	{v1alpha1.StageCurate, []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StagePlan, v1alpha1.StageExperience}, true},
	{v1alpha1.StageTrain, []v1alpha1.StageName{v1alpha1.StageCurate}, true},
	{v1alpha1.StageEvaluate, []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StageSetup, v1alpha1.StagePlan, v1alpha1.StageTrain}, true},
}

var served = contract.ServedModel{ModelKey: key("a"), ModelDigest: "sha256:" + key("b")}

// sealLater seals the outputs of all later stages as those stages do, and
// returns their digests. The inputs of one stage may be changed.
func (w *world) sealLater(t *testing.T, fetched contract.StageResult, change map[v1alpha1.StageName]func(map[string]string)) map[v1alpha1.StageName]string {
	t.Helper()
	keys := w.env.Spec.Keys
	digests := map[v1alpha1.StageName]string{v1alpha1.StageFetch: fetched.ManifestDigest}
	for _, s := range later {
		folder := keys.Output(s.name)
		if folder == "" {
			continue
		}
		inputs := map[string]string{}
		for _, from := range s.from {
			if keys.Output(from) != "" {
				inputs[keys.Output(from)] = digests[from]
			}
		}
		if s.baseModel {
			inputs[keys.BaseModelFolder()] = fetched.BaseModelDigest
		}
		if s.name == v1alpha1.StageEvaluate {
			inputs[contract.ModelsFolder+"/"+served.ModelKey] = served.ModelDigest
		}
		if c := change[s.name]; c != nil && s.name != v1alpha1.StageExperience {
			c(inputs)
		}
		if s.name != v1alpha1.StageExperience {
			digests[s.name] = w.seal(t, folder, inputs)
			continue
		}
		shards := []string{w.seal(t, stage.ShardFolder(folder, 0), inputs)}
		if c := change[s.name]; c != nil {
			c(inputs)
		}
		digests[s.name] = contract.ShardsDigest(append(shards, w.seal(t, stage.ShardFolder(folder, 1), inputs)))
	}
	delete(digests, v1alpha1.StageFetch)
	return digests
}

func (w *world) seal(t *testing.T, folder string, inputs map[string]string) string {
	t.Helper()
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	put(t, draft.Path(), map[string]string{"content": folder})
	digest, err := draft.Seal(artifact.Manifest{Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestSecondRunFindsWhatIsSealed(t *testing.T) {
	w := newWorld(t)
	_, second, _ := w.releases(t)
	w.at(second)
	w.env.Spec.Served = &served
	first := w.run(t)
	if first.Reused || first.Sealed != nil {
		t.Errorf("the first run finds %+v", first)
	}
	want := first
	want.Reused = true
	want.Sealed = w.sealLater(t, first, nil)
	// What is there needs neither the git host nor the platform's volume.
	w.server.Close()
	w.sources.BaseModels = filepath.Join(w.sources.BaseModels, "none")
	if diff := cmp.Diff(want, w.run(t)); diff != "" {
		t.Errorf("second run (-want +got):\n%s", diff)
	}
}

func TestSealedOutputsCountWhereTheirInputsAreTodays(t *testing.T) {
	other := "sha256:" + key("f")
	from := func(folder func(contract.Keys) string, keys contract.Keys) func(map[string]string) {
		return func(inputs map[string]string) { inputs[folder(keys)] = other }
	}
	output := func(name v1alpha1.StageName) func(contract.Keys) string {
		return func(k contract.Keys) string { return k.Output(name) }
	}
	all := slices.Clone(v1alpha1.Stages[1:])
	tests := map[string]struct {
		// stage reads another input than today's from a folder.
		stage  v1alpha1.StageName
		folder func(contract.Keys) string
		// before changes the run, after the volume.
		before func(*world)
		after  func(*testing.T, *world) error
		want   []v1alpha1.StageName
	}{
		"all":                                   {want: all},
		"Setup read another snapshot":           {stage: v1alpha1.StageSetup, folder: output(v1alpha1.StageFetch)},
		"Plan read another environment":         {stage: v1alpha1.StagePlan, folder: output(v1alpha1.StageSetup), want: all[:1]},
		"one shard read another plan":           {stage: v1alpha1.StageExperience, folder: output(v1alpha1.StagePlan), want: all[:2]},
		"Curate read another base model":        {stage: v1alpha1.StageCurate, folder: contract.Keys.BaseModelFolder, want: all[:3]},
		"Train read an output of nobody":        {stage: v1alpha1.StageTrain, folder: func(contract.Keys) string { return "datasets/" + key("f") }, want: all[:4]},
		"Evaluate read another model":           {stage: v1alpha1.StageEvaluate, folder: output(v1alpha1.StageTrain), want: all[:5]},
		"Evaluate compared with another":        {stage: v1alpha1.StageEvaluate, folder: func(contract.Keys) string { return "models/" + served.ModelKey }, want: all[:5]},
		"nothing is served any more":            {after: func(_ *testing.T, w *world) error { w.env.Spec.Served = nil; return nil }, want: all[:5]},
		"recipe without Setup":                  {before: func(w *world) { w.env.Spec.Keys.Environment = "" }, want: all[1:]},
		"more shards are asked for":             {after: func(_ *testing.T, w *world) error { w.env.Spec.Shards = 3; return nil }, want: all[:2]},
		"a shard is gone":                       {after: damaged(stage.ShardFolder("experience/"+key("5"), 1), os.RemoveAll), want: all[:2]},
		"a manifest is gone":                    {after: damaged("datasets/"+key("6")+"/manifest.json", os.Remove), want: all[:3]},
		"a model is cut":                        {after: damaged("models/"+key("7")+"/content", func(name string) error { return os.Truncate(name, 1) }), want: all[:4]},
		"base model damaged, then another":      {after: otherBaseModel, want: all[:3]},
		"snapshot damaged, made again the same": {after: damaged("snapshots/"+key("1")+"/tree.tar", flip), want: all},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
			w.env.Spec.Served = &served
			if test.before != nil {
				test.before(w)
			}
			change := map[v1alpha1.StageName]func(map[string]string){}
			if test.stage != "" {
				change[test.stage] = from(test.folder, w.env.Spec.Keys)
			}
			digests := w.sealLater(t, w.run(t), change)
			if test.after != nil {
				if err := test.after(t, w); err != nil {
					t.Fatal(err)
				}
			}
			var want map[v1alpha1.StageName]string
			for _, name := range test.want {
				if want == nil {
					want = map[v1alpha1.StageName]string{}
				}
				want[name] = digests[name]
			}
			if diff := cmp.Diff(want, w.run(t).Sealed); diff != "" {
				t.Errorf("sealed (-want +got):\n%s", diff)
			}
		})
	}
}

func damaged(name string, damage func(string) error) func(*testing.T, *world) error {
	return func(t *testing.T, w *world) error { return damage(w.path(t, name)) }
}

// otherBaseModel: what the copy was made from is not there any more, and what
// was learned from it is not taken for today's.
func otherBaseModel(t *testing.T, w *world) error {
	w.putModel(t, map[string]string{"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "another"})
	return os.Remove(filepath.Join(w.path(t, w.env.Spec.Keys.BaseModelFolder()), "model.safetensors"))
}

// A run with a teacher has a folder for its account, which a second Fetch leaves
// as it is; another run has none.
func TestTeacherHasAFolderForItsAccount(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "a = 1\n"}}))
	w.run(t)
	folder := filepath.Join(contract.TeachersFolder, w.env.Spec.Run)
	if _, err := os.Stat(w.path(t, contract.TeachersFolder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run without a teacher has a folder for it: %v", err)
	}
	w.env.Spec.Recipe.Teacher = &v1alpha1.Teacher{Model: "m"}
	w.run(t)
	put(t, w.path(t, folder), map[string]string{"account.json": "{}"})
	w.run(t)
	if content, err := os.ReadFile(filepath.Join(w.path(t, folder), "account.json")); err != nil || string(content) != "{}" {
		t.Errorf("the account has %q, %v", content, err)
	}
}
