package pipeline

import (
	"regexp"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

const (
	maxKinds       = 8
	maxArms        = 8
	maxGroupNames  = 26
	maxTasks       = 10000
	maxFingerprint = 64
	maxProtocol    = 128
	maxGroupName   = 63
)

var successesPattern = regexp.MustCompile(`^[01x]*$`)

// readRecord reads the evaluation record and says what is wrong with it. One
// that is not the result's own, about another model, or beyond what the API
// takes, is as good as lost.
func (p *planner) readRecord(result contract.StageResult) (*v1alpha1.EvaluationRecord, string) {
	record, err := contract.ParseRecord(p.in.Record.Line, result.RecordDigest)
	if err != nil {
		return nil, "the evaluation record in the worker's log is lost, or not the one that the result names"
	}
	if model := Stage(p.status, v1alpha1.StageTrain); record.CandidateDigest != model.ManifestDigest {
		return nil, "the evaluation record is about another model than this run's"
	}
	if !storable(record) {
		return nil, "the evaluation record breaks the bounds of the API"
	}
	record.RecordDigest = result.RecordDigest
	return &record, ""
}

// storable says whether the API server will take a record. One that it refuses
// would be refused for ever, and the run with it.
func storable(r v1alpha1.EvaluationRecord) bool {
	if len(r.Fingerprint) > maxFingerprint || len(r.Protocol) > maxProtocol || len(r.Kinds) > maxKinds ||
		(r.ServedDigest != "" && !contract.ValidDigest(r.ServedDigest)) {
		return false
	}
	seen := map[v1alpha1.KindName]bool{}
	for _, k := range r.Kinds {
		known := k.Name == v1alpha1.KindCodebaseQA || k.Name == v1alpha1.KindContextualImplementation
		if seen[k.Name] || !known || !storableKind(k) {
			return false
		}
		seen[k.Name] = true
	}
	return true
}

func storableKind(k v1alpha1.KindRecord) bool {
	if len(k.Groups) > maxTasks || len(k.GroupNames) > maxGroupNames || len(k.Arms) > maxArms {
		return false
	}
	if slices.ContainsFunc(k.GroupNames, func(name string) bool { return len(name) > maxGroupName }) {
		return false
	}
	arms := []v1alpha1.ArmName{v1alpha1.ArmBase, v1alpha1.ArmCandidate, v1alpha1.ArmServed, v1alpha1.ArmGold, v1alpha1.ArmNoop}
	for i, a := range k.Arms {
		again := slices.ContainsFunc(k.Arms[:i], func(b v1alpha1.ArmRecord) bool { return a.Name == b.Name })
		if again || !slices.Contains(arms, a.Name) || len(a.Successes) > maxTasks || !successesPattern.MatchString(a.Successes) {
			return false
		}
	}
	return true
}
