package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names below snapshots/<key> of a snapshot whose newest commits are kept from
// training. Its tree and RepositoryFolder then end before these commits.
const (
	// FrontierFolder is the repository up to the run's commit. Only what is held out
	// may be made of it.
	FrontierFolder = "frontier.git"
	frontierFile   = "frontier.json"
)

// Frontier says where a snapshot ends before the run's commit.
type Frontier struct {
	// Trained is the commit of the tree: the newest that may be trained on.
	Trained string `json:"trained"`
	// Candidates is how many commits after it change code and tests.
	Candidates int `json:"candidates"`
}

// WriteFrontier writes what a snapshot says of its end.
func WriteFrontier(dir string, frontier Frontier) error {
	content, err := json.Marshal(frontier)
	if err != nil {
		return fmt.Errorf("encode %s: %w", frontierFile, err)
	}
	return os.WriteFile(filepath.Join(dir, frontierFile), append(content, '\n'), 0o640)
}

// ReadFrontier reads it; false where the snapshot ends at the run's commit.
func ReadFrontier(dir string) (Frontier, bool, error) {
	var frontier Frontier
	content, err := os.ReadFile(filepath.Join(dir, frontierFile))
	if errors.Is(err, fs.ErrNotExist) {
		return frontier, false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &frontier)
	}
	if err != nil {
		return frontier, false, fmt.Errorf("read %s of the snapshot: %w", frontierFile, err)
	}
	return frontier, true, nil
}
