//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// expectation of a story on an expert and its newest run; the text says what is
// still missing.
type expectation func(expert v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (done bool, missing string)

// await polls an expert until the expectation holds, and fails the story with
// all that is known when it does not in time.
func await(ctx context.Context, t *testing.T, namespace, name string, timeout time.Duration, expect expectation) (v1alpha1.RepoExpert, v1alpha1.ExpertRun) {
	t.Helper()
	var expert v1alpha1.RepoExpert
	var run v1alpha1.ExpertRun
	missing := "nothing was read yet"
	err := wait.PollUntilContextTimeout(ctx, time.Second, timeout, true, func(ctx context.Context) (done bool, err error) {
		if err := shared.cluster.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &expert); err != nil {
			return false, err
		}
		if run, err = newestRun(ctx, namespace, name); err != nil {
			return false, err
		}
		done, missing = expect(expert, run)
		return done, nil
	})
	if err != nil {
		t.Fatalf("expert %s/%s: %s: %v\nconditions: %s\nrun: %s", namespace, name, missing, err, conditions(expert), describe(run))
	}
	return expert, run
}

func newestRun(ctx context.Context, namespace, expert string) (v1alpha1.ExpertRun, error) {
	var runs v1alpha1.ExpertRunList
	if err := shared.cluster.Client.List(ctx, &runs, client.InNamespace(namespace)); err != nil {
		return v1alpha1.ExpertRun{}, err
	}
	var newest v1alpha1.ExpertRun
	for _, run := range runs.Items {
		if run.Spec.ExpertName == expert && (newest.Name == "" || newest.CreationTimestamp.Before(&run.CreationTimestamp)) {
			newest = run
		}
	}
	return newest, nil
}

func conditions(expert v1alpha1.RepoExpert) string {
	var lines []string
	for _, c := range expert.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(lines, "; ")
}

func describe(run v1alpha1.ExpertRun) string {
	var lines []string
	for _, s := range run.Status.Stages {
		lines = append(lines, fmt.Sprintf("%s=%s %s", s.Name, s.State, s.Message))
	}
	if v := run.Status.Verdict; v != nil {
		lines = append(lines, fmt.Sprintf("verdict %s: %s", v.Decision, v.Reason))
	}
	return run.Name + ": " + strings.Join(lines, "; ")
}

// serves expects a ready expert that serves the newest run's model.
func serves(expert v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
	if expert.Status.Served == nil {
		return false, "nothing is served"
	}
	if expert.Status.Served.RunName != run.Name {
		return false, fmt.Sprintf("served is %s, newest run is %s", expert.Status.Served.RunName, run.Name)
	}
	if expert.Status.Latest == nil || expert.Status.Served.Commit != expert.Status.Latest.Commit {
		return false, "the served commit is not the head"
	}
	return rolled(expert), "the serving pods have not rolled"
}

// rolled says whether the pods of the served model, and no others, answer. Ready
// alone is true all through a roll.
func rolled(expert v1alpha1.RepoExpert) bool {
	c := meta.FindStatusCondition(expert.Status.Conditions, v1alpha1.ConditionServing)
	return c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonReady
}

// stalled expects Stalled with a reason and a text in its message.
func stalled(reason, text string) expectation {
	return func(expert v1alpha1.RepoExpert, _ v1alpha1.ExpertRun) (bool, string) {
		c := meta.FindStatusCondition(expert.Status.Conditions, v1alpha1.ConditionStalled)
		ok := c != nil && c.Reason == reason && strings.Contains(c.Message, text)
		return ok, fmt.Sprintf("not Stalled with reason %s and %q", reason, text)
	}
}

// inStage expects a stage to have started.
func inStage(stage v1alpha1.StageName) expectation {
	return func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		s := stageOf(run, stage)
		return s != nil && s.State == v1alpha1.StageRunning, fmt.Sprintf("stage %s is not running", stage)
	}
}

func stageOf(run v1alpha1.ExpertRun, stage v1alpha1.StageName) *v1alpha1.StageStatus {
	for i := range run.Status.Stages {
		if run.Status.Stages[i].Name == stage {
			return &run.Status.Stages[i]
		}
	}
	return nil
}

// tenancy makes a namespace with the demo's repository and claims.
func tenancy(ctx context.Context, t *testing.T, namespace string, releases int) local.Tenancy {
	t.Helper()
	tenancy, err := shared.cluster.PrepareTenancy(ctx, namespace, shared.images, shared.tools, releases)
	if err != nil {
		t.Fatal(err)
	}
	return tenancy
}

func applyClass(ctx context.Context, t *testing.T, class local.Class) {
	t.Helper()
	if err := shared.cluster.ApplyClass(ctx, class); err != nil {
		t.Fatal(err)
	}
}

// applyExpert applies an expert on the demo's repository.
func applyExpert(ctx context.Context, t *testing.T, tenancy local.Tenancy, name, class, repository string) {
	t.Helper()
	expert := local.Expert{
		Name: name, Namespace: tenancy.Namespace, ClassName: class,
		URL: tenancy.RepositoryURL(repository), EnvironmentImage: shared.images.Environment, Framework: v1alpha1.TestPytest,
	}
	if err := shared.cluster.ApplyExpert(ctx, expert); err != nil {
		t.Fatal(err)
	}
}

// ask asks the expert's endpoint through its Service.
func ask(ctx context.Context, t *testing.T, expert v1alpha1.RepoExpert, question string) string {
	t.Helper()
	answers, err := shared.cluster.Ask(ctx, expert.Namespace, *expert.Status.Endpoint, question)
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// deleteExpert deletes an expert and expects that nothing owned remains.
func deleteExpert(ctx context.Context, t *testing.T, namespace, name string) {
	t.Helper()
	expert := &v1alpha1.RepoExpert{}
	expert.Namespace, expert.Name = namespace, name
	if err := shared.cluster.Client.Delete(ctx, expert); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := wait.PollUntilContextTimeout(ctx, time.Second, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		left, err = owned(ctx, namespace, name)
		return err == nil && len(left) == 0, err
	})
	if err != nil {
		t.Fatalf("after the deletion of %s/%s these remain: %s: %v", namespace, name, strings.Join(left, ", "), err)
	}
}

// owned lists the objects with an expert's label.
func owned(ctx context.Context, namespace, expert string) ([]string, error) {
	var names []string
	for kind, list := range map[string]client.ObjectList{
		"RepoExpert": &v1alpha1.RepoExpertList{}, "ExpertRun": &v1alpha1.ExpertRunList{}, "Job": &batchv1.JobList{},
		"Pod": &corev1.PodList{}, "Deployment": &appsv1.DeploymentList{}, "Service": &corev1.ServiceList{},
		"PersistentVolumeClaim": &corev1.PersistentVolumeClaimList{}, "NetworkPolicy": &networkingv1.NetworkPolicyList{},
	} {
		if err := shared.cluster.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			object, err := meta.Accessor(item)
			if err != nil {
				return nil, err
			}
			if object.GetLabels()[v1alpha1.ExpertLabel] == expert || (kind == "RepoExpert" && object.GetName() == expert) {
				names = append(names, kind+"/"+object.GetName())
			}
		}
	}
	return names, nil
}
