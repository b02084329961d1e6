package curate

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// rejectionCode is what a code of Experience looks like; others are counted as
// one. maxRejectionCodes bounds how many of them a unit's card lists.
var rejectionCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

const (
	maxRejectionCodes = 64
	otherRejection    = "other"
)

// readShards reads the samples and the rejections of exactly the shards that the
// run recorded, in order of their index. The card counts every line.
func readShards(env stage.Env, p *plan, card *Card) ([]task.Sample, error) {
	var samples []task.Sample
	for index := range max(1, env.Spec.Shards) {
		folder := stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), index)
		manifest, _, err := env.Store.Lookup(folder)
		if err != nil {
			return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of Experience is not sealed", index)
		}
		place, err := env.Store.Path(folder)
		if err != nil {
			return nil, err
		}
		if samples, err = readShard(place, p, samples, card); err != nil {
			return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of Experience cannot be read: %v", index, err)
		}
		card.shard(manifest.Counts)
	}
	card.closeFunnel()
	card.Bugs = p.verified.card(p.mutations)
	return samples, nil
}

func readShard(place string, p *plan, samples []task.Sample, card *Card) ([]task.Sample, error) {
	err := readFile(filepath.Join(place, experience.SamplesFile), func(sample task.Sample, code string) {
		if code == "" {
			code = p.check(sample)
		}
		card.read(sample.Meta.Unit, code)
		if code == "" {
			p.verified.add(sample.Meta.TaskID, sample.Meta.Bug)
			samples = append(samples, sample)
		}
	})
	if err != nil {
		return nil, err
	}
	err = readFile(filepath.Join(place, experience.RejectionsFile), func(rejection task.Rejection, code string) {
		if code != "" || !rejectionCode.MatchString(rejection.Code) {
			rejection.Code = otherRejection
		}
		card.rejected(rejection.Unit, rejection.Code)
		if p.bugs[rejection.TaskID] {
			p.verified.add(rejection.TaskID, rejection.Bug)
		}
	})
	return samples, err
}

func readFile[T any](name string, visit func(value T, code string)) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readRecords(file, visit)
}
