package evaluate

import (
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/export"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/task"
)

// exported are the tasks that outsiders can grade with a tree and its tests.
func (e *evaluation) exported() (export.Tasks, error) {
	spec := e.env.Spec
	profile := e.profile()
	tasks := export.Tasks{
		Version: export.Version, Repository: spec.Recipe.Repository.URL, Commit: spec.Commit, Environment: spec.Recipe.Environment,
		TestSeconds:  int64(spec.Recipe.Experience.TestTimeout.Seconds()),
		AgentSeconds: int64(profile.CommandTimeout.Seconds()) * int64(profile.MaxSteps),
		Tasks:        []export.Task{},
	}
	for _, k := range e.kinds {
		played, isPlayed := k.kind.(*episodes)
		if !isPlayed {
			continue
		}
		for _, j := range played.jobs {
			if j.task == nil {
				continue
			}
			edits, err := j.grader.AgentEdits(*j.task)
			if err != nil {
				return tasks, fmt.Errorf("the tree of task %s: %w", j.id, err)
			}
			tasks.Tasks = append(tasks.Tasks, export.Task{
				Kind: played.label, ID: j.id, Commit: j.commit, Instruction: j.text, Edits: edits, Gold: j.task.Gold(),
				FailToPass: j.task.FailToPass, PassToPass: j.task.PassToPass,
			})
		}
	}
	return tasks, nil
}

// Answers reads what models submitted in a sealed evaluation, where that is a patch,
// and what the models are called.
func Answers(folder string, r report.Report) ([]export.Answer, map[v1alpha1.ArmName]string, error) {
	records, err := task.ReadFile[taskRecord](filepath.Join(folder, RecordsFile))
	if err != nil {
		return nil, nil, err
	}
	var answers []export.Answer
	for _, record := range records {
		if record.Grade != nil {
			answers = append(answers, export.Answer{
				Kind: record.Kind, Task: record.Task, Arm: record.Arm, Rollout: record.Rollout, Patch: record.Answer,
			})
		}
	}
	return answers, map[v1alpha1.ArmName]string{
		v1alpha1.ArmBase:      r.Run.BaseModel,
		v1alpha1.ArmCandidate: "candidate@" + r.Record.CandidateDigest,
		v1alpha1.ArmServed:    "served@" + r.Record.ServedDigest,
		v1alpha1.ArmAnchor:    "anchor@" + r.Record.AnchorDigest,
		v1alpha1.ArmGold:      "gold",
	}, nil
}
