package train

import (
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/recipe/trl"
)

// Recipe is a trainer, as this stage uses one. Implementations hold no state and
// write only into the job's work folder.
type Recipe interface {
	// Train prepares the job and returns what to run. An error names the field of
	// the recipe that cannot be rendered.
	Train(job recipe.Job) (recipe.Command, error)
	// Merge prepares and returns what makes the complete model output from an
	// adapter and its base. Output does not exist.
	Merge(work, base, adapter, output string) (recipe.Command, error)
	// Progress reads one line of the trainer's standard output; false for a line
	// that says nothing of it.
	Progress(line string) (recipe.Step, bool)
	// Result reads what a trainer that exited with 0 left in the work folder.
	Result(work string) (recipe.Result, error)
	// Weights is the pattern of the weights' files in the output folder, in
	// safetensors format.
	Weights(method v1alpha1.TrainingMethod) string
}

var recipes = map[v1alpha1.Trainer]Recipe{
	v1alpha1.TrainerTRL: trl.Recipe{},
}

func recipeFor(trainer v1alpha1.Trainer) (Recipe, error) {
	if trainer == "" {
		trainer = v1alpha1.TrainerTRL
	}
	r, ok := recipes[trainer]
	if !ok {
		return nil, fmt.Errorf("training.trainer %q is unknown: use TRL", trainer)
	}
	return r, nil
}
