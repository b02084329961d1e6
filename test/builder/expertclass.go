package builder

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// ExpertClass builds an ExpertClass.
type ExpertClass struct{ class v1alpha1.ExpertClass }

// MakeExpertClass starts with a class named small, for CPUs.
func MakeExpertClass() *ExpertClass {
	return &ExpertClass{v1alpha1.ExpertClass{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec: v1alpha1.ExpertClassSpec{
			BaseModel: v1alpha1.BaseModel{
				Name:  "SmolLM2-135M-Instruct",
				Claim: v1alpha1.ClaimPath{ClaimName: "base-models", Path: "smollm2"},
			},
			Images: v1alpha1.Images{Trainer: "registry.example/trainer:1", Engine: "registry.example/engine:1"},
			Experience: v1alpha1.Experience{
				Shards:     2,
				Units:      []v1alpha1.Unit{{Name: v1alpha1.UnitRepositoryRecall, Samples: 50}},
				MinSamples: 16,
				Seed:       1,
			},
			Training: v1alpha1.Training{
				Trainer: v1alpha1.TrainerTRL, Method: v1alpha1.MethodFull, Epochs: 2, BatchSize: 4,
				GradientAccumulation: 1, MaxLength: 640, Precision: v1alpha1.PrecisionFloat32,
				Device: v1alpha1.DeviceCPU, LearningRate: "1e-5", Answers: v1alpha1.AnswersComputed,
			},
			Evaluation: v1alpha1.Evaluation{
				Holdout: v1alpha1.HoldoutTasks, HoldoutPercent: 20,
				Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindCodebaseQA, Tasks: 50}},
			},
			Gate:             v1alpha1.Gate{PrimaryKind: v1alpha1.KindCodebaseQA, MinGainPoints: 5, MarginPoints: 15, AlphaPerMille: 50},
			Serving:          v1alpha1.Serving{Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, Replicas: 1},
			Storage:          v1alpha1.Storage{Size: resource.MustParse("10Gi"), AccessMode: v1alpha1.ReadWriteMany},
			NetworkIsolation: v1alpha1.NetworkIsolationEnforced,
		},
	}}
}

// Name sets the name.
func (b *ExpertClass) Name(name string) *ExpertClass { b.class.Name = name; return b }

// Default marks the class as the default one.
func (b *ExpertClass) Default() *ExpertClass {
	b.class.Annotations = map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
	return b
}

// Gate replaces the gate.
func (b *ExpertClass) Gate(gate v1alpha1.Gate) *ExpertClass { b.class.Spec.Gate = gate; return b }

// Pods replaces the shapes of pods.
func (b *ExpertClass) Pods(pods v1alpha1.Pods) *ExpertClass { b.class.Spec.Pods = pods; return b }

// AccessMode sets the artifact volume's.
func (b *ExpertClass) AccessMode(mode v1alpha1.AccessMode) *ExpertClass {
	b.class.Spec.Storage.AccessMode = mode
	return b
}

// Isolation sets networkIsolation.
func (b *ExpertClass) Isolation(isolation v1alpha1.NetworkIsolation) *ExpertClass {
	b.class.Spec.NetworkIsolation = isolation
	return b
}

// With changes the class in any other way.
func (b *ExpertClass) With(change func(*v1alpha1.ExpertClassSpec)) *ExpertClass {
	change(&b.class.Spec)
	return b
}

// Obj returns the object.
func (b *ExpertClass) Obj() *v1alpha1.ExpertClass { return b.class.DeepCopy() }
