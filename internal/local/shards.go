package local

import (
	"context"
	"errors"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
)

// attempt runs the shards of a stage. It returns what Experience counts as the
// cost of the tasks that ended in this session.
func (s *Session) attempt(ctx context.Context, name v1alpha1.StageName) (result contract.StageResult, tasks time.Duration, err error) {
	spec := pipeline.SpecFor(&s.run, pipeline.AttemptID{Stage: name, Number: 1}, pipeline.Models{})
	// There is no set-up: the environment is what is installed on the machine.
	spec.Keys.Environment = ""
	if name != v1alpha1.StageExperience {
		result, err = s.runner(ctx, spec, 0, &tracker{display: s.display, name: string(name), now: time.Now, shards: 1})
		return result, 0, err
	}
	err = s.taught(ctx, &spec, func() error {
		result, tasks, err = s.shards(ctx, spec)
		return err
	})
	return result, tasks, err
}

// shards runs the shards of Experience one after another.
func (s *Session) shards(ctx context.Context, spec contract.StageSpec) (result contract.StageResult, tasks time.Duration, err error) {
	shards := &tracker{display: s.display, name: string(spec.Stage), now: time.Now, shards: spec.Shards}
	digests := make([]string, spec.Shards)
	result.Reused = true
	for i := range spec.Shards {
		done, before, err := experience.Journalled(s.store, spec, i)
		if err != nil {
			return result, 0, err
		}
		if done > 0 {
			s.display.Event("%s: shard %d of %d goes on after %d tasks", spec.Stage, i+1, spec.Shards, done)
		}
		shard, err := s.runner(ctx, spec, i, shards)
		if err != nil {
			return result, 0, errors.Join(err, s.keeps(spec, i))
		}
		digests[i] = shard.ManifestDigest
		if !shard.Reused {
			result.Reused = false
			tasks += s.cost(spec, i) - before
		}
	}
	result.ManifestDigest = contract.ShardsDigest(digests)
	return result, tasks, nil
}

// keeps says how many tasks of a shard that did not end are not run again.
func (s *Session) keeps(spec contract.StageSpec, index int32) error {
	done, _, err := experience.Journalled(s.store, spec, index)
	if done > 0 {
		s.display.Event("%s: shard %d of %d keeps %d tasks: the same command goes on after them", spec.Stage, index+1, spec.Shards, done)
	}
	return err
}

// cost is what the tasks of a sealed shard cost in the sandbox.
func (s *Session) cost(spec contract.StageSpec, index int32) time.Duration {
	manifest, _, err := s.store.Lookup(stage.ShardFolder(spec.Keys.Output(v1alpha1.StageExperience), index))
	if err != nil {
		return 0 // the stage has sealed it a moment ago
	}
	var total time.Duration
	for name, count := range manifest.Counts {
		if _, ok := unitOf(name, countCPU); ok {
			total += time.Duration(count) * time.Millisecond
		}
	}
	return total
}
