package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/test/builder"
)

const (
	patience = 30 * time.Second
	interval = 100 * time.Millisecond
	digest   = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// TestManager runs the whole manager against a real API server: an expert of a
// fixed commit leads to a run, the run to a Job, and the Job's end to the next
// Job, by watches and caches alone and under the shipped roles. No kubelet runs:
// the test plays it.
func TestManager(t *testing.T) {
	api := startServer(t)
	const probes = "127.0.0.1:18081"
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, options{workerImage: "registry.example/worker:1", metricsAddress: "0", probeAddress: probes, leaderElection: true, leaderNamespace: "default"})
	}()
	eventually(t, "the manager is ready", func(ctx context.Context) bool { return answers(ctx, "http://"+probes+"/readyz") })

	create(t, api, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: builder.Namespace}})
	create(t, api, builder.MakeExpertClass().Obj())
	expert := builder.MakeRepoExpert().Obj()
	expert.Spec.Repository.Ref = v1alpha1.GitRef{Commit: builder.Commit}
	create(t, api, expert)
	fetch := waitForJob(t, api, v1alpha1.StageFetch)
	succeed(t, api, fetch)
	waitForJob(t, api, v1alpha1.StagePlan)
	eventually(t, "Fetch's Job is released", func(ctx context.Context) bool {
		err := api.Get(ctx, client.ObjectKeyFromObject(fetch), fetch)
		return err == nil && fetch.Spec.TTLSecondsAfterFinished != nil
	})
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the manager ended with: %v", err)
		}
	case <-time.After(patience):
		t.Error("the manager did not end")
	}
}

func startServer(t *testing.T) client.Client {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test`, or `make envtest-assets` and export `bin/devcluster assets`")
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
	}
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	user, err := environment.AddUser(envtest.User{Name: "manager"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", kubeconfig)
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	authorize(t, api)
	return api
}

// authorize gives the manager's user the roles that are shipped, and no more.
func authorize(t *testing.T, api client.Client) {
	t.Helper()
	user := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "manager"}
	var cluster rbacv1.ClusterRole
	load(t, "role.yaml", &cluster)
	create(t, api, &cluster)
	create(t, api, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: cluster.Name}, Subjects: []rbacv1.Subject{user},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: cluster.Name},
	})
	var leader rbacv1.Role
	load(t, "leader_election_role.yaml", &leader)
	leader.Namespace = "default"
	create(t, api, &leader)
	create(t, api, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: leader.Name}, Subjects: []rbacv1.Subject{user},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: leader.Name},
	})
}

func load(t *testing.T, file string, o any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("config", "rbac", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, o); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, api client.Client, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, check func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), interval, patience, true, func(ctx context.Context) (bool, error) {
		return check(ctx), nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func waitForJob(t *testing.T, api client.Client, stage v1alpha1.StageName) *batchv1.Job {
	t.Helper()
	var jobs batchv1.JobList
	eventually(t, fmt.Sprintf("a Job of %s", stage), func(ctx context.Context) bool {
		err := api.List(ctx, &jobs, client.InNamespace(builder.Namespace), client.MatchingLabels{v1alpha1.StageLabel: string(stage)})
		return err == nil && len(jobs.Items) == 1
	})
	return &jobs.Items[0]
}

// succeed ends a Job as kubelet and Job controller do.
func succeed(t *testing.T, api client.Client, job *batchv1.Job) {
	t.Helper()
	result, err := json.Marshal(contract.StageResult{
		Version: contract.Version, Stage: v1alpha1.StageName(job.Labels[v1alpha1.StageLabel]), Run: job.Labels[v1alpha1.RunLabel],
		Attempt: 1, Class: v1alpha1.Succeeded, ManifestDigest: digest, BaseModelDigest: digest,
	})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name, Labels: job.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: job.Spec.Template.Spec,
	}
	create(t, api, pod)
	now := metav1.Now()
	pod.Status = corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
		Name: contract.ContainerWorker, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: string(result), FinishedAt: now}},
	}}}
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	job.Status.StartTime, job.Status.CompletionTime, job.Status.Succeeded = &now, &now, 1
	for _, c := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue, LastProbeTime: now, LastTransitionTime: now})
	}
	if err := api.Status().Update(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

func TestFlags(t *testing.T) {
	t.Setenv(workerImageEnv, "")
	if err := run(t.Context(), options{}); err == nil || !strings.Contains(err.Error(), "--worker-image") {
		t.Errorf("without a worker image: %v", err)
	}
	help := command().UsageString()
	for _, flag := range []string{"worker-image", "namespaces", "leader-elect", "metrics-bind-address", "health-probe-bind-address"} {
		if !strings.Contains(help, "--"+flag) {
			t.Errorf("help lacks --%s:\n%s", flag, help)
		}
	}
}
