package export

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Prediction is one line of a file of SWE-bench's predictions.
type Prediction struct {
	InstanceID string `json:"instance_id"`
	Model      string `json:"model_name_or_path"`
	Patch      string `json:"model_patch"`
}

// Answer is what a model submitted for a task at one try.
type Answer struct {
	Kind    v1alpha1.KindName
	Task    string
	Arm     v1alpha1.ArmName
	Rollout int
	Patch   string
}

// Predictions writes one file for each model and rollout, as a harness scores one
// answer a task: <arm>.jsonl, and <arm>.<n>.jsonl from the second rollout on. models
// names the arms' models; arms without a name are left out.
func Predictions(out string, models map[v1alpha1.ArmName]string, answers []Answer) error {
	files := map[string][]Prediction{}
	for _, a := range answers {
		model, named := models[a.Arm]
		if !named {
			continue
		}
		id, err := InstanceID(a.Kind, a.Task)
		if err != nil {
			return err
		}
		name := string(a.Arm)
		if a.Rollout > 0 {
			name = fmt.Sprintf("%s.%d", name, a.Rollout+1)
		}
		files[name] = append(files[name], Prediction{InstanceID: id, Model: model, Patch: a.Patch})
	}
	if len(files) == 0 {
		return ErrNothing
	}
	f, err := newFolder(out)
	if err != nil {
		return err
	}
	defer f.root.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := f.copy(name+".jsonl", 0o644, func(w io.Writer) error {
			encoder := json.NewEncoder(w)
			for _, prediction := range files[name] {
				if err := encoder.Encode(prediction); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write the predictions of %s: %w", name, err)
		}
	}
	return nil
}
