package evaluate

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/plan"
	"github.com/repoexpert/operator/internal/task"
)

// library is the repository under evaluation: real code with real tests.
const library = "../../language/python/testdata/library"

func testRecipe() v1alpha1.Recipe {
	return v1alpha1.Recipe{
		Repository:  v1alpha1.Repository{URL: "https://git.example/books/bookshop.git"},
		Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}},
		Experience: v1alpha1.Experience{
			Units: []v1alpha1.Unit{
				{Name: v1alpha1.UnitContextualImplementation, Samples: 20},
				{Name: v1alpha1.UnitRepositoryRecall, Samples: 20},
			},
			MinSamples: 4, Seed: 1, TestTimeout: metav1.Duration{Duration: 2 * time.Minute},
		},
		Engine: v1alpha1.EngineTransformers, EngineDevice: v1alpha1.DeviceCPU, ProbeQuestions: 3,
		Evaluation: v1alpha1.Evaluation{
			HoldoutPercent: 50,
			Kinds: []v1alpha1.EvaluationKind{
				{Name: v1alpha1.KindCodebaseQA, Tasks: 20, MinimumTasks: 1},
				{Name: v1alpha1.KindContextualImplementation, Tasks: 2, MinimumTasks: 1},
			},
			Agent: v1alpha1.AgentProfile{MaxSteps: 3, MaxTokensPerTurn: 64, ContextTokens: 4096, Sampling: v1alpha1.SamplingGreedy},
		},
	}
}

// world is an artifact volume with a real plan of the library and folders that
// stand for models, and a model server that answers as the test says.
type world struct {
	t       *testing.T
	env     stage.Env
	stage   Stage
	facts   []recall.Fact
	masks   []task.Mask
	commits []string
	out     *strings.Builder
	loads   *[][]engine.Model
	answers func(model string, messages []task.Message) string
}

// templates are volumes with snapshot, plan and models, by the share that is held
// out, each made once: the library's tests run several times for a plan.
var templates struct {
	sync.Mutex
	made map[int32]template
}

type template struct {
	folder  string
	inputs  map[string]string
	commits []string
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, made := range templates.made {
		_ = os.RemoveAll(made.folder)
	}
	os.Exit(code)
}

func newWorld(t *testing.T, r v1alpha1.Recipe) *world {
	t.Helper()
	usePytest(t)
	keys := contract.Keys{
		Snapshot: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64), BaseModel: strings.Repeat("c", 64),
		Model: strings.Repeat("d", 64), Evaluation: strings.Repeat("e", 64),
	}
	w := &world{t: t, out: &strings.Builder{}, loads: &[][]engine.Model{}, env: stage.Env{
		Spec:  contract.StageSpec{Commit: strings.Repeat("f", 40), Recipe: r, Keys: keys, Inputs: map[string]string{}},
		Agent: conformance.StartBox(t), Grader: conformance.StartBox(t),
		Log: slog.New(slog.DiscardHandler), Progress: func(contract.Progress) {},
	}}
	w.copyTemplate()
	var err error
	if w.facts, err = planned[recall.Fact](w.env, task.FactsFile); err != nil {
		t.Fatal(err)
	}
	if w.masks, err = planned[task.Mask](w.env, task.MasksFile); err != nil {
		t.Fatal(err)
	}
	w.stage = Stage{
		Servers: w, Port: w.modelServer(), Out: w.out,
		Adapter: adapters.For,
	}
	return w
}

// usePytest puts pytest and coverage on the path of the interpreter, as an
// environment image has them in its own site-packages.
func usePytest(t *testing.T) {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
}

// copyTemplate gives the world a volume of its own.
func (w *world) copyTemplate() {
	w.t.Helper()
	templates.Lock()
	defer templates.Unlock()
	percent := w.env.Spec.Recipe.Evaluation.HoldoutPercent
	made, known := templates.made[percent]
	if !known {
		made = w.makeTemplate()
		if templates.made == nil {
			templates.made = map[int32]template{}
		}
		templates.made[percent] = made
	}
	root := w.t.TempDir()
	if err := os.CopyFS(root, os.DirFS(made.folder)); err != nil {
		w.t.Fatal(err)
	}
	w.open(root)
	w.env.Spec.Inputs, w.commits = maps.Clone(made.inputs), made.commits
}

func (w *world) open(root string) {
	w.t.Helper()
	var err error
	if w.env.Store, err = artifact.Open(root); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) makeTemplate() template {
	w.t.Helper()
	root, err := os.MkdirTemp("", "evaluate-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.open(root)
	keys := w.env.Spec.Keys
	w.fetch(keys.Output(v1alpha1.StageFetch))
	result, err := plan.Run(w.t.Context(), w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	w.env.Spec.Inputs[keys.Output(v1alpha1.StagePlan)] = result.ManifestDigest
	w.seal(keys.BaseModelFolder(), map[string][]byte{"config.json": []byte("{}")})
	w.seal(keys.Output(v1alpha1.StageTrain), modelFiles(w.t, recipe.Seen{}))
	return template{root, w.env.Spec.Inputs, w.commits}
}

// fetch seals a snapshot with the library's history: a function was added, then
// another one repaired, each with its tests.
func (w *world) fetch(folder string) {
	w.t.Helper()
	const prices, tests = "src/bookshop/prices.py", "tests/unit/test_prices.py"
	broken := w.before(os.DirFS(library), prices, "return net + tax", "", "return net")
	broken = w.before(broken, tests, "([100], 107), ", "([100, 200]", "")
	broken = w.before(broken, tests, ", ([100, 200], 321)", "", "")
	without := w.before(broken, prices, "def discounted", "@overload", "")
	without = w.before(without, "src/bookshop/__init__.py", "discounted, total", "", "total")
	without = w.before(without, "src/bookshop/__init__.py", "\"discounted\", ", "", "")
	without = w.before(without, tests, "import discounted, total", "", "import total")
	without = w.before(without, tests, "@pytest.mark.parametrize(\"price\"", "def test_parse", "")
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		w.t.Fatal(err)
	}
	w.commits = conformance.Snapshot(w.t, draft.Path(),
		conformance.Commit{Message: "Prices", Tree: without},
		conformance.Commit{Message: "Prices can be reduced\n\nA customer with a card pays less for every book.", Tree: broken},
		conformance.Commit{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books.", Tree: os.DirFS(library)})
	digest, err := draft.Seal(artifact.Manifest{Key: filepath.Base(folder)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.env.Spec.Inputs[folder] = digest
}

// before is a tree as it was: in a file, a text up to another one, or to its own
// end, was something else.
func (w *world) before(tree fs.FS, name, from, to, was string) fs.FS {
	w.t.Helper()
	copied := fstest.MapFS{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		copied[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(copied[name].Data)
	at := strings.Index(text, from)
	if at < 0 || !strings.Contains(text[at:], to) {
		w.t.Fatalf("%s does not hold %q before %q", name, from, to)
	}
	end := at + len(from)
	if to != "" {
		end = at + strings.Index(text[at:], to)
	}
	copied[name] = &fstest.MapFile{Data: []byte(text[:at] + was + text[end:])}
	return copied
}

// modelFiles stand for a trained model: the weights are never read here.
func modelFiles(t *testing.T, seen recipe.Seen) map[string][]byte {
	t.Helper()
	content, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"merged/config.json": []byte("{}"), recipe.SeenFile: content}
}

// seal writes an output and makes it an input.
func (w *world) seal(folder string, files map[string][]byte) string {
	w.t.Helper()
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, content := range files {
		name = filepath.Join(draft.Path(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	digest, err := draft.Seal(artifact.Manifest{Key: filepath.Base(folder)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.env.Spec.Inputs[folder] = digest
	return digest
}

// servedFolder is where the served model lies.
var servedFolder = contract.ModelsFolder + "/" + strings.Repeat("9", 64)

// serve adds a served model that saw what is given.
func (w *world) serve(seen recipe.Seen) string {
	w.t.Helper()
	key := path.Base(servedFolder)
	digest := w.seal(servedFolder, modelFiles(w.t, seen))
	w.env.Spec.Served = &contract.ServedModel{Commit: strings.Repeat("8", 40), ModelKey: key, ModelDigest: digest}
	return digest
}

// Load stands for the engine's sidecar.
func (w *world) Load(_ context.Context, models []engine.Model, _ engine.Settings) error {
	*w.loads = append(*w.loads, models)
	return nil
}

// modelServer stands for a model server: it answers as w.answers says.
func (w *world) modelServer() int {
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var request struct {
			Model    string         `json:"model"`
			Messages []task.Message `json:"messages"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		text := w.answers(request.Model, request.Messages)
		mu.Unlock()
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"object": "chat.completion", "model": request.Model,
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": text}}},
			"usage":   map[string]int{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
		})
	}))
	w.t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

// truth is the answer of every evaluation question, by its text.
func (w *world) truth() map[string]string {
	answers := map[string]string{}
	for _, question := range append(recall.EvaluationQuestions(w.facts), recall.Compose(w.facts, compositions)...) {
		answers[question.Text] = question.Answer
	}
	return answers
}
