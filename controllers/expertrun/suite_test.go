package expertrun_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/controllers/expertrun"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

var (
	scheme = runtime.NewScheme()
	config *rest.Config
	server client.WithWatch
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or `make envtest-assets` and export `bin/devcluster assets`")
		return 1
	}
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the API server:", err)
		return 1
	}
	defer func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
		}
	}()
	return m.Run()
}

var environment = &envtest.Environment{
	CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
	ErrorIfCRDPathMissing: true,
}

func start() (err error) {
	if err = clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err = v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if config, err = environment.Start(); err != nil {
		return err
	}
	config.QPS = -1
	server, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	return err
}

// cluster is a namespace with an expert, its class and a run. No Job
// controller, scheduler or kubelet works in it: tests play them by writing the
// status of Jobs and pods.
type cluster struct {
	t       *testing.T
	ctx     context.Context
	name    string
	clock   *clocktesting.FakePassiveClock
	expert  *v1alpha1.RepoExpert
	class   *v1alpha1.ExpertClass
	run     types.NamespacedName
	writes  *writes
	logs    *logs
	client  client.Client
	subject *expertrun.Reconciler
	// settings of the subject, to make another one.
	options expertrun.Options
	// record changes the evaluation record that the worker writes.
	record func(*v1alpha1.EvaluationRecord)
}

// writes counts what the operator writes, and lets a test break it.
type writes struct {
	mu     sync.Mutex
	list   []string
	before func(what string) error
	after  func(what string) error
}

func (w *writes) do(what string, write func() error) error {
	if w.before != nil {
		if err := w.before(what); err != nil {
			return err
		}
	}
	if err := write(); err != nil {
		return err
	}
	w.mu.Lock()
	w.list = append(w.list, what)
	w.mu.Unlock()
	if w.after != nil {
		return w.after(what)
	}
	return nil
}

func (w *writes) count() map[string]int {
	counts := map[string]int{}
	for _, what := range w.list {
		counts[what]++
	}
	return counts
}

// logs stands in for the kubelet's logs, by pod.
type logs struct {
	text map[string]string
	err  error
	read int
}

func (l *logs) Tail(_ context.Context, pod types.NamespacedName, _ string, _, _ int64) (string, error) {
	l.read++
	return l.text[pod.Name], l.err
}

var namespaces atomic.Int64

func newCluster(t *testing.T, changes ...func(*v1alpha1.ExpertClassSpec)) *cluster {
	t.Helper()
	c := &cluster{
		t: t, ctx: t.Context(), name: fmt.Sprintf("team-%d", namespaces.Add(1)),
		clock: clocktesting.NewFakePassiveClock(time.Now()), writes: &writes{}, logs: &logs{text: map[string]string{}},
	}
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.name}})
	class := builder.MakeExpertClass().Name(c.name)
	for _, change := range changes {
		class.With(change)
	}
	c.class = class.Obj()
	c.create(c.class)
	c.expert = builder.MakeRepoExpert().Namespace(c.name).Class(c.name).Obj()
	c.create(c.expert)
	c.run = c.addRun(builder.Commit)
	c.client = interceptor.NewClient(server, c.funcs())
	c.options = expertrun.Options{
		Client: c.client, Live: server, Logs: c.logs, Recorder: events.NewFakeRecorder(1000), Clock: c.clock,
		Gate: standIn{}, WorkerImage: "registry.example/worker:1",
	}
	c.restart()
	t.Cleanup(func() {
		if err := server.Delete(context.Background(), c.class); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	return c
}

// restart makes a new manager, which remembers nothing.
func (c *cluster) restart() { c.subject = expertrun.New(c.options) }

// standIn stands in for the gate's decision, which has tests of its own; it promotes
// whatever is asked.
type standIn struct{ gate.Rules }

func (standIn) Decide(spec v1alpha1.Gate, _ gate.Question) gate.Answer {
	return gate.Answer{Verdict: v1alpha1.Verdict{Decision: v1alpha1.DecisionPromote, Reason: "good", GateDigest: fmt.Sprint(spec.MinGainPoints), Digest: fmt.Sprint("v", spec.MinGainPoints)}}
}

func (c *cluster) funcs() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, next client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return c.writes.do("create "+kindOf(o), func() error { return next.Create(ctx, o, options...) })
		},
		Delete: func(ctx context.Context, next client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			return c.writes.do("delete "+kindOf(o), func() error { return next.Delete(ctx, o, options...) })
		},
		Apply: func(ctx context.Context, next client.WithWatch, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			kind := fmt.Sprintf("%T", o)
			if object, ok := o.(interface{ GetKind() string }); ok {
				kind = object.GetKind()
			}
			return c.writes.do("apply "+kind, func() error { return next.Apply(ctx, o, options...) })
		},
		Patch: func(ctx context.Context, next client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			return c.writes.do("patch "+kindOf(o), func() error { return next.Patch(ctx, o, p, options...) })
		},
		SubResourcePatch: func(ctx context.Context, next client.Client, sub string, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
			return c.writes.do(sub+" "+kindOf(o), func() error { return next.SubResource(sub).Patch(ctx, o, p, options...) })
		},
	}
}

func kindOf(o client.Object) string {
	switch o.(type) {
	case *batchv1.Job:
		return "Job"
	case *v1alpha1.ExpertRun:
		return "ExpertRun"
	case *appsv1.Deployment:
		return "Deployment"
	case *corev1.Service:
		return "Service"
	case *networkingv1.NetworkPolicy:
		return "NetworkPolicy"
	default:
		return fmt.Sprintf("%T", o)
	}
}

func (c *cluster) create(o client.Object) {
	c.t.Helper()
	if err := server.Create(c.ctx, o); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) addRun(commit string) types.NamespacedName {
	c.t.Helper()
	run := builder.MakeExpertRun(c.expert, c.class).Commit(commit).Obj()
	c.create(run)
	return client.ObjectKeyFromObject(run)
}

// reconcile takes one step of a run.
func (c *cluster) reconcile(run types.NamespacedName) (ctrl.Result, error) {
	return c.subject.Reconcile(c.ctx, ctrl.Request{NamespacedName: run})
}

// settle reconciles a run until nothing is written any more.
func (c *cluster) settle() ctrl.Result { c.t.Helper(); return c.settleRun(c.run) }

func (c *cluster) settleRun(run types.NamespacedName) ctrl.Result {
	c.t.Helper()
	for range 50 {
		before := len(c.writes.list)
		result, err := c.reconcile(run)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(c.writes.list) == before {
			return result
		}
	}
	c.t.Fatalf("50 reconciles did not come to rest: %v", c.writes.list)
	return ctrl.Result{}
}

func (c *cluster) get(name types.NamespacedName) *v1alpha1.ExpertRun {
	c.t.Helper()
	run := &v1alpha1.ExpertRun{}
	if err := server.Get(c.ctx, name, run); err != nil {
		c.t.Fatal(err)
	}
	return run
}

func (c *cluster) condition(conditionType string) metav1.Condition {
	c.t.Helper()
	for _, condition := range c.get(c.run).Status.Conditions {
		if condition.Type == conditionType {
			return condition
		}
	}
	return metav1.Condition{}
}

// under returns the attempt under way and its Job.
func (c *cluster) under() (pipeline.AttemptID, *batchv1.Job) {
	c.t.Helper()
	run := c.get(c.run)
	stage := pipeline.Active(&run.Status)
	attempt := pipeline.CurrentAttempt(stage)
	if attempt == nil {
		c.t.Fatalf("no attempt is under way: %+v", run.Status)
	}
	job := &batchv1.Job{}
	name := pipeline.JobName(run.Name, stage.Name, attempt.Number)
	if err := server.Get(c.ctx, types.NamespacedName{Namespace: c.name, Name: name}, job); err != nil {
		c.t.Fatal(err)
	}
	return pipeline.AttemptID{Stage: stage.Name, Number: attempt.Number}, job
}
