// Package state keeps a record of each cluster of this machine, one folder each,
// so that later commands find it and so that two clusters never share an index.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

// Record says how to find a cluster.
type Record struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
	// PID is the process 1 of the cluster as the host numbers it; 0 before it
	// was started.
	PID        int       `json:"pid,omitempty"`
	StartTicks uint64    `json:"startTicks,omitempty"`
	Created    time.Time `json:"created"`
	// Components is the folder of the programs that the cluster runs.
	Components string `json:"components"`
}

// Cluster derives the names and addresses.
func (r Record) Cluster() (layout.Cluster, error) { return layout.New(r.Name, r.Index) }

// Store is the folder that holds one folder for each cluster.
type Store struct{ Root string }

// Default is the store of this user: $XDG_STATE_HOME or ~/.local/state.
func Default() (Store, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return Store{}, fmt.Errorf("find a folder for the clusters' state: %w", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return Store{Root: filepath.Join(base, "devcluster")}, nil
}

// Paths are the files of a cluster.
func (s Store) Paths(name string) layout.Paths {
	return layout.Paths{Dir: filepath.Join(s.Root, name)}
}

// Load reads the record of a cluster. It fails with fs.ErrNotExist when there is
// none.
func (s Store) Load(name string) (Record, error) {
	var r Record
	path := s.Paths(name).Record()
	b, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("cluster %q: %w", name, err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("cluster %q: %s: %w", name, path, err)
	}
	return r, nil
}

// List reads the records of all clusters, by name. A folder without a record is
// left out: its `up` did not come far enough to own an index.
func (s Store) List() ([]Record, error) {
	entries, err := os.ReadDir(s.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var records []Record
	for _, e := range entries {
		r, err := s.Load(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Save writes the record whole or not at all.
func (s Store) Save(r Record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cluster %q: %w", r.Name, err)
	}
	path := s.Paths(r.Name).Record()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cluster %q: %w", r.Name, err)
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("cluster %q: %w", r.Name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("cluster %q: %w", r.Name, err)
	}
	return nil
}

// Remove deletes the folder of a cluster, and the store when it was the last.
func (s Store) Remove(name string) error {
	if err := os.RemoveAll(s.Paths(name).Dir); err != nil {
		return fmt.Errorf("cluster %q: %w", name, err)
	}
	if left, err := os.ReadDir(s.Root); err == nil && len(left) == 0 {
		return os.Remove(s.Root)
	}
	return nil
}
