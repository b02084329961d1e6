// Package scripted is the script of the stories on the gate: how good each candidate
// is, and the class that trains and judges it. No model that a test can train is good
// or bad by such measures, so an engine whose answers are scripted stands for what
// the weights can do.
package scripted

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/engine/enginetest"
)

// Candidate is a model of a story. It is known by the seed of its training.
type Candidate struct {
	Name  string
	Seed  int
	Skill enginetest.Skill
}

// Candidates of the stories, in their order. The last one is as good as the first,
// which it is to replace, but each time both try it is with other functions.
var (
	Good           = Candidate{"good", 1, enginetest.Skill{Facts: 90, Functions: 50}}
	TenPointsLess  = Candidate{"ten-points-less", 2, enginetest.Skill{Facts: 80, Functions: 50}}
	OneKindBroken  = Candidate{"one-kind-broken", 3, enginetest.Skill{Facts: 90}}
	LuckyElsewhere = Candidate{"lucky-elsewhere", 4, enginetest.Skill{Facts: 90, Functions: 50}}

	base = enginetest.Skill{Facts: 20}
)

// Skills of the base model and all candidates.
func Skills() enginetest.Skills {
	skills := enginetest.Skills{enginetest.Base: base}
	for _, c := range []Candidate{Good, TenPointsLess, OneKindBroken, LuckyElsewhere} {
		skills[fmt.Sprint(c.Seed)] = c.Skill
	}
	return skills
}

const (
	// facts are trained and asked. Fewer do not show a model of the same skill to be
	// no worse by the demo's margin.
	facts = 20
	// functions are asked where tries are drawn, several times each. So few need a
	// wide level and margin.
	functions = 6
)

// Class is the demo's class with the scripted engine of an image: the same gate,
// trained on facts alone, which takes a third of the time. All classes name all
// skills, so that serving pods stay what they are when the class changes.
func (c Candidate) Class(demo local.Class, image string) (*v1alpha1.ExpertClass, error) {
	demo.Name, demo.Facts, demo.MinimumTasks, demo.Trajectories = "scripted-"+c.Name, facts, facts, nil
	manifest, err := demo.Manifest()
	if err != nil {
		return nil, err
	}
	class := &v1alpha1.ExpertClass{}
	if err := yaml.UnmarshalStrict([]byte(manifest), class); err != nil {
		return nil, err
	}
	skills, err := json.Marshal(Skills())
	if err != nil {
		return nil, err
	}
	class.Spec.Images.Engine = image
	class.Spec.Pods.Engine.Env = append(class.Spec.Pods.Engine.Env, v1alpha1.EnvVar{Name: enginetest.SkillsVariable, Value: string(skills)})
	class.Spec.Training.Seed = int64(c.Seed)
	return class, nil
}

// WithLooks makes a class draw answers and look at up to three samples of them. The
// primary kind is one that is drawn.
func WithLooks(class *v1alpha1.ExpertClass) {
	for i, kind := range class.Spec.Evaluation.Kinds {
		if kind.Name == v1alpha1.KindContextualImplementation {
			class.Spec.Evaluation.Kinds[i].Tasks, class.Spec.Evaluation.Kinds[i].MinimumTasks = functions, functions
		}
	}
	class.Spec.Evaluation.Agent.Sampling = v1alpha1.SamplingPaper
	class.Spec.Gate = v1alpha1.Gate{
		PrimaryKind: v1alpha1.KindContextualImplementation, Looks: v1alpha1.LooksThree,
		MinGainPoints: 10, MarginPoints: 45, AlphaPerMille: 200,
	}
}
