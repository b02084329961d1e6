package pipeline

import (
	"cmp"
	"fmt"
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
	maxCluster     = 1000000
	maxLook        = 8
	maxRollouts    = 9
)

var (
	successesPattern = regexp.MustCompile(`^[0-9x]*$`)
	freshPattern     = regexp.MustCompile(`^[01]*$`)
)

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
	if look := p.comparison().Look; cmp.Or(record.Look, 1) != look {
		return nil, fmt.Sprintf("the evaluation record is of look %d, look %d was asked for: use worker and manager of one release", cmp.Or(record.Look, 1), look)
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
	if len(r.Fingerprint) > maxFingerprint || len(r.Protocol) > maxProtocol ||
		!storableDigest(r.ServedDigest) || !storableDigest(r.AnchorDigest) || r.Look < 0 || r.Look > maxLook {
		return false
	}
	return storableKinds(r.Kinds) && storableKinds(r.Prequential)
}

func storableKinds(kinds []v1alpha1.KindRecord) bool {
	if len(kinds) > maxKinds {
		return false
	}
	seen := map[v1alpha1.KindName]bool{}
	for _, k := range kinds {
		if seen[k.Name] || !slices.Contains(v1alpha1.KindNames, k.Name) || !storableKind(k) {
			return false
		}
		seen[k.Name] = true
	}
	return true
}

func storableDigest(digest string) bool { return digest == "" || contract.ValidDigest(digest) }

func storableKind(k v1alpha1.KindRecord) bool {
	if len(k.Groups) > maxTasks || len(k.GroupNames) > maxGroupNames || len(k.Arms) > maxArms ||
		len(k.Clusters) > maxTasks || len(k.Fresh) > maxTasks || !freshPattern.MatchString(k.Fresh) || !storableProtocol(k.Protocol) {
		return false
	}
	if slices.ContainsFunc(k.Clusters, func(number int32) bool { return number < 0 || number > maxCluster }) {
		return false
	}
	if slices.ContainsFunc(k.GroupNames, func(name string) bool { return len(name) > maxGroupName }) {
		return false
	}
	for i, a := range k.Arms {
		again := slices.ContainsFunc(k.Arms[:i], func(b v1alpha1.ArmRecord) bool { return a.Name == b.Name })
		if again || !slices.Contains(v1alpha1.ArmNames, a.Name) || !storableArm(a) {
			return false
		}
	}
	return true
}

func storableProtocol(protocol v1alpha1.Holdout) bool {
	return protocol == "" || protocol == v1alpha1.HoldoutFrontier || protocol == v1alpha1.HoldoutPrequential
}

func storableArm(a v1alpha1.ArmRecord) bool {
	if u := a.Usage; u != nil && (u.Episodes < 0 || u.Turns < 0 || u.FormatErrors < 0 || u.Tokens < 0) {
		return false
	}
	return len(a.Successes) <= maxTasks && successesPattern.MatchString(a.Successes) && a.Rollouts >= 0 && a.Rollouts <= maxRollouts
}
