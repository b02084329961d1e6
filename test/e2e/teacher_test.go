//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/task"
)

const (
	taught       = "taught"
	teacherKey   = "sk-canary-4711"
	teacherModel = "scripted"
	// smallBudget lasts for some turns and not for all.
	smallBudget, largeBudget = 12_000, 1_000_000
)

// A teacher in the cluster, which is scripted, behind the proxy: who has its key,
// who reaches it, what becomes of its samples, and where a budget ends.
func TestTeacherBehindItsProxy(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, taught, 5)
	host, url, err := shared.cluster.ServeScriptedTeacher(ctx, tenancy, shared.images.Tool, local.DemoRepository, teacherKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.cluster.Client.Create(ctx, teacherSecret(host)); err != nil {
		t.Fatal(err)
	}
	class := taughtClass(t, url)
	if err := shared.cluster.Client.Create(ctx, class); err != nil {
		t.Fatal(err)
	}
	applyExpert(ctx, t, tenancy, "boltons", class.Name, local.DemoRepository)

	watched := &witness{t: t, namespace: taught, pods: map[string]corev1.Pod{}, logs: map[string]string{}}
	_, poor := await(ctx, t, taught, "boltons", 15*time.Minute, watched.while(ctx, stalled(v1alpha1.ReasonRunFailed, "the teacher's budget is reached")))
	checkBudget(t, poor)
	watched.proxyGone(ctx, poor.Name)

	raiseBudget(ctx, t, class.Name)
	_, run := await(ctx, t, taught, "boltons", 15*time.Minute, watched.while(ctx, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		s := stageOf(run, v1alpha1.StageCurate)
		return run.Name != poor.Name && s != nil && s.State == v1alpha1.StageSucceeded, "Curate of the second run has not succeeded"
	}))
	watched.proxyGone(ctx, run.Name)
	folder, err := shared.cluster.ArtifactsFolder(taught, "boltons")
	if err != nil {
		t.Fatal(err)
	}
	if s := stageOf(run, v1alpha1.StageCurate); !strings.HasPrefix(s.Message, "the teacher used ") {
		t.Errorf("the second run says %q of what its teacher used", s.Message)
	}
	checkDataset(t, folder)
	watched.proxyAlone(ctx)
	watched.keySeen(ctx, folder)
	deleteExpert(ctx, t, taught, "boltons")
}

func teacherSecret(host string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: taught, Name: "teacher-key",
			Labels:      map[string]string{v1alpha1.SecretUseLabel: v1alpha1.SecretUseTeacher},
			Annotations: map[string]string{v1alpha1.SecretHostAnnotation: host},
		},
		Data: map[string][]byte{contract.TeacherSecretKey: []byte(teacherKey)},
	}
}

// taughtClass is the demo's class with a teacher. Its samples show whole files, so
// they may be longer; nothing is trained on them.
func taughtClass(t *testing.T, url string) *v1alpha1.ExpertClass {
	t.Helper()
	demo := shared.cluster.DemoClass(shared.images, shared.tools)
	demo.Name = taught
	manifest, err := demo.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	class := &v1alpha1.ExpertClass{}
	if err := yaml.UnmarshalStrict([]byte(manifest), class); err != nil {
		t.Fatal(err)
	}
	class.Spec.Experience.Units = []v1alpha1.Unit{
		{Name: v1alpha1.UnitRepositoryRecall, Samples: 56}, {Name: v1alpha1.UnitContextualImplementation, Samples: 4},
	}
	class.Spec.Experience.MinSamples = 10
	class.Spec.Training.MaxLength = 16384
	class.Spec.Teacher = &v1alpha1.Teacher{
		URL: url, Model: teacherModel, SecretRef: &v1alpha1.LocalSecretReference{Name: "teacher-key"},
		MaxTokensPerTurn: 1024, ContextTokens: 16000, AttemptsPerTask: 1, Concurrency: 1,
		RequestTimeout: metav1.Duration{Duration: time.Minute}, Budget: v1alpha1.TeacherBudget{Tokens: smallBudget},
	}
	return class
}

// checkBudget expects that the status tells what was used, and that it was
// something.
func checkBudget(t *testing.T, run v1alpha1.ExpertRun) {
	t.Helper()
	s := stageOf(run, v1alpha1.StageExperience)
	if s == nil || s.State != v1alpha1.StageFailed {
		t.Fatalf("Experience is %+v, want Failed", s)
	}
	for _, text := range []string{" of 12000 tokens are used", "raise teacher.budget of the ExpertClass"} {
		if !strings.Contains(s.Message, text) {
			t.Errorf("the status says %q, want %q in it", s.Message, text)
		}
	}
	if strings.Contains(s.Message, ": 0 of 12000") {
		t.Errorf("nothing was used before the budget was reached: %q", s.Message)
	}
	t.Logf("a reached budget says: %s", s.Message)
}

func raiseBudget(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	var class v1alpha1.ExpertClass
	if err := shared.cluster.Client.Get(ctx, types.NamespacedName{Name: name}, &class); err != nil {
		t.Fatal(err)
	}
	before := class.DeepCopy()
	class.Spec.Teacher.Budget.Tokens = largeBudget
	if err := shared.cluster.Client.Patch(ctx, &class, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	expert := &v1alpha1.RepoExpert{ObjectMeta: metav1.ObjectMeta{Namespace: taught, Name: "boltons"}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+v1alpha1.RequestedRunAnnotation+`":"larger-budget"}}}`))
	if err := shared.cluster.Client.Patch(ctx, expert, patch); err != nil {
		t.Fatal(err)
	}
}

// checkDataset expects the teacher's samples in the data set, marked and verified.
func checkDataset(t *testing.T, folder string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, contract.DatasetsFolder, "*", curate.DatasetFile))
	if err != nil || len(found) != 1 {
		t.Fatalf("data sets %v, %v", found, err)
	}
	samples, err := task.ReadFile[task.Sample](found[0])
	if err != nil {
		t.Fatal(err)
	}
	byTeacher := 0
	for _, sample := range samples {
		if sample.Meta.Unit != v1alpha1.UnitContextualImplementation {
			continue
		}
		byTeacher++
		if sample.Meta.Provenance != "teacher:"+teacherModel || !strings.Contains(sample.Meta.Verification, "pass") {
			t.Errorf("a sample of the teacher is %+v", sample.Meta)
		}
	}
	if byTeacher == 0 {
		t.Error("no sample of the teacher is in the data set")
	}
	accounts, err := filepath.Glob(filepath.Join(folder, contract.TeachersFolder, "*", "account.json"))
	if err != nil || len(accounts) != 2 {
		t.Errorf("accounts %v, %v; want one a run", accounts, err)
	}
	for _, name := range accounts {
		content, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(content), `"reserved":{"prompt":0,"completion":0}`) {
			t.Errorf("%s: %s, %v", name, content, err)
		}
		t.Logf("%s: %s", name, content)
	}
	t.Logf("%d of %d samples are the teacher's", byTeacher, len(samples))
}
