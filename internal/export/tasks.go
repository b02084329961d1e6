package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Version of the document of tasks.
const Version = 1

// Bounds of what is read.
const (
	maxDocument = 1 << 30
	maxTasks    = 10000
)

// Tasks are the tasks of an evaluation that are graded by running tests on one tree
// each.
type Tasks struct {
	Version int `json:"version"`
	// Repository and Commit are what the tasks are about.
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
	// Environment is where the tests run.
	Environment v1alpha1.Environment `json:"environment"`
	// TestSeconds and AgentSeconds bound a run of the tests and an episode; 0 where
	// nothing does.
	TestSeconds  int64  `json:"testSeconds,omitempty"`
	AgentSeconds int64  `json:"agentSeconds,omitempty"`
	Tasks        []Task `json:"tasks"`
}

// Task is one task.
type Task struct {
	Kind v1alpha1.KindName `json:"kind"`
	ID   string            `json:"id"`
	// Commit whose tree it is on; empty for the snapshot's.
	Commit string `json:"commit,omitempty"`
	// Instruction is what an agent is told.
	Instruction string `json:"instruction"`
	// Edits make the tree that an agent gets of that tree, by path; null leaves a file
	// out.
	Edits map[string][]byte `json:"edits"`
	// Gold is the known answer: a patch of the agent's tree.
	Gold string `json:"gold"`
	// FailToPass and PassToPass are ids of the tests that grade an answer.
	FailToPass []string `json:"failToPass"`
	PassToPass []string `json:"passToPass,omitempty"`
}

// instanceName is what instance ids are made of: they name folders and come out of
// files that anybody may have written.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// InstanceID names a task of a kind for outsiders: bugs are tasks of two kinds. The
// error names what cannot be a name.
func InstanceID(kind v1alpha1.KindName, id string) (string, error) {
	name := string(kind) + "__" + id
	if !instanceName.MatchString(name) {
		return "", fmt.Errorf("the task %.80q of kind %.80q has a name that is none of a folder", id, kind)
	}
	return name, nil
}

// Encode writes the document of tasks.
func Encode(w io.Writer, tasks Tasks) error { return json.NewEncoder(w).Encode(tasks) }

// Read reads the document of tasks.
func Read(name string) (Tasks, error) {
	file, err := os.Open(name)
	if err != nil {
		return Tasks{}, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return Tasks{}, err
	}
	var tasks Tasks
	switch err := json.Unmarshal(content, &tasks); {
	case len(content) > maxDocument:
		return Tasks{}, fmt.Errorf("%s has more than %d bytes", name, maxDocument)
	case err != nil:
		return Tasks{}, fmt.Errorf("%s: %w", name, err)
	case tasks.Version != Version:
		return Tasks{}, fmt.Errorf("%s is of version %d, this program reads version %d", name, tasks.Version, Version)
	case len(tasks.Tasks) > maxTasks:
		return Tasks{}, fmt.Errorf("%s has %d tasks, at most %d are read", name, len(tasks.Tasks), maxTasks)
	}
	return tasks, nil
}

// ErrNothing says that there is nothing to export.
var ErrNothing = errors.New("the evaluation has nothing to export")
