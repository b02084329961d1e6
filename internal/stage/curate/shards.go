package curate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// Bounds of a shard and of a sample.
const (
	maxShardBytes = 2 << 30
	maxLine       = 1 << 20
	maxSamples    = 1_000_000
	maxMessages   = 520
	// maxCPUSeconds keeps the sum of all costs a number.
	maxCPUSeconds = 1e9
)

// readShards reads the samples of exactly the shards that the run recorded, in
// order of their index. A sample that breaks the format or the plan refuses its
// shard: our own worker wrote it, so nothing in it can be believed.
func readShards(env stage.Env, p *plan, card *Card) ([]task.Sample, error) {
	var samples []task.Sample
	for index := range max(1, env.Spec.Shards) {
		folder := stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), index)
		manifest, _, err := env.Store.Lookup(folder)
		if err != nil {
			return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of Experience is not sealed", index)
		}
		card.shard(manifest.Counts)
		place, err := env.Store.Path(folder)
		if err != nil {
			return nil, err
		}
		if samples, err = readShard(filepath.Join(place, experience.SamplesFile), p, samples); err != nil {
			return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of Experience is refused: %v", index, err)
		}
	}
	for _, sample := range samples {
		card.read(sample)
	}
	return samples, nil
}

func readShard(name string, p *plan, samples []task.Sample) (_ []task.Sample, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	limits := task.Limits{Bytes: maxShardBytes, LineBytes: maxLine, Lines: maxSamples}
	err = task.Decode(file, limits, func(number int, sample task.Sample) error {
		if err := p.check(sample); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if len(samples) == maxSamples {
			return fmt.Errorf("more than %d samples", maxSamples)
		}
		samples = append(samples, sample)
		return nil
	})
	return samples, err
}

// check refuses a sample that is not what the format and the plan say.
func (p *plan) check(sample task.Sample) error {
	meta := sample.Meta
	switch {
	case !wellFormed(sample.Messages):
		return errors.New("its messages are malformed")
	case !p.units[meta.Unit]:
		return fmt.Errorf("its unit %.40q is not in the recipe", meta.Unit)
	case meta.ContentHash != task.ContentHash(sample.Messages):
		return errors.New("its content hash is not that of its messages")
	case meta.Commit != p.commit:
		return fmt.Errorf("it is of commit %.40q", meta.Commit)
	case meta.CPUSeconds < 0 || meta.CPUSeconds > maxCPUSeconds:
		return fmt.Errorf("its cost of %g CPU seconds is out of bounds", meta.CPUSeconds)
	case meta.Unit == v1alpha1.UnitRepositoryRecall:
		return p.checkQuestion(sample)
	case meta.Provenance != task.ProvenanceScripted:
		return fmt.Errorf("its provenance is %.40q", meta.Provenance)
	}
	cluster, planned := p.clusters[meta.Unit][meta.TaskID]
	if !planned || cluster != meta.Cluster {
		return fmt.Errorf("task %.80q is not on the training side of the plan", meta.TaskID)
	}
	return nil
}

// checkQuestion demands the very question and answer that the plan computes.
func (p *plan) checkQuestion(sample task.Sample) error {
	question, planned := p.byID[sample.Meta.TaskID]
	switch {
	case !planned || sample.Meta.Cluster != question.Cluster || sample.Meta.Provenance != task.ProvenanceComputed:
		return fmt.Errorf("question %.80q is not in the plan", sample.Meta.TaskID)
	case task.ContentHash(question.Messages()) != sample.Meta.ContentHash:
		return fmt.Errorf("question %.80q has another text or answer than the plan computes", sample.Meta.TaskID)
	default:
		return nil
	}
}

// wellFormed says whether messages are a system turn, if any, and then user and
// assistant by turns, with text in each and something to learn.
func wellFormed(messages []task.Message) bool {
	if len(messages) > maxMessages {
		return false
	}
	if len(messages) > 0 && messages[0].Role == task.RoleSystem {
		if !readable(messages[0]) || messages[0].Loss != "" {
			return false
		}
		messages = messages[1:]
	}
	learned := 0
	for i, message := range messages {
		if !inTurn(i, message) {
			return false
		}
		if message.Role == task.RoleAssistant && message.Loss == "" {
			learned++
		}
	}
	return learned > 0 && len(messages)%2 == 0
}

// inTurn says whether a message may stand at a place: the user's at the even
// ones, and only an assistant's may be left out of the loss.
func inTurn(place int, message task.Message) bool {
	want := task.RoleUser
	if place%2 == 1 {
		want = task.RoleAssistant
	}
	unlearned := message.Role == task.RoleAssistant && message.Loss == task.LossNone
	return message.Role == want && readable(message) && (message.Loss == "" || unlearned)
}

func readable(message task.Message) bool {
	return strings.TrimSpace(message.Content) != "" && utf8.ValidString(message.Content) && !strings.Contains(message.Content, "\x00")
}
