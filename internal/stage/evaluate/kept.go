package evaluate

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// kept are results of an earlier evaluation.
type kept struct {
	fingerprint string
	attempts    map[tried][]attempt
}

// tried is what an arm was asked.
type tried struct {
	kind    v1alpha1.KindName
	variant string
	arm     v1alpha1.ArmName
	task    string
}

// readLook reads the results of the look before, which are kept and added to; nil
// at the first look.
func (e *evaluation) readLook() error {
	folder := e.env.Spec.PreviousLook
	if folder == "" {
		return nil
	}
	if _, err := e.env.Store.VerifyContent(folder, e.env.Spec.Inputs[folder]); err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "the previous look %s is not what was sealed", folder)
	}
	place, err := e.env.Store.Path(folder)
	if err != nil {
		return err
	}
	line, err := os.ReadFile(filepath.Join(place, recordFile))
	if err != nil {
		return fmt.Errorf("read the previous look: %w", err)
	}
	record, err := contract.ParseRecord(string(line), sha256Text(string(line)))
	if err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "the record of the previous look %s cannot be read", folder)
	}
	records, err := task.ReadFile[taskRecord](filepath.Join(place, RecordsFile))
	if err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err, "the results of the previous look %s cannot be read", folder)
	}
	e.previous = &kept{fingerprint: record.Fingerprint, attempts: map[tried][]attempt{}}
	for _, r := range records {
		key := tried{r.Kind, r.Variant, r.Arm, r.Task}
		e.previous.attempts[key] = append(e.previous.attempts[key], r.attempt)
	}
	return nil
}

// checkLook demands that the tasks are those of the look before: results of other
// ones do not add up.
func (e *evaluation) checkLook() error {
	if e.previous == nil || e.previous.fingerprint == e.fingerprint() {
		return nil
	}
	return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
		"the tasks of the previous look %s are no longer the same, so its results cannot be added to: tests that do not give the same result twice cannot grade; repair or exclude them",
		e.env.Spec.PreviousLook)
}

// again returns the grades by which a task was admitted at the look before. asked
// is false for a candidate that was none of its tasks: later looks choose no
// others.
func (e *evaluation) again(kind v1alpha1.KindName, variant, id string) (gold, noop attempt, asked bool) {
	golden := e.previous.attempts[tried{kind, variant, v1alpha1.ArmGold, id}]
	empty := e.previous.attempts[tried{kind, variant, v1alpha1.ArmNoop, id}]
	if len(golden) == 0 || len(empty) == 0 {
		return attempt{}, attempt{}, false
	}
	return golden[0], empty[0], true
}
