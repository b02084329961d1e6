package builder

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Namespace of all objects unless a test says otherwise.
const Namespace = "team-a"

// Commit is a commit id for tests.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// RepoExpert builds a RepoExpert.
type RepoExpert struct{ expert v1alpha1.RepoExpert }

// MakeRepoExpert starts with an expert named click for a public repository.
func MakeRepoExpert() *RepoExpert {
	return &RepoExpert{v1alpha1.RepoExpert{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "click"},
		Spec: v1alpha1.RepoExpertSpec{
			Repository: v1alpha1.Repository{
				URL: "https://git.example/pallets/click.git",
				Ref: v1alpha1.GitRef{Branch: "main"},
			},
			Environment: v1alpha1.Environment{
				Image: "registry.example/click-env:1",
				Test:  v1alpha1.Test{Framework: v1alpha1.TestPytest},
			},
			ClassName: "small",
			Promotion: v1alpha1.PromotionAutomatic,
		},
	}}
}

// Name sets the name.
func (b *RepoExpert) Name(name string) *RepoExpert { b.expert.Name = name; return b }

// Namespace sets the namespace.
func (b *RepoExpert) Namespace(namespace string) *RepoExpert {
	b.expert.Namespace = namespace
	return b
}

// UID sets the UID, for tests without an API server.
func (b *RepoExpert) UID(uid types.UID) *RepoExpert { b.expert.UID = uid; return b }

// Class sets className.
func (b *RepoExpert) Class(name string) *RepoExpert { b.expert.Spec.ClassName = name; return b }

// URL sets the repository's URL.
func (b *RepoExpert) URL(url string) *RepoExpert { b.expert.Spec.Repository.URL = url; return b }

// Branch follows a branch.
func (b *RepoExpert) Branch(name string) *RepoExpert {
	b.expert.Spec.Repository.Ref = v1alpha1.GitRef{Branch: name}
	return b
}

// Secret names a Secret with git credentials.
func (b *RepoExpert) Secret(name string) *RepoExpert {
	b.expert.Spec.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: name}
	return b
}

// Setup sets the environment's commands.
func (b *RepoExpert) Setup(commands ...string) *RepoExpert {
	b.expert.Spec.Environment.Setup = commands
	return b
}

// Suspended sets suspend.
func (b *RepoExpert) Suspended(suspend bool) *RepoExpert { b.expert.Spec.Suspend = suspend; return b }

// Promotion sets the promotion policy.
func (b *RepoExpert) Promotion(policy v1alpha1.PromotionPolicy) *RepoExpert {
	b.expert.Spec.Promotion = policy
	return b
}

// Pinned pins a run.
func (b *RepoExpert) Pinned(run string) *RepoExpert {
	b.expert.Spec.Serving = &v1alpha1.ServingPin{PinnedRunName: run}
	return b
}

// Requested asks for a run by a token.
func (b *RepoExpert) Requested(token string) *RepoExpert {
	if b.expert.Annotations == nil {
		b.expert.Annotations = map[string]string{}
	}
	b.expert.Annotations[v1alpha1.RequestedRunAnnotation] = token
	return b
}

// Obj returns the object.
func (b *RepoExpert) Obj() *v1alpha1.RepoExpert { return b.expert.DeepCopy() }
