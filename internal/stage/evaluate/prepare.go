package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// evaluation is one run of the stage.
type evaluation struct {
	env     stage.Env
	servers Servers
	server  engine.Engine
	port    int
	arms    []arm
	kinds   []*asked
	adapter func(v1alpha1.TestFramework) (language.Adapter, error)
	// grader is nil until a kind asks for it.
	grader *grading.Grader
	// seen is what the trained models were trained on.
	seen []report.Seen
	// training is how the candidate was made, nil where its manifest does not say.
	training *report.Training
	progress meter
}

// arm is one model under evaluation.
type arm struct {
	name  v1alpha1.ArmName
	model engine.Model
}

// prepare chooses models and tasks.
func (s Stage) prepare(ctx context.Context, env stage.Env) (*evaluation, error) {
	e := &evaluation{env: env, servers: s.Servers, port: s.Port, adapter: s.Adapter, progress: meter{report: env.Progress}}
	var err error
	if e.server, err = engine.For(env.Spec.Recipe.Engine); err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%v", err)
	}
	served, err := e.findModels()
	if err != nil {
		return nil, err
	}
	return e, e.chooseKinds(ctx, served)
}

// findModels fills the arms and returns what the served model saw, nil when none
// is served.
func (e *evaluation) findModels() (*recipe.Seen, error) {
	spec := e.env.Spec
	base := spec.Keys.BaseModelFolder()
	root, err := e.root()
	if err != nil {
		return nil, err
	}
	e.arms = []arm{{v1alpha1.ArmBase, engine.Model{Name: string(v1alpha1.ArmBase), Kind: engine.Complete, Folder: base}}}
	candidate, err := engine.Trained(e.server, root, string(v1alpha1.ArmCandidate), spec.Keys.Output(v1alpha1.StageTrain), base)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "%v", err)
	}
	e.arms = append(e.arms, arm{v1alpha1.ArmCandidate, candidate})
	if _, err := e.readSeen(root, spec.Keys.Output(v1alpha1.StageTrain), v1alpha1.ArmCandidate); err != nil {
		return nil, err
	}
	if err := e.readTraining(spec.Keys.Output(v1alpha1.StageTrain)); err != nil {
		return nil, err
	}
	if spec.Served == nil {
		return nil, nil
	}
	folder := path.Join(contract.ModelsFolder, spec.Served.ModelKey)
	manifest, err := e.env.Store.Verify(folder, spec.Served.ModelDigest)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "the served model %s is not what was promoted", folder)
	}
	served, err := engine.Trained(e.server, root, string(v1alpha1.ArmServed), folder, baseOf(manifest.Inputs, base))
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "%v", err)
	}
	e.arms = append(e.arms, arm{v1alpha1.ArmServed, served})
	return e.readSeen(root, folder, v1alpha1.ArmServed)
}

// readSeen reads what a model was trained on, and notes how much it is.
func (e *evaluation) readSeen(root, folder string, name v1alpha1.ArmName) (*recipe.Seen, error) {
	seen, err := recipe.ReadSeen(filepath.Join(root, filepath.FromSlash(folder)))
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "the %s model %s does not say what it was trained on", name, folder)
	}
	e.seen = append(e.seen, report.Seen{Arm: name, Facts: len(seen.Facts), Tasks: len(seen.Tasks), Clusters: len(seen.Clusters)})
	return &seen, nil
}

// root is the artifact volume.
func (e *evaluation) root() (string, error) {
	folder, err := e.env.Store.Path(contract.ModelsFolder)
	return filepath.Dir(folder), err
}

// baseOf finds the base model that a trained one was made from; the class may
// have another one by now.
func baseOf(inputs map[string]string, otherwise string) string {
	for folder := range inputs {
		if strings.HasPrefix(folder, contract.BaseModelsFolder+"/") {
			return folder
		}
	}
	return otherwise
}

// planned reads a file of the plan, one value a line.
func planned[T any](env stage.Env, name string) ([]T, error) {
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	values, err := task.ReadFile[T](filepath.Join(folder, name))
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "%s of the plan cannot be read", name)
	}
	return values, nil
}

// graderOf prepares both boxes, once, and returns the grader of this commit.
func (e *evaluation) graderOf(ctx context.Context) (*grading.Grader, error) {
	if e.grader != nil {
		return e.grader, nil
	}
	spec := e.env.Spec
	adapter, err := e.adapter(spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	if err := e.env.PutEnvironment(ctx, e.env.Agent, e.env.Grader); err != nil {
		return nil, err
	}
	place, err := e.env.Store.Path(spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	source, err := snapshot.Open(place)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	inventory, baseline, err := e.readPlan()
	if err != nil {
		return nil, err
	}
	e.grader = grading.New(grading.Config{
		Box: e.env.Grader, Adapter: adapter, Source: source, Inventory: inventory, Baseline: baseline,
		TestTimeout: spec.Recipe.Experience.TestTimeout.Duration,
	})
	return e.grader, nil
}

func (e *evaluation) readPlan() (*language.Inventory, task.Baseline, error) {
	var baseline task.Baseline
	folder, err := e.env.Store.Path(e.env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, baseline, err
	}
	content, err := os.ReadFile(filepath.Join(folder, task.BaselineFile))
	if err != nil {
		return nil, baseline, fmt.Errorf("read the baseline: %w", err)
	}
	if err := json.Unmarshal(content, &baseline); err != nil {
		return nil, baseline, fmt.Errorf("read the baseline: %w", err)
	}
	file, err := os.Open(filepath.Join(folder, task.InventoryFile))
	if err != nil {
		return nil, baseline, fmt.Errorf("read the inventory: %w", err)
	}
	defer func() { _ = file.Close() }()
	inventory, err := language.ParseInventory(file, language.DefaultInventoryLimits())
	if err != nil {
		return nil, baseline, fmt.Errorf("read the inventory: %w", err)
	}
	return inventory, baseline, nil
}

// profile bounds an agent's episode.
func (e *evaluation) profile() agent.Profile {
	recipe := e.env.Spec.Recipe
	return agent.NewProfile(recipe.Evaluation.Agent, recipe.Experience.CommandTimeout.Duration)
}

// meter turns answers into progress lines.
type meter struct {
	report func(contract.Progress)
	begun  time.Time
	done   int64
	total  int64
}

func (m *meter) add(message string) {
	m.done++
	if m.begun.IsZero() {
		m.begun = time.Now()
	}
	left := max(0, m.total-m.done)
	m.report(contract.Progress{
		Step: min(m.done, m.total), Total: m.total, Message: message,
		ETASeconds: int64((time.Since(m.begun) / time.Duration(m.done) * time.Duration(left)).Seconds()),
	})
}
