package repoexpert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/controllers/expertclass"
	"github.com/repoexpert/operator/internal/source"
	"github.com/repoexpert/operator/internal/source/gittest"
	"github.com/repoexpert/operator/test/builder"
)

// The suite runs the manager's RepoExpert and ExpertClass controllers against a
// real API server and real git repositories over HTTP. There is no kubelet, no
// Deployment controller and no ExpertRun controller: tests write the status of
// runs and Deployments themselves, where a comment or a helper's name says so.
var (
	api    client.Client
	counts = &requestCounter{}
	// wakeAll sends every expert through one more reconcile.
	wakeAll func(ctx context.Context) (int, error)
)

const workerImage = "registry.example/worker:1"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or `make envtest-assets` and export `bin/devcluster assets`")
		return 1
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start API server:", err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	defer func() {
		cancel()
		if err := errors.Join(<-stopped, env.Stop()); err != nil {
			fmt.Fprintln(os.Stderr, "stop:", err)
		}
	}()
	if err := start(ctx, config, stopped); err != nil {
		stopped <- nil
		fmt.Fprintln(os.Stderr, "start manager:", err)
		return 1
	}
	return m.Run()
}

func start(ctx context.Context, config *rest.Config, stopped chan<- error) error {
	ctrl.SetLogger(logr.Discard())
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	var err error
	if api, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	managed := rest.CopyConfig(config)
	managed.QPS, managed.Burst = 200, 400
	managed.Wrap(counts.wrap)
	manager, err := ctrl.NewManager(managed, ctrl.Options{
		Scheme:  scheme,
		Cache:   cache.Options{ByObject: CacheOptions()},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	git, err := source.NewGit("")
	if err != nil {
		return err
	}
	experts := New(Options{
		Client: manager.GetClient(), Live: manager.GetAPIReader(),
		Source:   source.NewPoller(git, source.NewSecrets(manager.GetAPIReader()), clock.RealClock{}, logr.Discard()),
		Recorder: manager.GetEventRecorder("repoexpert"), Clock: clock.RealClock{}, WorkerImage: workerImage,
	})
	wakeAll = func(ctx context.Context) (int, error) {
		var list v1alpha1.RepoExpertList
		if err := manager.GetClient().List(ctx, &list); err != nil {
			return 0, err
		}
		for i := range list.Items {
			if _, err := experts.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])}); err != nil {
				return 0, err
			}
		}
		return len(list.Items), nil
	}
	classes := expertclass.New(manager.GetClient(), clock.RealClock{})
	if err := errors.Join(experts.SetupWithManager(ctx, manager), classes.SetupWithManager(manager)); err != nil {
		return err
	}
	go func() { stopped <- manager.Start(ctx) }()
	if !manager.GetCache().WaitForCacheSync(ctx) {
		return errors.New("caches do not sync")
	}
	return nil
}

// requestCounter counts the manager's requests to the API server by method,
// watches apart.
type requestCounter struct {
	mu   sync.Mutex
	seen map[string]int
	// faulty is a namespace in which every write first fails before it reaches
	// the API server, then fails after it was carried out, and then succeeds.
	faulty string
	writes int
}

// errFault is what a request that fails by intention returns.
var errFault = errors.New("connection reset by the test")

func (c *requestCounter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("watch") == "" {
			c.mu.Lock()
			if c.seen == nil {
				c.seen = map[string]int{}
			}
			c.seen[r.Method+" "+r.URL.Path]++
			c.mu.Unlock()
		}
		switch c.turn(r) {
		case 1:
			return nil, errFault
		case 2:
			if response, err := next.RoundTrip(r); err == nil {
				_ = response.Body.Close() // the answer is lost on purpose
			}
			return nil, errFault
		default:
			return next.RoundTrip(r)
		}
	})
}

// turn counts the writes of the faulty namespace, events apart, by three.
func (c *requestCounter) turn(r *http.Request) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faulty == "" || r.Method == http.MethodGet || strings.Contains(r.URL.Path, "/events") || !strings.Contains(r.URL.Path, "/"+c.faulty+"/") {
		return 0
	}
	c.writes++
	return c.writes % 3
}

// fail makes the writes of a namespace fail until the test ends.
func (c *requestCounter) fail(t *testing.T, namespace string) {
	set := func(value string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.faulty = value
	}
	set(namespace)
	t.Cleanup(func() { set("") })
}

// take returns what was requested since the last call.
func (c *requestCounter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// eventually asks until there is no error, and fails with the last one.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(err)
		}
	}
}

// bench is one expert in a namespace of its own, with a class and a repository
// of its own.
type bench struct {
	t          *testing.T
	server     *gittest.Server
	repository gittest.Repository
	class      *v1alpha1.ExpertClass
	expert     *v1alpha1.RepoExpert
}

// prepare makes namespace, class and repository with one commit; the expert is
// made by create.
func prepare(t *testing.T) *bench {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	create(t, namespace)
	b := &bench{t: t, server: gittest.New(t)}
	b.repository = b.server.Repository(t, "click.git")
	b.repository.Commit(t, "main", "first")
	b.class = builder.MakeExpertClass().Name(namespace.Name).With(func(spec *v1alpha1.ExpertClassSpec) {
		spec.Retrain.PollInterval.Duration = time.Second
		spec.NetworkIsolation = v1alpha1.NetworkIsolationNotEnforced
	}).Obj()
	create(t, b.class)
	b.expert = builder.MakeRepoExpert().Namespace(namespace.Name).Class(b.class.Name).URL(b.repository.URL).Obj()
	return b
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	// The test's context has ended when its clean-up runs.
	t.Cleanup(func() { _ = api.Delete(context.Background(), o) })
}

// start creates the expert after a change.
func (b *bench) start(change func(*v1alpha1.RepoExpertSpec)) *bench {
	b.t.Helper()
	if change != nil {
		change(&b.expert.Spec)
	}
	create(b.t, b.expert)
	return b
}

func (b *bench) get(o client.Object, name string) error {
	return api.Get(b.t.Context(), client.ObjectKey{Namespace: b.expert.Namespace, Name: name}, o)
}

func (b *bench) read() *v1alpha1.RepoExpert {
	b.t.Helper()
	found := &v1alpha1.RepoExpert{}
	if err := b.get(found, b.expert.Name); err != nil {
		b.t.Fatal(err)
	}
	return found
}

// change edits the expert as a person does.
func (b *bench) change(edit func(*v1alpha1.RepoExpert)) {
	b.t.Helper()
	before := b.read()
	after := before.DeepCopy()
	edit(after)
	if err := api.Patch(b.t.Context(), after, client.MergeFrom(before)); err != nil {
		b.t.Fatal(err)
	}
}

// says waits for a condition with a status, a reason and parts of its message.
func (b *bench) says(conditionType string, status metav1.ConditionStatus, reason string, parts ...string) {
	b.t.Helper()
	eventually(b.t, func() error {
		expert := b.read()
		c := meta.FindStatusCondition(expert.Status.Conditions, conditionType)
		if c == nil {
			return fmt.Errorf("no condition %s in %s", conditionType, show(expert))
		}
		if c.Status != status || c.Reason != reason || c.ObservedGeneration != expert.Generation {
			return fmt.Errorf("%s is %s %s: %s; want %s %s\n%s", conditionType, c.Status, c.Reason, c.Message, status, reason, show(expert))
		}
		for _, part := range parts {
			if !strings.Contains(c.Message, part) {
				return fmt.Errorf("%s says %q; want %q in it", conditionType, c.Message, part)
			}
		}
		return nil
	})
}

func (b *bench) stalled(reason string, parts ...string) {
	b.t.Helper()
	b.says(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, parts...)
}

func show(expert *v1alpha1.RepoExpert) string {
	var lines []string
	for _, c := range expert.Status.Conditions {
		lines = append(lines, fmt.Sprintf("  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(lines, "\n")
}

// run waits for the run of a commit and token.
func (b *bench) run(commit, token string) *v1alpha1.ExpertRun {
	b.t.Helper()
	var found *v1alpha1.ExpertRun
	eventually(b.t, func() error {
		var runs v1alpha1.ExpertRunList
		if err := api.List(b.t.Context(), &runs, client.InNamespace(b.expert.Namespace)); err != nil {
			return err
		}
		for i := range runs.Items {
			if runs.Items[i].Spec.Commit == commit && runs.Items[i].Spec.Token == token {
				found = &runs.Items[i]
				return nil
			}
		}
		return fmt.Errorf("no run of commit %s with token %q among %d\n%s", commit, token, len(runs.Items), show(b.read()))
	})
	return found
}

// reach plays the ExpertRun controller: the run is in a stage.
func (b *bench) reach(run *v1alpha1.ExpertRun, stage v1alpha1.StageName) {
	b.t.Helper()
	b.writeRun(run, func(s *v1alpha1.ExpertRunStatus) {
		s.Stage = stage
		s.Stages = []v1alpha1.StageStatus{{Name: stage, State: v1alpha1.StageRunning}}
	})
}

// fail plays the ExpertRun controller: the run ends without a verdict.
func (b *bench) fail(run *v1alpha1.ExpertRun, stage v1alpha1.StageName, message string) {
	b.t.Helper()
	b.writeRun(run, func(s *v1alpha1.ExpertRunStatus) {
		s.Stage = stage
		s.Stages = []v1alpha1.StageStatus{{Name: stage, State: v1alpha1.StageFailed, Message: message}}
		s.CompletionTime = now()
	})
}

// finish plays the ExpertRun controller: the run ends with a verdict.
func (b *bench) finish(run *v1alpha1.ExpertRun, decision v1alpha1.Decision) {
	b.t.Helper()
	b.finishWith(run, decision, func(*v1alpha1.Verdict) {})
}

// finishWith ends it with a verdict that says more.
func (b *bench) finishWith(run *v1alpha1.ExpertRun, decision v1alpha1.Decision, more func(*v1alpha1.Verdict)) {
	b.t.Helper()
	digest := "sha256:" + run.Spec.Key
	b.writeRun(run, func(s *v1alpha1.ExpertRunStatus) {
		s.Stage = v1alpha1.StageEvaluate
		s.Stages = []v1alpha1.StageStatus{
			{Name: v1alpha1.StageTrain, State: v1alpha1.StageSucceeded, Key: strings.Repeat("a", 24) + run.Spec.Commit, ManifestDigest: digest},
			{Name: v1alpha1.StageEvaluate, State: v1alpha1.StageSucceeded, Key: strings.Repeat("b", 24) + run.Spec.Commit, ManifestDigest: digest},
		}
		s.Evaluation = &v1alpha1.EvaluationRecord{Fingerprint: "f", Protocol: "Tasks", CandidateDigest: digest}
		s.Verdict = &v1alpha1.Verdict{Decision: decision, Reason: "scored 93.3 against 10.0", Score: "93.3", GateDigest: "sha256:g", Digest: "sha256:v" + run.Spec.ShortCommit, DecidedTime: *now()}
		more(s.Verdict)
		s.CompletionTime = now()
	})
}

func now() *metav1.Time { t := metav1.Now().Rfc3339Copy(); return &t }

func (b *bench) writeRun(run *v1alpha1.ExpertRun, edit func(*v1alpha1.ExpertRunStatus)) {
	b.t.Helper()
	before := run.DeepCopy()
	edit(&run.Status)
	if err := api.Status().Patch(b.t.Context(), run, client.MergeFrom(before)); err != nil {
		b.t.Fatal(err)
	}
}

// deployment waits for the Deployment that serves a run.
func (b *bench) deployment(run *v1alpha1.ExpertRun) *appsv1.Deployment {
	b.t.Helper()
	found := &appsv1.Deployment{}
	eventually(b.t, func() error {
		if err := b.get(found, b.expert.Name); err != nil {
			return fmt.Errorf("%w\n%s", err, show(b.read()))
		}
		if got := found.Annotations[v1alpha1.ServedRunAnnotation]; got != run.Name {
			return fmt.Errorf("the Deployment serves %s; want %s\n%s", got, run.Name, show(b.read()))
		}
		return nil
	})
	return found
}

// rolls plays the Deployment controller: the roll to a run ends well.
func (b *bench) rolls(run *v1alpha1.ExpertRun) {
	b.t.Helper()
	b.writeDeployment(b.deployment(run), 1, 1, corev1.ConditionTrue, "NewReplicaSetAvailable")
}

// misses plays the Deployment controller: the roll misses its deadline while
// the pods before keep answering.
func (b *bench) misses(run *v1alpha1.ExpertRun) {
	b.t.Helper()
	b.writeDeployment(b.deployment(run), 1, 2, corev1.ConditionFalse, timedOut)
}

func (b *bench) writeDeployment(d *appsv1.Deployment, ready, replicas int32, progressing corev1.ConditionStatus, reason string) {
	b.t.Helper()
	before := d.DeepCopy()
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: 1, ReadyReplicas: ready, AvailableReplicas: ready,
		Conditions: []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentProgressing, Status: progressing, Reason: reason,
			LastUpdateTime: *now(), LastTransitionTime: *now(),
		}},
	}
	if err := api.Status().Patch(b.t.Context(), d, client.MergeFrom(before)); err != nil {
		b.t.Fatal(err)
	}
}

// serving brings an expert to where its first run serves.
func (b *bench) serving() *v1alpha1.ExpertRun {
	b.t.Helper()
	run := b.run(b.head(), "")
	b.finish(run, v1alpha1.DecisionPromote)
	b.rolls(run)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, run.Name)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionTrue, v1alpha1.ReasonReady)
	return run
}

func (b *bench) head() string { b.t.Helper(); return b.repository.Head(b.t, "main") }

// serves checks what status and Deployment say is served, now.
func (b *bench) serves(run *v1alpha1.ExpertRun) {
	b.t.Helper()
	expert := b.read()
	if expert.Status.Served == nil || expert.Status.Served.RunName != run.Name {
		b.t.Fatalf("status serves %+v; want %s", expert.Status.Served, run.Name)
	}
	d := &appsv1.Deployment{}
	if err := b.get(d, b.expert.Name); err != nil {
		b.t.Fatal(err)
	}
	if got := d.Annotations[v1alpha1.ServedRunAnnotation]; got != run.Name {
		b.t.Fatalf("the Deployment serves %s; want %s", got, run.Name)
	}
}
