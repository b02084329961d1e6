package evaluate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/process"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

// maxCause bounds the model server's own words in a message, in bytes.
const maxCause = 300

// ask checks the controls and then asks the arms, in the sets that one server
// holds.
func (e *evaluation) ask(ctx context.Context) error {
	e.readResults()
	for _, k := range e.kinds {
		k.attempts, k.have = map[v1alpha1.ArmName][][]attempt{}, map[tried]int{}
		if err := k.control(); err != nil {
			return err
		}
		for _, a := range e.arms {
			if k.asks(a.name) {
				e.restore(k, a)
			}
		}
	}
	models := make([]engine.Model, 0, len(e.arms))
	byName := map[string]arm{}
	for _, a := range e.arms {
		models = append(models, a.model)
		byName[a.model.Name] = a
	}
	for _, set := range e.server.Together(models) {
		if err := e.load(ctx, set); err != nil {
			return err
		}
		var arms []arm
		for _, model := range set {
			arms = append(arms, byName[model.Name])
		}
		if err := e.askSet(ctx, arms); err != nil {
			return err
		}
	}
	return nil
}

// askSet asks arms that one server holds. What is reused of an arm that answers
// otherwise now is asked anew, all of it.
func (e *evaluation) askSet(ctx context.Context, arms []arm) error {
	for _, k := range e.kinds {
		if err := e.askKind(ctx, k, arms); err != nil {
			return err
		}
	}
	var drifted []arm
	for _, a := range arms {
		if found := e.reused[a.name]; found != nil && found.drifted {
			e.env.Log.Warn("kept results no longer hold", "arm", a.name)
			drifted = append(drifted, a)
		}
	}
	if len(drifted) == 0 {
		return nil
	}
	for _, k := range e.kinds {
		for _, a := range drifted {
			for _, t := range k.tasks() {
				e.progress.total += int64(k.have[k.tried(a.name, t.id)])
				k.have[k.tried(a.name, t.id)] = 0
			}
		}
		if err := e.askKind(ctx, k, drifted); err != nil {
			return err
		}
	}
	return nil
}

// restore makes room for an arm's tries and fills in those that are kept: of the
// look before, or of an earlier evaluation of the same tasks.
func (e *evaluation) restore(k *asked, a arm) {
	k.attempts[a.name] = make([][]attempt, len(k.tasks()))
	for i, t := range k.tasks() {
		k.attempts[a.name][i] = make([]attempt, k.rollouts)
		key := k.tried(a.name, t.id)
		if e.previous != nil {
			k.have[key] = copy(k.attempts[a.name][i], e.previous.attempts[key])
		} else if found := e.reused[a.name]; found != nil {
			k.have[key] = copy(k.attempts[a.name][i], found.attempts[key])
		}
		e.progress.total += int64(k.rollouts - k.have[key])
	}
}

// control takes the grades of the known answers and of none for arms of their
// own. It fails if they are not all right and all wrong.
func (k *asked) control() error {
	name := k.head().Name
	for i, t := range k.tasks() {
		gold, noop := k.known(i), k.nothing(i)
		switch {
		case !gold.Correct:
			return stage.Fail(v1alpha1.FailureRepositoryCode, nil, "%s: the known answer of task %s was not graded as right%s", name, t.id, gold.reason())
		case noop.Correct:
			return stage.Fail(v1alpha1.FailureRepositoryCode, nil, "%s: no answer to task %s was graded as right%s", name, t.id, noop.reason())
		}
		k.attempts[v1alpha1.ArmGold] = append(k.attempts[v1alpha1.ArmGold], []attempt{gold})
		k.attempts[v1alpha1.ArmNoop] = append(k.attempts[v1alpha1.ArmNoop], []attempt{noop})
	}
	return nil
}

// reason is how the tests graded an attempt, in brackets; empty where they did not.
func (a attempt) reason() string {
	if a.Grade == nil {
		return ""
	}
	return fmt.Sprintf(" (%s); tests that do not give the same result twice cannot grade: repair or exclude them", a.Grade.Reason)
}

func (e *evaluation) load(ctx context.Context, set []engine.Model) error {
	recipeOf := e.env.Spec.Recipe
	err := e.servers.Load(ctx, set, engine.Settings{
		Engine: recipeOf.Engine, Device: recipeOf.EngineDevice,
		ContextTokens: int32(e.profile().ContextTokens), Port: e.port,
	})
	var failed *engine.StartError
	if !errors.As(err, &failed) {
		return err
	}
	class := recipe.Classify(1, failed.Tail).Class
	return stage.Fail(class, err, "%s: %s", failed.Reason, process.LastLine(failed.Tail, maxCause))
}

// chat is a conversation with an arm's model.
func (e *evaluation) chat(who arm, sampling v1alpha1.Sampling, maxTokens int32) *engine.Chat {
	return engine.NewChat(engine.Address(e.port), who.model.Name, e.server.Fields(sampling, maxTokens))
}

// askKind lets arms that one server holds take turns at what is left to try.
func (e *evaluation) askKind(ctx context.Context, k *asked, arms []arm) error {
	arms = slices.DeleteFunc(slices.Clone(arms), func(a arm) bool { return !k.asks(a.name) })
	tasks, sentinel := k.tasks(), e.sentinel(k)
	list := steps(e.fingerprint()+k.title(), arms, len(tasks), k.rollouts,
		func(a arm, task int) int { return k.have[k.tried(a.name, tasks[task].id)] },
		func(a arm, task int) bool {
			return e.reused[a.name] != nil && !e.reused[a.name].drifted && sentinel[task]
		})
	e.env.Log.Info("asking", "kind", k.title(), "arms", len(arms), "tries", len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.atOnce())
	var progress sync.Mutex
	again := map[v1alpha1.ArmName][]compared{}
	for _, s := range list {
		group.Go(func() error {
			result, err := k.try(ctx, s.arm, s.task)
			if err != nil {
				return fmt.Errorf("arm %s, task %s: %w", s.arm.name, tasks[s.task].id, err)
			}
			if s.rollout > 0 {
				// The first conversation of a task tells enough; all would fill the volume.
				result.Messages = nil
			}
			progress.Lock()
			defer progress.Unlock()
			if s.again {
				again[s.arm.name] = append(again[s.arm.name], compared{s.task, result})
				return nil
			}
			k.attempts[s.arm.name][s.task][s.rollout] = result
			e.progress.add(k.title() + " " + string(s.arm.name))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for name, results := range again {
		e.reused[name].compare(k, name, results)
	}
	return nil
}

// compared is what a model makes now of a task that it was asked before.
type compared struct {
	task int
	now  attempt
}

// compare holds what a model answers now against what is kept of it.
func (r *reused) compare(k *asked, name v1alpha1.ArmName, results []compared) {
	var kept, now []attempt
	for _, result := range results {
		tries := k.attempts[name][result.task]
		if !k.sampled() {
			tries = tries[:1]
		}
		kept, now = append(kept, tries[:min(len(tries), k.have[k.tried(name, k.tasks()[result.task].id)])]...), append(now, result.now)
	}
	r.askedAgain += len(results)
	r.drifted = r.drifted || drifts(k.sampled(), kept, now)
}
