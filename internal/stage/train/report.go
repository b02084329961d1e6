package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

// reportFile says how the model was trained.
const reportFile = "training.json"

type report struct {
	Training v1alpha1.Training `json:"training"`
	Result   recipe.Result     `json:"result"`
}

// describe writes what goes with the weights: how they were trained and on what.
// It returns what was seen and the number of samples.
func (t *training) describe(result recipe.Result) (recipe.Seen, int64, error) {
	seen, samples, err := recipe.ReadSamples(filepath.Join(t.dataset, datasetFile))
	if err != nil {
		return seen, 0, stage.Fail(v1alpha1.FailureData, err, "%s cannot be read: %v", datasetFile, err)
	}
	if err := writeJSON(filepath.Join(t.draft.Path(), recipe.SeenFile), seen); err != nil {
		return seen, 0, err
	}
	// Files of an output hold no times.
	result.Seconds = 0
	return seen, samples, writeJSON(filepath.Join(t.draft.Path(), reportFile), report{Training: t.spec, Result: result})
}

func writeJSON(name string, value any) error {
	content, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(name), err)
	}
	if err := os.WriteFile(name, append(content, '\n'), 0o640); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}
