package fetch

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/source/gittest"
	"github.com/repoexpert/operator/internal/stage"
)

// Modes of git's trees.
const (
	plain      = "100644"
	executable = "100755"
	symlink    = "120000"
	submodule  = "160000"
)

// file is one entry of a commit; the content of a submodule is its commit.
type file struct{ mode, content string }

// commit adds a commit with exactly these files to a branch. Trees are written
// as objects: git's own index would refuse the names that an attacker uses.
func commit(t testing.TB, r gittest.Repository, branch string, files map[string]file) string {
	t.Helper()
	return commitOf(t, r, branch, writeTree(t, r, files))
}

func commitOf(t testing.TB, r gittest.Repository, branch, tree string) string {
	t.Helper()
	args := []string{"commit-tree", "-m", "change"}
	if parent := r.Git(t, "", "for-each-ref", "--format=%(objectname)", "refs/heads/"+branch); parent != "" {
		args = append(args, "-p", parent)
	}
	id := r.Git(t, "", append(args, tree)...)
	r.Git(t, "", "update-ref", "refs/heads/"+branch, id)
	return id
}

func writeTree(t testing.TB, r gittest.Repository, files map[string]file) string {
	t.Helper()
	var listing strings.Builder
	folders := map[string]map[string]file{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		if folder, rest, ok := strings.Cut(name, "/"); ok {
			if folders[folder] == nil {
				folders[folder] = map[string]file{}
			}
			folders[folder][rest] = f
			continue
		}
		kind, id := "commit", f.content
		if f.mode != submodule {
			kind, id = "blob", r.Git(t, f.content, "hash-object", "-w", "--stdin")
		}
		fmt.Fprintf(&listing, "%s %s %s\t%s\x00", f.mode, kind, id, name)
	}
	for folder, inside := range folders {
		fmt.Fprintf(&listing, "040000 tree %s\t%s\x00", writeTree(t, r, inside), folder)
	}
	return r.Git(t, listing.String(), "mktree", "-z", "--missing")
}

// world is a git host, a volume with a base model and an artifact volume.
type world struct {
	server     *gittest.Server
	repository gittest.Repository
	sources    Sources
	env        stage.Env
	log        *bytes.Buffer
	// temp is where the stage makes its private folders.
	temp string
}

const modelPath = "models/tiny"

// newWorld has a base model and a repository without commits.
func newWorld(t *testing.T) *world {
	t.Helper()
	server := gittest.New(t)
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		server: server, repository: server.Repository(t, "click.git"), log: &bytes.Buffer{}, temp: t.TempDir(),
		sources: Sources{BaseModels: t.TempDir(), GitSecret: filepath.Join(t.TempDir(), "none")},
	}
	t.Setenv("TMPDIR", w.temp)
	w.env = stage.Env{
		Spec: contract.StageSpec{
			Stage: v1alpha1.StageFetch, Run: "run", Attempt: 1, Shards: 2, Keys: contract.Keys{
				Snapshot: key("1"), BaseModel: key("2"), Environment: key("3"), Plan: key("4"),
				Experience: key("5"), Dataset: key("6"), Model: key("7"), Evaluation: key("8"),
			},
			Recipe: v1alpha1.Recipe{
				Repository: v1alpha1.Repository{URL: w.repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}},
				BaseModel:  v1alpha1.BaseModel{Name: "tiny", Revision: "r1", Claim: v1alpha1.ClaimPath{ClaimName: "weights", Path: modelPath}},
			},
		},
		Store: store, Log: slog.New(slog.NewTextHandler(w.log, nil)), Progress: func(contract.Progress) {},
	}
	w.putModel(t, map[string]string{"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights"})
	return w
}

func key(digit string) string { return strings.Repeat(digit, 64) }

// putModel replaces the base model on the platform's volume.
func (w *world) putModel(t *testing.T, files map[string]string) {
	t.Helper()
	folder := filepath.Join(w.sources.BaseModels, modelPath)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	put(t, folder, files)
}

func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// at makes a commit the one to fetch.
func (w *world) at(commit string) { w.env.Spec.Commit = commit }

func (w *world) run(t *testing.T) contract.StageResult {
	t.Helper()
	result, err := w.sources.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// refused runs the stage, which must end with a class and a message, and leave
// neither a snapshot nor a private folder behind.
func (w *world) refused(t *testing.T, class v1alpha1.FailureClass, says ...string) {
	t.Helper()
	_, err := w.sources.Run(t.Context(), w.env)
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Class != class {
		t.Fatalf("got %v, want class %s", err, class)
	}
	for _, want := range says {
		if !strings.Contains(failure.Message, want) {
			t.Errorf("message %q lacks %q", failure.Message, want)
		}
	}
	// Neither what the host says nor a credential is repeated.
	kept(t, "the error", err.Error())
	kept(t, "the log", w.log.String())
	w.left(t, w.env.Spec.Keys.Output(v1alpha1.StageFetch))
}

// left checks that a failed stage left nothing.
func (w *world) left(t *testing.T, folder string) {
	t.Helper()
	if _, _, err := w.env.Store.Lookup(folder); !errors.Is(err, artifact.ErrNotSealed) {
		t.Errorf("%s: got %v, want nothing sealed", folder, err)
	}
	drafts, err := filepath.Glob(filepath.Join(w.path(t, filepath.Dir(folder)), ".draft-*"))
	if err != nil || len(drafts) > 0 {
		t.Errorf("drafts %v stay, error %v", drafts, err)
	}
	w.nothingPrivate(t)
}

func (w *world) nothingPrivate(t *testing.T) {
	t.Helper()
	private, err := os.ReadDir(w.temp)
	if err != nil || len(private) > 0 {
		t.Errorf("private folders %v stay, error %v", private, err)
	}
}

func (w *world) path(t *testing.T, folder string) string {
	t.Helper()
	at, err := w.env.Store.Path(folder)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// snapshot is the folder of the sealed snapshot.
func (w *world) snapshot(t *testing.T) string {
	t.Helper()
	return w.path(t, w.env.Spec.Keys.Output(v1alpha1.StageFetch))
}

// tree is the content of the snapshot's files, as its archive holds them.
func (w *world) tree(t *testing.T) map[string]file {
	t.Helper()
	raw, err := os.Open(filepath.Join(w.snapshot(t), snapshot.TreeFile))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	files := map[string]file{}
	reader := tar.NewReader(raw)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil || header.Typeflag != tar.TypeReg {
			t.Fatalf("entry %+v, error %v", header, err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		mode := plain
		if header.Mode == 0o755 {
			mode = executable
		}
		files[header.Name] = file{mode, string(content)}
	}
}

// history runs git in the snapshot's repository.
func (w *world) history(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir", filepath.Join(w.snapshot(t), snapshot.RepositoryFolder)}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func (w *world) historyOf(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.history(t, args...)
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

// volume is every file of the artifact volume.
func (w *world) volume(t *testing.T) map[string]string {
	t.Helper()
	root := os.DirFS(filepath.Dir(w.path(t, "x")))
	files := map[string]string{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
