package evaluate

import (
	"context"
	"errors"
	"fmt"
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
	for _, k := range e.kinds {
		if err := k.control(); err != nil {
			return err
		}
		for _, a := range e.arms {
			e.restore(k, a)
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
		for _, k := range e.kinds {
			if err := e.askKind(ctx, k, arms); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore makes room for an arm's tries and fills in those of the look before.
func (e *evaluation) restore(k *asked, a arm) {
	k.attempts[a.name] = make([][]attempt, len(k.tasks()))
	for i, t := range k.tasks() {
		k.attempts[a.name][i] = make([]attempt, k.rollouts)
		if e.previous != nil {
			k.have[tried{k.head().Name, a.name, t.id}] = copy(k.attempts[a.name][i], e.previous.attempts[tried{k.head().Name, a.name, t.id}])
		}
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
	tasks, name := k.tasks(), k.head().Name
	list := steps(e.fingerprint()+string(name), arms, len(tasks), k.rollouts, func(a arm, task int) int {
		return k.have[tried{name, a.name, tasks[task].id}]
	})
	e.env.Log.Info("asking", "kind", name, "arms", len(arms), "tries", len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(k.atOnce())
	var progress sync.Mutex
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
			k.attempts[s.arm.name][s.task][s.rollout] = result
			progress.Lock()
			defer progress.Unlock()
			e.progress.add(string(name) + " " + string(s.arm.name))
			return nil
		})
	}
	return group.Wait()
}
