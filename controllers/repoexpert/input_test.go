package repoexpert

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/test/builder"
)

func TestClassProblems(t *testing.T) {
	tests := map[string]struct {
		edit   func(*v1alpha1.RepoExpertSpec)
		class  func(*v1alpha1.ExpertClassSpec)
		reason string
		says   []string
	}{
		"unknown class": {
			edit:   func(s *v1alpha1.RepoExpertSpec) { s.ClassName = "golden" },
			reason: v1alpha1.ReasonClassNotFound,
			says:   []string{`ExpertClass "golden" does not exist`, "create it, or name one of"},
		},
		"class contradicts itself": {
			class:  func(s *v1alpha1.ExpertClassSpec) { s.Serving.ProbeQuestions, s.Serving.ProbeAgreement = 2, 3 },
			reason: v1alpha1.ReasonInvalidClass,
			says:   []string{"serving.probeAgreement 3 is above serving.probeQuestions 2"},
		},
		"override that the class does not open": {
			edit:   func(s *v1alpha1.RepoExpertSpec) { s.Overrides = &v1alpha1.Overrides{Shards: ptr.To[int32](9)} },
			reason: v1alpha1.ReasonOverrideNotAllowed,
			says:   []string{"spec.overrides.shards is set", "remove spec.overrides.shards"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := prepare(t)
			if tc.class != nil {
				before := b.class.DeepCopy()
				tc.class(&b.class.Spec)
				if err := api.Patch(t.Context(), b.class, client.MergeFrom(before)); err != nil {
					t.Fatal(err)
				}
			}
			b.start(tc.edit)
			b.stalled(tc.reason, tc.says...)
			b.says(v1alpha1.ConditionReady, metav1.ConditionFalse, tc.reason)
			b.nothingStarted()
		})
	}
}

// nothingStarted checks that an expert that cannot run costs nothing.
func (b *bench) nothingStarted() {
	b.t.Helper()
	var runs v1alpha1.ExpertRunList
	var claims corev1.PersistentVolumeClaimList
	for _, list := range []client.ObjectList{&runs, &claims} {
		if err := api.List(b.t.Context(), list, client.InNamespace(b.expert.Namespace)); err != nil {
			b.t.Fatal(err)
		}
	}
	if len(runs.Items)+len(claims.Items) > 0 {
		b.t.Fatalf("%d runs and %d claims were made", len(runs.Items), len(claims.Items))
	}
}

func TestDefaultClass(t *testing.T) {
	b := prepare(t).start(func(s *v1alpha1.RepoExpertSpec) { s.ClassName = "" })
	b.stalled(v1alpha1.ReasonClassNotFound, "spec.className is empty and no ExpertClass is the default", v1alpha1.DefaultClassAnnotation+"=true")

	other := builder.MakeExpertClass().Name("zz-" + b.class.Name).Default().Obj()
	create(t, other)
	b.run(b.head(), "")

	before := b.class.DeepCopy()
	b.class.Annotations = map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
	if err := api.Patch(t.Context(), b.class, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	both := b.class.Name + ", " + other.Name
	b.stalled(v1alpha1.ReasonMultipleDefaultClasses, both, "leave the annotation on one, or set spec.className")
	for _, name := range []string{b.class.Name, other.Name} {
		eventually(t, func() error { return classSays(t, name, v1alpha1.ReasonMultipleDefaultClasses, both) })
	}

	if err := api.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return classSays(t, b.class.Name, "", "") })
	b.says(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunActive)
	if got := b.read().Status.ClassName; got != b.class.Name {
		t.Fatalf("status.className %q; want %q", got, b.class.Name)
	}
}

func TestSourceProblems(t *testing.T) {
	tests := map[string]struct {
		prepare func(*bench)
		edit    func(*v1alpha1.RepoExpertSpec)
		reason  string
		says    []string
		// passing problems are retried and leave no Stalled.
		passing bool
	}{
		"unreachable repository": {
			edit:   func(s *v1alpha1.RepoExpertSpec) { s.Repository.URL = "http://127.0.0.1:1/click.git" },
			reason: v1alpha1.ReasonRepositoryUnreachable, passing: true,
			says: []string{"http://127.0.0.1:1/click.git", "check host and port of the URL", "it is tried again"},
		},
		"no such repository": {
			edit:   func(s *v1alpha1.RepoExpertSpec) { s.Repository.URL += "x" },
			reason: v1alpha1.ReasonRepositoryUnreachable, passing: true,
			says: []string{"knows no such repository"},
		},
		"private repository without a Secret": {
			prepare: func(b *bench) { b.server.Protect("bot", "hunter2") },
			reason:  v1alpha1.ReasonAuthenticationFailed,
			says:    []string{"wants credentials", "name a Secret in repository.secretRef"},
		},
		"Secret that does not exist": {
			edit: func(s *v1alpha1.RepoExpertSpec) {
				s.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
			},
			reason: v1alpha1.ReasonSecretNotUsable,
			says:   []string{`Secret "git" does not exist`, "repoexpert.dev/use: git", "repoexpert.dev/host"},
		},
		"Secret without the label": {
			prepare: func(b *bench) { b.secret(nil, "127.0.0.1", "hunter2") },
			edit: func(s *v1alpha1.RepoExpertSpec) {
				s.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
			},
			reason: v1alpha1.ReasonSecretNotUsable,
			says:   []string{`needs the label repoexpert.dev/use: git, it has ""`},
		},
		"Secret for another host": {
			prepare: func(b *bench) {
				b.secret(map[string]string{v1alpha1.SecretUseLabel: "git"}, "git.example", "hunter2")
			},
			edit: func(s *v1alpha1.RepoExpertSpec) {
				s.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
			},
			reason: v1alpha1.ReasonSecretNotUsable,
			says:   []string{`may be sent to host "git.example" only`},
		},
		"Secret that the host refuses": {
			prepare: func(b *bench) {
				b.server.Protect("bot", "hunter2")
				b.secret(map[string]string{v1alpha1.SecretUseLabel: "git"}, "127.0.0.1", "wr0ng")
			},
			edit: func(s *v1alpha1.RepoExpertSpec) {
				s.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
			},
			reason: v1alpha1.ReasonAuthenticationFailed,
			says:   []string{"refuses the credentials in the Secret"},
		},
		"missing branch": {
			edit:   func(s *v1alpha1.RepoExpertSpec) { s.Repository.Ref.Branch = "release" },
			reason: v1alpha1.ReasonRefNotFound,
			says:   []string{"refs/heads/release does not exist in http://"},
		},
		"empty repository": {
			prepare: func(b *bench) { b.expert.Spec.Repository.URL = b.server.Repository(b.t, "empty.git").URL },
			reason:  v1alpha1.ReasonRepositoryEmpty,
			says:    []string{"the repository is empty: push a commit"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := prepare(t)
			if tc.prepare != nil {
				tc.prepare(b)
			}
			b.start(tc.edit)
			b.says(v1alpha1.ConditionSourceReady, metav1.ConditionFalse, tc.reason, tc.says...)
			b.says(v1alpha1.ConditionReady, metav1.ConditionFalse, tc.reason, tc.says...)
			if tc.passing {
				b.says(v1alpha1.ConditionReconciling, metav1.ConditionTrue, tc.reason)
			} else {
				b.stalled(tc.reason, tc.says...)
			}
			if text := show(b.read()); strings.Contains(text, "hunter2") || strings.Contains(text, "wr0ng") {
				t.Fatalf("status shows a secret:\n%s", text)
			}
			b.nothingStarted()
		})
	}
}

// secret makes a Secret named git.
func (b *bench) secret(labels map[string]string, host, password string) {
	b.t.Helper()
	create(b.t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.expert.Namespace, Name: "git", Labels: labels, Annotations: map[string]string{v1alpha1.SecretHostAnnotation: host}},
		StringData: map[string]string{"username": "bot", "password": password},
	})
}

func TestPrivateRepositoryIsLearnedOnceItsSecretIsUsable(t *testing.T) {
	b := prepare(t)
	b.server.Protect("bot", "hunter2")
	b.secret(nil, "127.0.0.1", "hunter2")
	b.start(func(s *v1alpha1.RepoExpertSpec) {
		s.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
	})
	b.stalled(v1alpha1.ReasonSecretNotUsable)
	found := &corev1.Secret{}
	if err := b.get(found, "git"); err != nil {
		t.Fatal(err)
	}
	found.Labels = map[string]string{v1alpha1.SecretUseLabel: v1alpha1.SecretUseGit}
	if err := api.Update(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	b.run(b.head(), "")
	b.says(v1alpha1.ConditionSourceReady, metav1.ConditionTrue, v1alpha1.ReasonSourceResolved)
}

func TestSchemaRefuses(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.RepoExpert)
		says string
	}{
		"scheme":        {func(e *v1alpha1.RepoExpert) { e.Spec.Repository.URL = "file:///etc/passwd" }, "must start with https://, http:// or ssh://"},
		"helper":        {func(e *v1alpha1.RepoExpert) { e.Spec.Repository.URL = "ext::sh -c id" }, "must start with https://, http:// or ssh://"},
		"option":        {func(e *v1alpha1.RepoExpert) { e.Spec.Repository.URL = "ssh://-oProxyCommand=id/a/b" }, "without options"},
		"path option":   {func(e *v1alpha1.RepoExpert) { e.Spec.Repository.URL = "https://git.example/--upload-pack=id" }, "without options"},
		"name too long": {func(e *v1alpha1.RepoExpert) { e.Name = strings.Repeat("a", 36) }, "at most 35 characters"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			expert := builder.MakeRepoExpert().Namespace("default").Obj()
			tc.edit(expert)
			err := api.Create(t.Context(), expert)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("error %v; want Invalid with %q", err, tc.says)
			}
		})
	}
}

func TestSchemaOfTheHoldout(t *testing.T) {
	tests := map[string]struct {
		holdout v1alpha1.Holdout
		commits int32
		says    string
	}{
		"Frontier":         {v1alpha1.HoldoutFrontier, 1000, ""},
		"Prequential":      {v1alpha1.HoldoutPrequential, 1, ""},
		"unknown":          {"Random", 0, "Unsupported value"},
		"too many commits": {v1alpha1.HoldoutFrontier, 1001, "less than or equal to 1000"},
		"negative":         {v1alpha1.HoldoutFrontier, -1, "greater than or equal to 1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			class := builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) {
				s.Evaluation.Holdout, s.Evaluation.HoldoutCommits = tc.holdout, tc.commits
			}).Obj()
			class.Name = "holdout"
			err := api.Create(t.Context(), class, client.DryRunAll)
			if tc.says == "" && err != nil || tc.says != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.says)) {
				t.Fatalf("error %v; want %q", err, tc.says)
			}
		})
	}
}
