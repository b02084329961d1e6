package evaluate

import (
	"encoding/base64"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/stage/fetch"
	"github.com/repoexpert/operator/internal/stage/plan"
	"github.com/repoexpert/operator/internal/task"
)

// planted is a name that only the commits after the one that is trained on have.
const planted = "canary_of_later_commits"

func frontierRecipe() v1alpha1.Recipe {
	r := testRecipe()
	r.Repository.Ref.Branch = "snapshot"
	r.Experience.Units = append(r.Experience.Units,
		v1alpha1.Unit{Name: v1alpha1.UnitEvolutionaryReplay, Samples: 6}, v1alpha1.Unit{Name: v1alpha1.UnitSoftwareDesign, Samples: 4})
	r.Evaluation.Holdout, r.Evaluation.HoldoutCommits = v1alpha1.HoldoutFrontier, 2
	r.Evaluation.Kinds = append(r.Evaluation.Kinds,
		v1alpha1.EvaluationKind{Name: v1alpha1.KindIssueResolution, Tasks: 5, MinimumTasks: 1},
		v1alpha1.EvaluationKind{Name: v1alpha1.KindTestGeneration, Tasks: 5, MinimumTasks: 1},
		v1alpha1.EvaluationKind{Name: v1alpha1.KindFeatureImplementation, Tasks: 5, MinimumTasks: 1})
	return r
}

// newFrontierWorld is a volume that Fetch and Plan really made of a repository: a
// fix, then a feature and another fix, which are kept from training and have the
// planted name.
func newFrontierWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, out: &strings.Builder{}, env: stage.Env{
		Spec: contract.StageSpec{Recipe: frontierRecipe(), Inputs: map[string]string{}, Shards: 1, Keys: contract.Keys{
			Snapshot: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64), BaseModel: strings.Repeat("c", 64),
			Model: strings.Repeat("d", 64), Evaluation: strings.Repeat("e", 64), Experience: strings.Repeat("f", 64),
		}},
		Agent: conformance.StartBox(t), Grader: conformance.StartBox(t),
		Log: slog.New(slog.DiscardHandler), Progress: func(contract.Progress) {},
	}}
	usePytest(t)
	w.open(t.TempDir())
	origin := t.TempDir()
	w.commits = conformance.Snapshot(t, origin, w.parted()...)
	w.env.Spec.Commit = w.commits[3]
	result, err := fetch.Checkout{Repository: filepath.Join(origin, snapshot.RepositoryFolder)}.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	w.env.Spec.Inputs[w.env.Spec.Keys.Output(v1alpha1.StageFetch)] = result.ManifestDigest
	if result, err = plan.Run(t.Context(), w.env); err != nil {
		t.Fatal(err)
	}
	if result.Counts["laterChanges"] != 2 || result.Counts[contract.HeldOutCount(v1alpha1.KindIssueResolution)] != 1 || result.Counts[contract.HeldOutCount(v1alpha1.KindFeatureImplementation)] != 1 {
		t.Errorf("counts of the plan are %v", result.Counts)
	}
	w.env.Spec.Inputs[w.env.Spec.Keys.Output(v1alpha1.StagePlan)] = result.ManifestDigest
	w.seal(w.env.Spec.Keys.BaseModelFolder(), map[string][]byte{"config.json": []byte("{}")})
	w.loads = &[][]engine.Model{}
	w.stage = Stage{Servers: w, Port: w.modelServer(), Out: w.out, Adapter: adapters.For}
	return w
}

// parted are the commits, oldest first; the second one is the newest to train on.
func (w *world) parted() []conformance.Commit {
	const prices, shelf, tests, shelfTests = "src/bookshop/prices.py", "src/bookshop/stock.py", "tests/unit/test_prices.py", "tests/unit/test_stock.py"
	last := w.before(os.DirFS(library), prices, "tax = net * vat // 100\n    return net + tax", "", planted+" = net * vat // 100\n    return net + "+planted)
	last = w.before(last, prices, "    def limit(value):", "        lowest", "    \"\"\"A price for friends: "+planted+".\"\"\"\n\n    def limit(value):\n")
	broken := w.before(last, prices, planted+" = net", "\n\n\ndef", "return net")
	broken = w.before(broken, tests, "([100], 107), ", "([100, 200]", "")
	broken = w.before(broken, tests, ", ([100, 200], 321)]", "", "]")
	without := w.before(broken, prices, "def discounted", "@overload", "")
	without = w.before(without, "src/bookshop/__init__.py", "discounted, total", "", "total")
	without = w.before(without, "src/bookshop/__init__.py", "\"discounted\", ", "", "")
	without = w.before(without, tests, "import discounted, total", "", "import total")
	without = w.before(without, tests, "@pytest.mark.parametrize(\"price\"", "def test_parse", "")
	full := w.before(without, shelf, "taken = min(count, room)", "", "taken = count")
	full = w.before(full, shelfTests, "        assert shelf.add(\"Emma\", 700, 12) == 10\n        assert shelf.describe() == \"Emma: 10\"\n", "", "        assert shelf.describe() == \"\"\n")
	return []conformance.Commit{
		{Message: "Books", Tree: full},
		{Message: "A shelf has an end\n\nMore books than a shelf has room for were put on it.", Tree: without},
		{Message: "Prices can be reduced\n\nA customer with a card pays less for every book.", Tree: broken},
		{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books.", Tree: last},
	}
}

// The newest commits are kept from training and give the tasks.
func TestFrontier(t *testing.T) {
	w := newFrontierWorld(t)
	env := w.env
	env.Spec.Stage = v1alpha1.StageExperience
	if _, err := experience.Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	w.checkNothingLater()

	w.seal(w.env.Spec.Keys.Output(v1alpha1.StageTrain), modelFiles(t, recipe.Seen{Commits: w.commits[:2]}))
	e, err := w.stage.prepare(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.close() }()
	w.answers = knowingAll(e, "base")
	if err := e.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	result, err := w.stage.seal(e)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	if !strings.HasPrefix(record.Protocol, "Frontier: later commits") || len(record.Kinds) != 5 {
		t.Errorf("record %+v", record)
	}
	for i, kind := range record.Kinds {
		if i < 2 {
			if kind.Protocol != "" {
				t.Errorf("%s is said to be of later commits", kind.Name)
			}
			continue
		}
		want := map[v1alpha1.ArmName]string{v1alpha1.ArmBase: "0", v1alpha1.ArmCandidate: "1", v1alpha1.ArmGold: "1", v1alpha1.ArmNoop: "0"}
		if diff := cmp.Diff(want, armsOf(kind)); diff != "" || kind.Protocol != v1alpha1.HoldoutFrontier {
			t.Errorf("%s of %s: %s", kind.Name, kind.Protocol, diff)
		}
		commit := w.commits[3]
		if kind.Name == v1alpha1.KindFeatureImplementation {
			commit = w.commits[2]
		}
		if j := e.kinds[i].kind.(*episodes).jobs[0]; j.commit != commit || j.fresh {
			t.Errorf("%s: task %+v", kind.Name, j.item)
		}
	}
	r := w.reportOf()
	if diff := cmp.Diff(report.Holdout{Protocol: v1alpha1.HoldoutFrontier, Percent: 50, Trained: w.commits[1], Commits: 2, Refused: r.Holdout.Refused}, r.Holdout); diff != "" || r.Seen[0].Newest != w.commits[1] {
		t.Errorf("models have seen %+v (-want +got):\n%s", r.Seen, diff)
	}
	w.checkSeenCommits()
	w.checkTooFew()
}

// checkSeenCommits serves models that were trained on later commits: what they may
// have seen is no task.
func (w *world) checkSeenCommits() {
	w.t.Helper()
	w.env.Spec.Recipe.Evaluation.Kinds = w.env.Spec.Recipe.Evaluation.Kinds[2:3]
	for name, test := range map[string]struct {
		seen    string
		refused bool
	}{
		"the task's commit": {w.commits[3], true}, "the commit before it": {w.commits[2], false}, "another history": {strings.Repeat("0", 40), true},
	} {
		if err := w.env.Store.Remove(servedFolder); err != nil {
			w.t.Fatal(err)
		}
		w.serve(recipe.Seen{Commits: []string{test.seen}})
		e, err := w.stage.prepare(w.t.Context(), w.env)
		if refused := err != nil; refused != test.refused || refused && (stage.ClassOf(err) != v1alpha1.FailureData || !strings.Contains(err.Error(), refusedSeen)) {
			w.t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = e.close()
		}
	}
}

// checkTooFew asks for more tasks than there are commits: that is known before
// experience is made.
func (w *world) checkTooFew() {
	w.t.Helper()
	w.env.Spec.Keys.Plan = strings.Repeat("9", 64)
	w.env.Spec.Recipe.Evaluation.Kinds[0].MinimumTasks = 3
	_, err := plan.Run(w.t.Context(), w.env)
	if stage.ClassOf(err) != v1alpha1.FailureData || !strings.Contains(err.Error(), "gives 1 tasks of kind IssueResolution") || !strings.Contains(err.Error(), "raise evaluation.holdoutCommits") {
		w.t.Errorf("got %v", err)
	}
}

// encoded finds what may be content of a file in a document.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`)

// checkNothingLater looks for what later commits have in all that is sealed but for
// what is held out.
func (w *world) checkNothingLater() {
	w.t.Helper()
	place := w.root()
	found := map[string]bool{}
	err := fs.WalkDir(os.DirFS(place), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(place, name))
		text := string(content)
		for _, match := range encoded.FindAllString(text, -1) {
			if decoded, err := base64.StdEncoding.DecodeString(match); err == nil {
				text += string(decoded)
			}
		}
		if strings.Contains(text, planted) || strings.Contains(text, w.commits[2]) {
			found[filepath.Base(name)] = true
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{task.HeldOutFile: true, task.HeldOutReplaysFile: true}, found); diff != "" {
		w.t.Errorf("files that tell of later commits (-want +got):\n%s", diff)
	}
	objects := exec.Command("git", "--git-dir", filepath.Join(place, w.env.Spec.Keys.Output(v1alpha1.StageFetch), snapshot.RepositoryFolder),
		"cat-file", "--batch-all-objects", "--batch")
	if content, err := objects.Output(); err != nil || strings.Contains(string(content), planted) || !strings.Contains(string(content), "A shelf has an end") {
		w.t.Errorf("the history that is trained on has %d bytes, %v", len(content), err)
	}
}
