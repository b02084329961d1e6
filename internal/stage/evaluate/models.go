package evaluate

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

// arm is one model under evaluation.
type arm struct {
	name  v1alpha1.ArmName
	model engine.Model
	// digest is that of the model's manifest.
	digest string
}

// findModels fills the arms: base and candidate, and the models that the candidate
// is compared with. It reads what the trained ones were trained on.
func (e *evaluation) findModels() error {
	spec := e.env.Spec
	base, trained := spec.Keys.BaseModelFolder(), spec.Keys.Output(v1alpha1.StageTrain)
	e.arms = []arm{{
		name: v1alpha1.ArmBase, digest: spec.Inputs[base],
		model: engine.Model{Name: string(v1alpha1.ArmBase), Kind: engine.Complete, Folder: base},
	}}
	if err := e.addModel(v1alpha1.ArmCandidate, trained, base, spec.Inputs[trained]); err != nil {
		return err
	}
	if err := e.readTraining(trained); err != nil {
		return err
	}
	if err := e.addKept(v1alpha1.ArmServed, spec.Served); err != nil {
		return err
	}
	return e.addKept(v1alpha1.ArmAnchor, spec.Anchor)
}

// addKept adds a model of an earlier run, which must be what was promoted.
func (e *evaluation) addKept(name v1alpha1.ArmName, kept *contract.ServedModel) error {
	if kept == nil {
		return nil
	}
	folder := path.Join(contract.ModelsFolder, kept.ModelKey)
	manifest, err := e.env.Store.Verify(folder, kept.ModelDigest)
	if err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "the %s model %s is not what was promoted", name, folder)
	}
	return e.addModel(name, folder, baseOf(manifest.Inputs, e.env.Spec.Keys.BaseModelFolder()), kept.ModelDigest)
}

func (e *evaluation) addModel(name v1alpha1.ArmName, folder, base, digest string) error {
	root, err := e.root()
	if err != nil {
		return err
	}
	model, err := engine.Trained(e.server, root, string(name), folder, base)
	if err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "%v", err)
	}
	if e.seen[name], err = recipe.ReadSeen(filepath.Join(root, filepath.FromSlash(folder))); err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "the %s model %s does not say what it was trained on", name, folder)
	}
	e.arms = append(e.arms, arm{name: name, model: model, digest: digest})
	return nil
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

// heldOut says whether no trained model saw a task, or what gives it away.
func (e *evaluation) heldOut(id string, clusters ...string) bool {
	for _, seen := range e.seen {
		if !seen.Held(id, clusters...) {
			return false
		}
	}
	return true
}

// taught says whether all models of earlier runs were taught a fact with the
// answer that is true now.
func (e *evaluation) taught(fact recall.Fact) bool {
	for name, seen := range e.seen {
		if name != v1alpha1.ArmCandidate && !seen.Knows(fact) {
			return false
		}
	}
	return true
}
