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

// Bounds of what a shard may hold.
const (
	maxLineBytes = 1 << 20
	maxMessages  = 600
)

// readShards reads exactly the shards that the run recorded. One sample that
// breaks the schema refuses the shard: our own worker wrote it, so nothing in it
// can be believed.
func readShards(env stage.Env, p *plan) ([]task.Sample, *funnel, error) {
	var samples []task.Sample
	f := newFunnel()
	limits := task.DefaultLimits()
	limits.LineBytes = maxLineBytes
	for index := range env.Spec.Shards {
		folder := stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), index)
		manifest, _, err := env.Store.Lookup(folder)
		if err != nil {
			return nil, nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of the experience is not sealed", index)
		}
		f.add(manifest.Counts)
		path, err := env.Store.Path(folder)
		if err != nil {
			return nil, nil, err
		}
		read, err := readShard(filepath.Join(path, experience.SamplesFile), limits, p)
		if err != nil {
			return nil, nil, stage.Fail(v1alpha1.FailureIntegrity, err, "shard %d of the experience is refused: %v", index, err)
		}
		samples = append(samples, read...)
	}
	f.read = len(samples)
	return samples, f, nil
}

func readShard(name string, limits task.Limits, p *plan) (samples []task.Sample, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	err = task.Decode(file, limits, func(number int, sample task.Sample) error {
		if err := p.check(sample); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		samples = append(samples, sample)
		return nil
	})
	return samples, err
}

// check refuses a sample that is malformed, or that the plan does not let train.
func (p *plan) check(sample task.Sample) error {
	if err := checkMessages(sample.Messages); err != nil {
		return err
	}
	meta := sample.Meta
	switch {
	case meta.ContentHash != task.ContentHash(sample.Messages):
		return errors.New("the content hash is not that of the messages")
	case meta.Provenance != task.ProvenanceComputed && meta.Provenance != task.ProvenanceScripted && !strings.HasPrefix(meta.Provenance, "teacher:"):
		return fmt.Errorf("unknown provenance %.40q", meta.Provenance)
	}
	switch meta.Unit {
	case v1alpha1.UnitRepositoryRecall:
		if !p.factIDs[factOf(meta.TaskID)] {
			return fmt.Errorf("question %.80q is about no fact of the plan", meta.TaskID)
		}
	case v1alpha1.UnitContextualImplementation, v1alpha1.UnitSoftwareDesign:
		cluster, ok := p.clusters[meta.TaskID]
		if !ok || cluster != meta.Cluster {
			return fmt.Errorf("task %.80q is not on the training side of the plan", meta.TaskID)
		}
	default:
		return fmt.Errorf("unknown unit %.40q", meta.Unit)
	}
	return nil
}

// factOf is the id of the fact that a question's id starts with.
func factOf(question string) string {
	id, _, _ := strings.Cut(question, "-")
	return id
}

// checkMessages wants an optional system message, then user and assistant in
// turn, the assistant last.
func checkMessages(messages []task.Message) error {
	if len(messages) < 2 || len(messages) > maxMessages {
		return fmt.Errorf("%d messages", len(messages))
	}
	turns := messages
	if turns[0].Role == task.RoleSystem {
		turns = turns[1:]
	}
	if len(turns) == 0 || len(turns)%2 != 0 {
		return errors.New("the turns do not end with the assistant")
	}
	learned := false
	for i, message := range turns {
		want := task.RoleUser
		if i%2 == 1 {
			want = task.RoleAssistant
		}
		switch {
		case message.Role != want:
			return fmt.Errorf("turn %d is %.20q, want %q", i, message.Role, want)
		case message.Content == "" || !utf8.ValidString(message.Content):
			return fmt.Errorf("turn %d is empty or no UTF-8", i)
		case message.Loss != "" && (message.Loss != task.LossNone || want != task.RoleAssistant):
			return fmt.Errorf("turn %d has loss %.20q", i, message.Loss)
		}
		learned = learned || want == task.RoleAssistant && message.Loss == ""
	}
	if !learned {
		return errors.New("no turn is learned")
	}
	return nil
}
