package evaluate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
)

// record is what the gate decides from.
func (e *evaluation) record() v1alpha1.EvaluationRecord {
	spec := e.env.Spec
	record := v1alpha1.EvaluationRecord{
		Fingerprint:     e.fingerprint(),
		Protocol:        protocols[e.holdout()],
		CandidateDigest: spec.Inputs[spec.Keys.Output(v1alpha1.StageTrain)],
		Look:            spec.Look,
	}
	if spec.Served != nil {
		record.ServedDigest = spec.Served.ModelDigest
	}
	if spec.Anchor != nil {
		record.AnchorDigest = spec.Anchor.ModelDigest
	}
	for _, k := range e.kinds {
		switch k.variant {
		case "":
			record.Kinds = append(record.Kinds, k.record(e.armNames()))
		case prequential:
			record.Prequential = append(record.Prequential, k.record(e.armNames()))
		}
	}
	return record
}

// protocols say, within the bounds of the record, what each kind's tasks are of.
var protocols = map[v1alpha1.Holdout]string{
	v1alpha1.HoldoutTasks:       "Tasks: held-out functions; CodebaseQA: " + recall.ScoreLabel,
	v1alpha1.HoldoutFrontier:    "Frontier: later commits; ContextualImplementation: held-out functions; CodebaseQA: " + recall.ScoreLabel,
	v1alpha1.HoldoutPrequential: "Prequential: Tasks, held-out functions, and apart later commits; CodebaseQA: " + recall.ScoreLabel,
}

// armNames are the models, then the controls.
func (e *evaluation) armNames() []v1alpha1.ArmName {
	names := make([]v1alpha1.ArmName, 0, len(e.arms)+2)
	for _, a := range e.arms {
		names = append(names, a.name)
	}
	return append(names, v1alpha1.ArmGold, v1alpha1.ArmNoop)
}

// record is the compact record of the kind: its tasks that count.
func (k *asked) record(arms []v1alpha1.ArmName) v1alpha1.KindRecord {
	record := k.head()
	scored := k.scored()
	if len(record.GroupNames) > 0 {
		var groups strings.Builder
		for _, t := range k.tasks()[:scored] {
			groups.WriteByte('A' + byte(slices.Index(record.GroupNames, t.group)))
		}
		record.Groups = groups.String()
	}
	record.Clusters, record.Fresh = clustersOf(k.tasks()[:scored]), freshOf(k.tasks()[:scored])
	for _, name := range arms {
		if !k.asks(name) {
			continue
		}
		record.Arms = append(record.Arms, armRecord(name, k.attempts[name][:scored]))
	}
	return record
}

// clustersOf numbers the tasks' clusters; nil where each task has its own.
func clustersOf(tasks []item) []int32 {
	numbers := map[string]int32{}
	clusters := make([]int32, 0, len(tasks))
	for _, t := range tasks {
		if _, known := numbers[t.cluster]; !known {
			numbers[t.cluster] = int32(len(numbers))
		}
		clusters = append(clusters, numbers[t.cluster])
	}
	if len(numbers) == len(tasks) {
		return nil
	}
	return clusters
}

// freshOf has a digit a task; empty where none changed.
func freshOf(tasks []item) string {
	fresh := make([]byte, len(tasks))
	for i, t := range tasks {
		fresh[i] = '0'
		if t.fresh {
			fresh[i] = '1'
		}
	}
	if !bytes.ContainsRune(fresh, '1') {
		return ""
	}
	return string(fresh)
}

// armRecord counts the rollouts that solved each task, and what they took.
func armRecord(name v1alpha1.ArmName, attempts [][]attempt) v1alpha1.ArmRecord {
	record := v1alpha1.ArmRecord{Name: name}
	usage := v1alpha1.UsageRecord{}
	digits := make([]byte, len(attempts))
	for i, tries := range attempts {
		digits[i] = '0' + byte(solved(tries))
		if len(tries) > 1 {
			record.Rollouts = int32(len(tries))
		}
		for _, a := range tries {
			if a.Status != "" {
				usage.Episodes++
			}
			usage.Turns += int64(a.Steps)
			usage.FormatErrors += int64(a.FormatErrors)
			usage.Tokens += a.Tokens + a.PromptTokens
		}
	}
	record.Successes = string(digits)
	if usage.Episodes > 0 {
		record.Usage = &usage
	}
	return record
}

// counts are the stage's figures.
func (e *evaluation) counts() map[string]int64 {
	counts := map[string]int64{}
	for _, kind := range e.record().Kinds {
		for _, a := range kind.Arms {
			counts[string(kind.Name)+".tasks"] = int64(len(a.Successes))
			for _, digit := range []byte(a.Successes) {
				counts[string(kind.Name)+"."+string(a.Name)] += int64(digit - '0')
			}
		}
	}
	return counts
}

// fingerprint identifies what was asked and how: only results with the same one
// compare. 64 hexadecimal digits.
func (e *evaluation) fingerprint() string {
	r := e.env.Spec.Recipe
	parts := []any{"evaluation/2", r.Engine, r.EngineDevice, r.Images.Engine, r.Training.Precision, e.env.Spec.Commit}
	for _, k := range e.kinds {
		parts = append(parts, k.head(), k.variant, k.identity())
		for _, t := range k.tasks() {
			parts = append(parts, t.id, t.group, t.text, t.gold, t.made)
		}
	}
	// Strings and numbers always marshal.
	content, _ := json.Marshal(parts)
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func sha256Text(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
