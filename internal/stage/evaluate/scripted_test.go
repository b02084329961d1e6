package evaluate

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/engine/enginetest"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
)

// script is a model server whose answers are scripted, with the links by which it
// finds models.
type script struct {
	w       *world
	skills  enginetest.Skills
	links   string
	handler http.Handler
}

// scripted gives the world such a server.
func (w *world) scripted(skills enginetest.Skills) {
	s := &script{w: w, skills: skills}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(rw, r) }))
	w.t.Cleanup(server.Close)
	w.stage.Servers, w.stage.Port = s, server.Listener.Addr().(*net.TCPAddr).Port
}

// Load starts anew, as the pod of another evaluation does.
func (s *script) Load(_ context.Context, models []engine.Model, _ engine.Settings) error {
	root := s.w.root()
	s.links = s.w.t.TempDir()
	for _, model := range models {
		if err := os.Symlink(filepath.Join(root, model.Folder), filepath.Join(s.links, model.Name)); err != nil {
			return err
		}
	}
	server, err := enginetest.New(root, s.links, s.skills)
	if err != nil {
		return err
	}
	s.handler = server.Handler()
	return nil
}

func (w *world) root() string {
	w.t.Helper()
	folder, err := w.env.Store.Path(contract.ModelsFolder)
	if err != nil {
		w.t.Fatal(err)
	}
	return filepath.Dir(folder)
}

// trained seals a model with the seed of its training, that was taught all facts.
func (w *world) trained(folder string, seed int64) string {
	w.t.Helper()
	content, err := json.Marshal(map[string]any{"training": v1alpha1.Training{Seed: seed}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.env.Store.Remove(folder); err != nil {
		w.t.Fatal(err)
	}
	seen := recipe.Seen{}
	for _, fact := range w.facts {
		seen.Facts = append(seen.Facts, recipe.SeenFact{ID: fact.ID, Answer: recall.Normalize(fact.Answer)})
	}
	files := modelFiles(w.t, seen)
	files["training.json"] = content
	return w.seal(folder, files)
}

// The scripted engine answers each arm as its skill says: what one look shows of
// drawn answers, the next one takes back.
func TestScriptedEngine(t *testing.T) {
	r := testRecipe()
	r.Evaluation.Agent.Sampling = v1alpha1.SamplingPaper
	w := newWorld(t, r)
	half := enginetest.Skill{Facts: 50, Functions: 50}
	w.scripted(enginetest.Skills{enginetest.Base: {}, "1": {Facts: 100, Functions: 50}, "2": half})
	key := strings.Repeat("9", 64)
	digest := w.trained(contract.ModelsFolder+"/"+key, 1)
	w.env.Spec.Served = &contract.ServedModel{Commit: strings.Repeat("8", 40), ModelKey: key, ModelDigest: digest}
	w.trained(w.env.Spec.Keys.Output(v1alpha1.StageTrain), 2)
	w.env.Spec.Look, w.env.Spec.Rollouts = 1, 2
	first, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	w.env.Spec.PreviousLook = w.env.Spec.Keys.Output(v1alpha1.StageEvaluate)
	w.env.Spec.Inputs[w.env.Spec.PreviousLook] = first.ManifestDigest
	kinds := w.recordOf(first).Kinds

	n := len(w.facts)
	var known strings.Builder
	for fact := range n {
		digit := "0"
		if half.Knows(fact) {
			digit = "1"
		}
		known.WriteString(digit)
	}
	if diff := cmp.Diff(map[v1alpha1.ArmName]string{
		v1alpha1.ArmBase: strings.Repeat("0", n), v1alpha1.ArmCandidate: known.String(), v1alpha1.ArmServed: strings.Repeat("1", n),
		v1alpha1.ArmGold: strings.Repeat("1", n), v1alpha1.ArmNoop: strings.Repeat("0", n),
	}, armsOf(kinds[0])); diff != "" {
		t.Error(diff)
	}
	w.checkDraws(kinds[1], "02", "20")

	w.env.Spec.Keys.Evaluation = strings.Repeat("2", 64)
	w.env.Spec.Look, w.env.Spec.Rollouts = 2, 4
	second, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	w.checkDraws(w.recordOf(second).Kinds[1], "22", "22")
}

// checkDraws compares how many tries at the two functions were right.
func (w *world) checkDraws(kind v1alpha1.KindRecord, candidate, served string) {
	w.t.Helper()
	if diff := cmp.Diff(map[v1alpha1.ArmName]string{
		v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: candidate, v1alpha1.ArmServed: served, v1alpha1.ArmGold: "11", v1alpha1.ArmNoop: "00",
	}, armsOf(kind)); diff != "" {
		w.t.Error(diff)
	}
}
