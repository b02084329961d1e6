//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine/enginetest"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/test/e2e/scripted"
)

const (
	scriptedNamespace = "scripted"
	scriptedExpert    = "boltons"
	// candidateLimit is how long one candidate may take, training and all looks.
	candidateLimit = 25 * time.Minute
)

// What the gate does with candidates that are better or worse by a given measure.
//
// The engine is scripted: its answers are right as often as package scripted says,
// in Evaluate and behind the endpoint. That alone is replaced. Weights are trained
// from the repository, shortly, and all that is asked, graded, decided and served is
// real.
func TestScriptedCandidates(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, scriptedNamespace, 5)
	image, err := shared.cluster.ScriptedEngine(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := &scriptedStory{image: image}
	for _, story := range []struct {
		name string
		tell func(context.Context, *testing.T)
	}{
		{"a good one is promoted", func(ctx context.Context, t *testing.T) {
			s.apply(ctx, t, s.class(t, scripted.Good))
			applyExpert(ctx, t, tenancy, scriptedExpert, s.className, local.DemoRepository)
			run := s.promoted(ctx, t)
			s.findQuestion(t)
			s.checkServed(ctx, t, run.Name)
		}},
		{"ten points less are rejected", func(ctx context.Context, t *testing.T) {
			s.request(ctx, t, s.class(t, scripted.TenPointsLess))
			s.rejected(ctx, t, "CodebaseQA ", " vs served ", "is not above the margin -15")
		}},
		{"one kind broken is rejected", func(ctx context.Context, t *testing.T) {
			s.request(ctx, t, s.class(t, scripted.OneKindBroken))
			s.rejected(ctx, t, "ContextualImplementation 0.0 % vs served 100.0 %", "loses 100.0 points")
		}},
		{"an undecided one is looked at again and promoted", func(ctx context.Context, t *testing.T) {
			class := s.class(t, scripted.LuckyElsewhere)
			scripted.WithLooks(class)
			s.request(ctx, t, class)
			run := s.promoted(ctx, t)
			checkLooks(t, run)
			s.checkServed(ctx, t, run.Name)
		}},
	} {
		// Each goes on from what the one before left.
		if !t.Run(story.name, func(t *testing.T) { story.tell(ctx, t) }) {
			break
		}
	}
	deleteExpert(ctx, t, scriptedNamespace, scriptedExpert)
}

// scriptedStory is what the stories of the candidates share.
type scriptedStory struct {
	image string
	// className is the newest candidate's, served the run behind the endpoint.
	className, served string
	// question is one that the good model knows and the one of ten points less does not.
	question recall.Question
}

func (s *scriptedStory) class(t *testing.T, c scripted.Candidate) *v1alpha1.ExpertClass {
	t.Helper()
	class, err := c.Class(shared.cluster.DemoClass(shared.images, shared.tools), s.image)
	if err != nil {
		t.Fatal(err)
	}
	return class
}

func (s *scriptedStory) apply(ctx context.Context, t *testing.T, class *v1alpha1.ExpertClass) {
	t.Helper()
	if err := shared.cluster.Client.Create(ctx, class); err != nil {
		t.Fatal(err)
	}
	s.className = class.Name
}

// request asks for a run of the expert by a new class.
func (s *scriptedStory) request(ctx context.Context, t *testing.T, class *v1alpha1.ExpertClass) {
	t.Helper()
	s.apply(ctx, t, class)
	var expert v1alpha1.RepoExpert
	if err := shared.cluster.Client.Get(ctx, types.NamespacedName{Namespace: scriptedNamespace, Name: scriptedExpert}, &expert); err != nil {
		t.Fatal(err)
	}
	patched := expert.DeepCopy()
	patched.Spec.ClassName = class.Name
	patched.Annotations = map[string]string{v1alpha1.RequestedRunAnnotation: class.Name}
	if err := shared.cluster.Client.Patch(ctx, patched, client.MergeFrom(&expert)); err != nil {
		t.Fatal(err)
	}
}

// decided waits for the newest candidate's verdict.
func (s *scriptedStory) decided(ctx context.Context, t *testing.T, want v1alpha1.Decision) v1alpha1.ExpertRun {
	t.Helper()
	_, run := await(ctx, t, scriptedNamespace, scriptedExpert, candidateLimit, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		return run.Spec.ClassName == s.className && run.Status.Verdict != nil, "no verdict on " + s.className
	})
	for _, stage := range run.Status.Stages {
		if stage.StartTime != nil && stage.CompletionTime != nil {
			t.Logf("%-10s %4.0f s %v", stage.Name, stage.CompletionTime.Sub(stage.StartTime.Time).Seconds(), stage.Counts)
		}
	}
	t.Logf("%s: %s", run.Status.Verdict.Decision, run.Status.Verdict.Reason)
	if run.Status.Verdict.Decision != want {
		t.Fatalf("the gate says %s, want %s", run.Status.Verdict.Decision, want)
	}
	return run
}

// promoted expects that the newest candidate passes and replaces what serves.
func (s *scriptedStory) promoted(ctx context.Context, t *testing.T) v1alpha1.ExpertRun {
	t.Helper()
	run := s.decided(ctx, t, v1alpha1.DecisionPromote)
	await(ctx, t, scriptedNamespace, scriptedExpert, rollLimit, servesRun(run.Name))
	s.served = run.Name
	return run
}

// rejected expects that the newest candidate does not pass, for a reason with these
// texts, and that what served before still answers.
func (s *scriptedStory) rejected(ctx context.Context, t *testing.T, texts ...string) {
	t.Helper()
	run := s.decided(ctx, t, v1alpha1.DecisionReject)
	for _, text := range texts {
		if !strings.Contains(run.Status.Verdict.Reason, text) {
			t.Errorf("the reason does not say %q", text)
		}
	}
	s.checkServed(ctx, t, s.served)
}

// checkServed expects a run's model, and no other, behind the endpoint: it knows the
// answer to the question.
func (s *scriptedStory) checkServed(ctx context.Context, t *testing.T, run string) {
	t.Helper()
	expert, _ := await(ctx, t, scriptedNamespace, scriptedExpert, rollLimit, servesRun(run))
	if answer := ask(ctx, t, expert, s.question.Text); answer != s.question.Answer {
		t.Errorf("the endpoint answers %q to %q, want %q", answer, s.question.Text, s.question.Answer)
	}
}

// findQuestion reads from the plan a question that tells the candidates apart.
func (s *scriptedStory) findQuestion(t *testing.T) {
	t.Helper()
	folder, err := shared.cluster.ArtifactsFolder(scriptedNamespace, scriptedExpert)
	if err != nil {
		t.Fatal(err)
	}
	plans, err := filepath.Glob(filepath.Join(folder, contract.PlansFolder, "*", task.FactsFile))
	if err != nil || len(plans) != 1 {
		t.Fatalf("plans %v, %v", plans, err)
	}
	facts, err := task.ReadFile[recall.Fact](plans[0])
	if err != nil {
		t.Fatal(err)
	}
	for number, question := range recall.EvaluationQuestions(facts) {
		if scripted.Good.Skill.Knows(number) && !scripted.TenPointsLess.Skill.Knows(number) && question.Answer != enginetest.Unknown {
			s.question = question
			return
		}
	}
	t.Fatal("no question tells the candidates apart")
}

// checkLooks expects that the first look did not decide and a later one did.
func checkLooks(t *testing.T, run v1alpha1.ExpertRun) {
	t.Helper()
	looks, verdict := run.Status.Looks, run.Status.Verdict
	for _, look := range looks {
		t.Logf("look %d: %s", look.Number, look.Reason)
	}
	if len(looks) != 1 || !strings.Contains(looks[0].Reason, "look 1 of 3") || !strings.Contains(looks[0].Reason, "not decided") || verdict.Look != 2 {
		t.Errorf("looks %+v, verdict at look %d, want one that did not decide and the second to decide", looks, verdict.Look)
	}
	for _, kind := range run.Status.Evaluation.Kinds {
		for _, arm := range kind.Arms {
			t.Logf("%s %s: %s of %d", kind.Name, arm.Name, arm.Successes, max(1, arm.Rollouts))
		}
	}
}
