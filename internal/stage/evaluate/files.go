package evaluate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/task"
)

// Files of an evaluation.
const (
	recordFile = "record.line"
	// ReportFile is a report.Report, PageFile the same for people.
	ReportFile = "report.json"
	PageFile   = "report.html"
	// TasksFile holds an export.Tasks.
	TasksFile = "tasks.json"
	// RecordsFile has one line for each arm, task and rollout.
	RecordsFile = "records.jsonl"
)

// write writes all files of the evaluation.
func (e *evaluation) write(folder, line string) error {
	if err := os.WriteFile(filepath.Join(folder, recordFile), []byte(line), 0o640); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if err := task.WriteFile(filepath.Join(folder, RecordsFile), e.taskRecords()); err != nil {
		return fmt.Errorf("write the records: %w", err)
	}
	if err := writeReport(folder, e.report()); err != nil {
		return err
	}
	tasks, err := e.exported()
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(folder, TasksFile), tasks); err != nil {
		return err
	}
	return writeJSON(filepath.Join(folder, engine.ProbesFile), e.probes())
}

// taskRecord is one line of records.jsonl: what one arm made of one task at one try.
type taskRecord struct {
	Kind v1alpha1.KindName `json:"kind"`
	// Variant as in the report.
	Variant string           `json:"variant,omitempty"`
	Arm     v1alpha1.ArmName `json:"arm"`
	Task    string           `json:"task"`
	// Rollout is the number of the try, from 0. Its messages are kept of the first.
	Rollout int    `json:"rollout,omitempty"`
	Group   string `json:"group,omitempty"`
	// Extra tasks count nowhere, as questions about two facts.
	Extra    bool   `json:"extra,omitempty"`
	Question string `json:"question"`
	Gold     string `json:"gold,omitempty"`
	attempt
}

func (e *evaluation) taskRecords() []taskRecord {
	var records []taskRecord
	for _, k := range e.kinds {
		for _, name := range e.armNames() {
			records = append(records, k.records(name)...)
		}
	}
	return records
}

// records are an arm's lines of the kind.
func (k *asked) records(name v1alpha1.ArmName) []taskRecord {
	var records []taskRecord
	if !k.asks(name) {
		return nil
	}
	for i, t := range k.tasks() {
		for rollout, a := range k.attempts[name][i] {
			records = append(records, taskRecord{
				Kind: k.head().Name, Variant: k.variant, Arm: name, Task: t.id, Rollout: rollout, Group: t.group, Extra: t.extra,
				Question: t.text, Gold: t.gold, attempt: a,
			})
		}
	}
	return records
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
