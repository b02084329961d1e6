package builder

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
)

// ExpertRun builds an ExpertRun.
type ExpertRun struct{ run v1alpha1.ExpertRun }

// MakeExpertRun starts with an expert's run for a commit, made from a class as
// the operator makes it.
func MakeExpertRun(expert *v1alpha1.RepoExpert, class *v1alpha1.ExpertClass) *ExpertRun {
	b := &ExpertRun{v1alpha1.ExpertRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:  expert.Namespace,
			Generation: 1,
			Labels:     map[string]string{v1alpha1.ExpertLabel: expert.Name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "RepoExpert", Name: expert.Name, UID: expert.UID,
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}},
		},
		Spec: v1alpha1.ExpertRunSpec{
			ExpertName: expert.Name,
			ExpertUID:  expert.UID,
			ClassName:  class.Name,
			Recipe: v1alpha1.Recipe{
				Repository:       expert.Spec.Repository,
				Environment:      expert.Spec.Environment,
				BaseModel:        class.Spec.BaseModel,
				Images:           class.Spec.Images,
				Experience:       class.Spec.Experience,
				Teacher:          class.Spec.Teacher,
				Training:         class.Spec.Training,
				Evaluation:       class.Spec.Evaluation,
				Engine:           class.Spec.Serving.Engine,
				EngineDevice:     class.Spec.Serving.Device,
				ProbeQuestions:   class.Spec.Serving.ProbeQuestions,
				Pods:             class.Spec.Pods,
				NetworkIsolation: class.Spec.NetworkIsolation,
			},
		},
	}}
	return b.Commit(Commit)
}

// Commit sets the commit, and with it key and name.
func (b *ExpertRun) Commit(commit string) *ExpertRun {
	b.run.Spec.Commit, b.run.Spec.ShortCommit = commit, commit[:8]
	return b.named()
}

// Token sets the token, and with it key and name.
func (b *ExpertRun) Token(token string) *ExpertRun {
	b.run.Spec.Token = token
	return b.named()
}

func (b *ExpertRun) named() *ExpertRun {
	s := &b.run.Spec
	s.Key = pipeline.RunKey(s.ExpertUID, s.Commit, s.Recipe, s.Token)
	b.run.Name = pipeline.RunName(s.ExpertName, s.Key)
	return b
}

// UID sets the UID, for tests without an API server.
func (b *ExpertRun) UID(uid types.UID) *ExpertRun { b.run.UID = uid; return b }

// Created sets the creation time, for tests without an API server.
func (b *ExpertRun) Created(at time.Time) *ExpertRun {
	b.run.CreationTimestamp = metav1.NewTime(at)
	return b
}

// Status replaces the status.
func (b *ExpertRun) Status(status v1alpha1.ExpertRunStatus) *ExpertRun {
	b.run.Status = status
	return b
}

// Obj returns the object.
func (b *ExpertRun) Obj() *v1alpha1.ExpertRun { return b.run.DeepCopy() }
