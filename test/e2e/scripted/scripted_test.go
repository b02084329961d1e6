package scripted

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/class"
	"github.com/repoexpert/operator/internal/engine/enginetest"
	"github.com/repoexpert/operator/internal/gate"
)

func classOf(t *testing.T, c Candidate, looks bool) *v1alpha1.ExpertClass {
	t.Helper()
	got, err := c.Class(local.Class{Engine: "Transformers", Answers: "Computed", PythonImage: "python:1", BaseModelsClaim: "models",
		BaseModelPath: "base", Seed: 1, Epochs: 1, MaxLength: 640, GradientCheckpointing: "Disabled", Shards: 1, Memory: "8Gi",
		Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindContextualImplementation, Tasks: 2, MinimumTasks: 1}}}, "scripted:1")
	if err != nil {
		t.Fatal(err)
	}
	if looks {
		WithLooks(got)
	}
	if err := class.Validate(got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSkillsAreReadAsWritten(t *testing.T) {
	for _, c := range []Candidate{Good, LuckyElsewhere} {
		got := classOf(t, c, false)
		env := got.Spec.Pods.Engine.Env
		skills, err := enginetest.ParseSkills(env[len(env)-1].Value)
		if err != nil || skills[enginetest.Base] != base || skills["4"] != LuckyElsewhere.Skill || len(skills) != 5 {
			t.Errorf("skills %v, %v", skills, err)
		}
		if len(got.Spec.Pods.Trainer.Env) >= len(env) || got.Spec.Images.Engine != "scripted:1" {
			t.Errorf("the engine is not the scripted one alone: %+v", got.Spec)
		}
	}
}

// results of a model: one digit a task, the tries that were right.
func results(tasks, tries int, right func(task, try int) bool) string {
	var text strings.Builder
	for task := range tasks {
		solved := 0
		for try := range tries {
			if right(task, try) {
				solved++
			}
		}
		text.WriteByte('0' + byte(solved))
	}
	return text.String()
}

// kinds is the record of a comparison with the good model, or with none. functions
// says whether a model's try at a function is right.
func kinds(c Candidate, served bool, n, tries int, functions func(c Candidate, task, try int) bool) []v1alpha1.KindRecord {
	qa := v1alpha1.KindRecord{Name: v1alpha1.KindCodebaseQA}
	ci := v1alpha1.KindRecord{Name: v1alpha1.KindContextualImplementation}
	models := map[v1alpha1.ArmName]Candidate{v1alpha1.ArmBase: {Skill: base}, v1alpha1.ArmCandidate: c}
	if served {
		models[v1alpha1.ArmServed] = Good
	}
	for name, model := range models {
		qa.Arms = append(qa.Arms, v1alpha1.ArmRecord{Name: name, Successes: results(facts, 1, func(fact, _ int) bool { return model.Skill.Knows(fact) })})
		arm := v1alpha1.ArmRecord{Name: name, Successes: results(n, tries, func(task, try int) bool { return functions(model, task, try) })}
		if tries > 1 {
			arm.Rollouts = int32(tries)
		}
		ci.Arms = append(ci.Arms, arm)
	}
	for name, always := range map[v1alpha1.ArmName]bool{v1alpha1.ArmGold: true, v1alpha1.ArmNoop: false} {
		ci.Arms = append(ci.Arms, v1alpha1.ArmRecord{Name: name, Successes: results(n, 1, func(int, int) bool { return always })})
	}
	return []v1alpha1.KindRecord{qa, ci}
}

func decide(spec v1alpha1.Gate, served bool, look int32, kinds []v1alpha1.KindRecord) gate.Answer {
	q := gate.Question{Record: v1alpha1.EvaluationRecord{Fingerprint: "f", CandidateDigest: "candidate", Look: look, Kinds: kinds}}
	if served {
		q.Served, q.Anchor, q.Record.ServedDigest = "good", "good", "good"
	}
	return gate.Rules{}.Decide(spec, q)
}

// What the stories expect follows from the skills by the gate alone.
func TestGreedyCandidates(t *testing.T) {
	greedy := func(c Candidate, _, _ int) bool { return c.Skill.Writes() }
	for _, want := range []struct {
		candidate Candidate
		served    bool
		decision  v1alpha1.Decision
		reason    string
	}{
		{Good, false, v1alpha1.DecisionPromote, "CodebaseQA 90.0 % vs base 20.0 % (n=20): gain 70.0 points"},
		{TenPointsLess, true, v1alpha1.DecisionReject, "CodebaseQA 80.0 % vs served 90.0 % (n=20): lower bound -28.3 is not above the margin -15"},
		{OneKindBroken, true, v1alpha1.DecisionReject, "ContextualImplementation 0.0 % vs served 100.0 % (n=2): loses 100.0 points, more than 30"},
		// The same without what is wrong with the others.
		{LuckyElsewhere, true, v1alpha1.DecisionPromote, "vs served 90.0 %: lower bound -13.9 > -15"},
	} {
		got := decide(classOf(t, want.candidate, false).Spec.Gate, want.served, 1, kinds(want.candidate, want.served, 2, 1, greedy))
		if got.Verdict.Decision != want.decision || got.Continue || !strings.Contains(got.Verdict.Reason, want.reason) {
			t.Errorf("%s: %s: %s", want.candidate.Name, got.Verdict.Decision, got.Verdict.Reason)
		}
	}
}

// The first look shows luck, the second takes it back and decides.
func TestLuckIsUndecided(t *testing.T) {
	spec := classOf(t, LuckyElsewhere, true).Spec.Gate
	for before := range 8 {
		drawn := func(c Candidate, task, try int) bool { return c.Skill.Draws(task, before+try/2, c.Seed) }
		first := decide(spec, true, 1, kinds(LuckyElsewhere, true, functions, 2, drawn))
		if !first.Continue || !strings.Contains(first.Verdict.Reason, "look 1 of 3") {
			t.Errorf("after %d evaluations: %+v", before, first)
		}
		second := decide(spec, true, 2, kinds(LuckyElsewhere, true, functions, 4, drawn))
		if second.Continue || second.Verdict.Decision != v1alpha1.DecisionPromote || !strings.Contains(second.Verdict.Reason, "look 2 of 3") {
			t.Errorf("after %d evaluations: %+v", before, second)
		}
		t.Logf("%s\n%s", first.Verdict.Reason, second.Verdict.Reason)
	}
}
