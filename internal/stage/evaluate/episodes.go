package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	// agentFolder is where an agent works, below its box's root.
	agentFolder = sandbox.TreeFolder
	// leftFolder never holds anything: to remove it ends what an agent left running.
	leftFolder = agentFolder + ".left"
)

// episodes is a kind whose tasks an agent works on, each in a tree of its own.
type episodes struct {
	evaluation *evaluation
	label      v1alpha1.KindName
	// variant as in asked; protocol as in the record.
	variant  string
	protocol v1alpha1.Holdout
	// measures says what the score means.
	measures string
	jobs     []job
	// refusals are candidates that are no task, by reason.
	refusals map[string]int
}

// job is one task with all that it takes to work on it and to grade it.
type job struct {
	item
	// tree streams what the agent finds.
	tree func(ctx context.Context) (io.ReadCloser, error)
	// grade grades a submission, where no command of the agent ever ran.
	grade func(ctx context.Context, submission string) (attempt, error)
	// gold and noop are how the known answer and the empty one were graded.
	gold, noop attempt
	// right are the files that the known answer changes.
	right []string
	// task is what tests grade on one tree; nil where something else does. grader is
	// the tree's, commit the tree's own one, empty for the snapshot.
	task   *grading.Task
	grader *grading.Grader
	commit string
}

// head implements kind.
func (k *episodes) head() v1alpha1.KindRecord {
	return v1alpha1.KindRecord{Name: k.label, Protocol: k.protocol}
}

// tasks implements kind.
func (k *episodes) tasks() []item {
	items := make([]item, len(k.jobs))
	for i, j := range k.jobs {
		items[i] = j.item
	}
	return items
}

// identity implements kind.
func (k *episodes) identity() []any {
	return []any{k.evaluation.profile(), agent.SystemPrompt, k.evaluation.env.Spec.Recipe.Evaluation.Agent.Sampling, engine.SamplingVersion}
}

// sampled implements kind.
func (k *episodes) sampled() bool {
	return k.evaluation.env.Spec.Recipe.Evaluation.Agent.Sampling != v1alpha1.SamplingGreedy
}

// atOnce implements kind: there is one box for agents.
func (k *episodes) atOnce() int { return 1 }

// known and nothing implement kind.
func (k *episodes) known(task int) attempt   { return k.jobs[task].gold }
func (k *episodes) nothing(task int) attempt { return k.jobs[task].noop }

// refused implements kind.
func (k *episodes) refused() map[string]int { return k.refusals }

// admit admits a job, as at the look before where there was one: a reason says why
// it is no task.
func (k *episodes) admit(ctx context.Context, j *job, gold string) (reason string, err error) {
	if k.evaluation.previous == nil {
		return j.admit(ctx, gold)
	}
	j.gold, j.noop, _ = k.evaluation.again(k.label, k.variant, j.id)
	return "", nil
}

// candidate says whether something of the plan may be a task: of later looks, what
// was one at the first.
func (k *episodes) candidate(id string) bool {
	if k.evaluation.previous == nil {
		return true
	}
	_, _, asked := k.evaluation.again(k.label, k.variant, id)
	return asked
}

// add takes a job that is a task; a reason says that it is none.
func (k *episodes) add(j job, reason string) {
	if reason != "" {
		k.refusals[reason]++
		return
	}
	k.jobs = append(k.jobs, j)
}

// why lists the refusals in a fixed order.
func (k *episodes) why() string {
	if len(k.refusals) == 0 {
		return "no candidate of the plan is refused"
	}
	parts := make([]string, 0, len(k.refusals))
	for _, reason := range slices.Sorted(maps.Keys(k.refusals)) {
		parts = append(parts, fmt.Sprintf("%d %s", k.refusals[reason], reason))
	}
	return "candidates of the plan that are no task: " + strings.Join(parts, "; ")
}

// try implements kind: an episode in the agent's box, graded in the other one.
// Only what was submitted counts, and nothing is an answer too.
func (k *episodes) try(ctx context.Context, who arm, task int) (result attempt, err error) {
	j, env := k.jobs[task], k.evaluation.env
	content, err := j.tree(ctx)
	if err != nil {
		return attempt{}, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	tree, err := agent.PrepareTree(ctx, env.Agent, agentFolder, content)
	if err != nil {
		return attempt{}, err
	}
	profile := k.evaluation.profile()
	started := time.Now()
	transcript, err := agent.Run(ctx, agent.Episode{
		Profile: profile, Task: j.text, Box: env.Agent, Tree: tree,
		Model: k.evaluation.chat(who, env.Spec.Recipe.Evaluation.Agent.Sampling, int32(profile.MaxTokensPerTurn)),
	})
	if err != nil {
		return attempt{}, err
	}
	elapsed := time.Since(started)
	// What still runs ends before the grading; the tree stays, for the next one to be
	// made of it.
	if err := env.Agent.Remove(ctx, leftFolder); err != nil {
		return attempt{}, fmt.Errorf("clear the agent's box: %w", err)
	}
	result, err = j.grade(ctx, transcript.Submission)
	return result.played(transcript, elapsed, j.right), err
}

// describe implements kind.
func (k *episodes) describe(r *report.Kind) {
	profile := k.evaluation.profile()
	r.Measures = k.measures
	r.Sampling = report.Sampling{
		Name: k.evaluation.env.Spec.Recipe.Evaluation.Agent.Sampling, Version: engine.SamplingVersion,
		MaxTokens: profile.MaxTokensPerTurn, Agent: profile.Name, MaxTurns: profile.MaxSteps,
	}
}

// offer is a held-out piece of code that may become a task.
type offer struct {
	id string
	// cluster is the task's own.
	cluster string
	// held says that no trained model that is asked saw it, or what gives it away.
	held bool
	// build makes the task, or says why there is none.
	build func(*episodes, *tools) (job, string, error)
}

// chooseEpisodes takes the offers that are tasks, as many as are wanted.
func (e *evaluation) chooseEpisodes(ctx context.Context, wanted v1alpha1.EvaluationKind, k *episodes, offers []offer) (kind, error) {
	t, err := e.toolsOf(ctx)
	if err != nil {
		return nil, err
	}
	k.evaluation, k.label, k.refusals = e, wanted.Name, map[string]int{}
	if err := k.take(t, int(wanted.Tasks), offers); err != nil {
		return nil, err
	}
	return k, enough(wanted, len(k.jobs), k.why())
}

// tell says how far the choice is: one task takes many runs of tests.
func (k *episodes) tell(limit int) {
	refused := 0
	for _, n := range k.refusals {
		refused += n
	}
	k.evaluation.progress.report(contract.Progress{
		Step: int64(len(k.jobs)), Total: int64(limit), Message: fmt.Sprintf("%s: admitting tasks, %d refused", k.head().Name, refused),
	})
}

// take takes the offers, in their order, that are tasks, at most limit.
func (k *episodes) take(t *tools, limit int, offers []offer) (err error) {
	for _, o := range offers {
		if len(k.jobs) == limit {
			return nil
		}
		if !k.candidate(o.id) {
			continue
		}
		j, reason := job{}, refusedSeen
		if o.held {
			k.tell(min(limit, len(offers)))
			if j, reason, err = o.build(k, t); err != nil {
				return fmt.Errorf("admit task %s: %w", o.id, err)
			}
		}
		j.cluster = o.cluster
		k.add(j, reason)
	}
	return nil
}
