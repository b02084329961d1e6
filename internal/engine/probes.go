package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// ProbesFile of an evaluation holds the Probes.
const ProbesFile = "probes.json"

// ProbesVersion is that of the file.
const ProbesVersion = 1

// Probes are questions with the answers that the model gave, greedily, when it
// was evaluated. Another engine or device may round otherwise, so agreement is
// asked of most of them, not of all.
type Probes struct {
	Version   int             `json:"version"`
	Engine    v1alpha1.Engine `json:"engine"`
	Device    v1alpha1.Device `json:"device"`
	MaxTokens int32           `json:"maxTokens"`
	Questions []Probe         `json:"questions"`
}

// Probe is one question with the recorded answer.
type Probe struct {
	Messages []task.Message `json:"messages"`
	Answer   string         `json:"answer"`
}

const (
	maxProbesBytes = 1 << 20
	maxProbes      = 64
)

// ReadProbes reads the probes of an evaluation in the absolute folder.
func ReadProbes(folder string) (Probes, error) {
	var probes Probes
	content, err := os.ReadFile(filepath.Join(folder, ProbesFile))
	if err != nil {
		return probes, fmt.Errorf("read the probes: %w", err)
	}
	if len(content) > maxProbesBytes {
		return probes, fmt.Errorf("read the probes: %d bytes", len(content))
	}
	if err := json.Unmarshal(content, &probes); err != nil {
		return probes, fmt.Errorf("read the probes: %w", err)
	}
	if probes.Version != ProbesVersion || len(probes.Questions) > maxProbes {
		return probes, fmt.Errorf("read the probes: version %d with %d questions", probes.Version, len(probes.Questions))
	}
	return probes, nil
}
