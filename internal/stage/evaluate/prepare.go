package evaluate

import (
	"context"
	"errors"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage"
)

// evaluation is one run of the stage.
type evaluation struct {
	env     stage.Env
	servers Servers
	server  engine.Engine
	port    int
	arms    []arm
	kinds   []*asked
	adapter func(v1alpha1.TestFramework) (language.Adapter, error)
	// previous are the results of the look before; nil at the first.
	previous *kept
	// reused are results of earlier evaluations, by arm.
	reused map[v1alpha1.ArmName]*reused
	// tools are nil until a kind asks for them.
	tools *tools
	// trained is the commit that the candidate's run learned.
	trained string
	// prequential says what the served model was asked of later commits; nil with
	// other protocols.
	prequential *report.Prequential
	// seen is what the trained models were trained on.
	seen map[v1alpha1.ArmName]recipe.Seen
	// training is how the candidate was made, nil where its manifest does not say.
	training *report.Training
	progress meter
}

// prepare chooses models and tasks.
func (s Stage) prepare(ctx context.Context, env stage.Env) (*evaluation, error) {
	e := &evaluation{
		env: env, servers: s.Servers, port: s.Port, adapter: s.Adapter,
		seen: map[v1alpha1.ArmName]recipe.Seen{}, progress: meter{report: env.Progress},
	}
	var err error
	if e.trained, err = env.Trained(); err != nil {
		return nil, err
	}
	if e.server, err = engine.For(env.Spec.Recipe.Engine); err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%v", err)
	}
	if err := e.findModels(); err != nil {
		return nil, err
	}
	if err := e.readLook(); err != nil {
		return nil, err
	}
	err = e.chooseKinds(ctx)
	if e.tools != nil {
		// Nothing is read of the past any more.
		err = errors.Join(err, e.tools.past.close())
	}
	return e, err
}

// close ends what tasks on trees of commits are read from.
func (e *evaluation) close() error {
	if e.tools == nil {
		return nil
	}
	return e.tools.commits.close()
}

// profile bounds an agent's episode.
func (e *evaluation) profile() agent.Profile {
	recipe := e.env.Spec.Recipe
	return agent.NewProfile(recipe.Evaluation.Agent, recipe.Experience.CommandTimeout.Duration)
}

// meter turns answers into progress lines.
type meter struct {
	report func(contract.Progress)
	begun  time.Time
	done   int64
	total  int64
}

func (m *meter) add(message string) {
	m.done++
	if m.begun.IsZero() {
		m.begun = time.Now()
	}
	left := max(0, m.total-m.done)
	m.report(contract.Progress{
		Step: min(m.done, m.total), Total: m.total, Message: message,
		ETASeconds: int64((time.Since(m.begun) / time.Duration(m.done) * time.Duration(left)).Seconds()),
	})
}
