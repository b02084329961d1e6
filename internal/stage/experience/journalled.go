package experience

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

// Journalled says how far a shard came that was interrupted: how many of its
// tasks ended, and what they cost in the sandbox. Both are 0 for a shard that
// will begin anew, because nothing of it is there or its inputs were others.
func Journalled(store *artifact.Store, spec contract.StageSpec, index int32) (tasks int, cpu time.Duration, err error) {
	draft, err := store.Interrupted(stage.ShardFolder(spec.Keys.Output(v1alpha1.StageExperience), index))
	if err != nil || draft == "" {
		return 0, 0, err
	}
	content, err := os.ReadFile(filepath.Join(draft, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading the journal: %w", err)
	}
	for line := range bytes.Lines(content[:bytes.LastIndexByte(content, '\n')+1]) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, 0, nil
		}
		if e.TaskID == "" && !maps.Equal(e.Inputs, spec.Inputs) {
			return 0, 0, nil
		}
		if e.ended() {
			tasks++
			cpu += time.Duration(e.CPUMillis) * time.Millisecond
		}
	}
	return tasks, cpu, nil
}
