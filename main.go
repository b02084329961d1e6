// The manager decides and writes Kubernetes objects. It never touches the
// content of a repository: that is the worker's work, in pods of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/controllers/expertclass"
	"github.com/repoexpert/operator/controllers/expertrun"
	"github.com/repoexpert/operator/controllers/repoexpert"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/source"
)

const (
	leaderElectionID = "manager.repoexpert.dev"
	workerImageEnv   = "WORKER_IMAGE"
	// shutdownTimeout is within the pod's grace period, so that the lease is
	// given back before the process is killed.
	shutdownTimeout = 8 * time.Second
	// The API server's own fairness queues us; these only bound a defect.
	clientQPS   = 200
	clientBurst = 400
)

// options are the manager's flags.
type options struct {
	metricsAddress string
	probeAddress   string
	leaderElection bool
	// leaderNamespace holds the lease; empty means the manager's own.
	leaderNamespace string
	workerImage     string
	namespaces      []string
	verbose         bool
}

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("the manager stopped", "error", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:           "manager",
		Short:         "Turns git repositories into small models that know them, and serves them",
		Long:          "The manager of the repo-expert operator. It finds its cluster by KUBECONFIG, or by its own\nServiceAccount inside a pod.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.workerImage, "worker-image", os.Getenv(workerImageEnv), "image of the worker that runs the stages; default: the variable "+workerImageEnv)
	f.StringSliceVar(&o.namespaces, "namespaces", nil, "namespaces to watch, separated by commas; default: all")
	f.BoolVar(&o.leaderElection, "leader-elect", false, "work only while holding the lease; for more than one replica")
	f.StringVar(&o.leaderNamespace, "leader-election-namespace", "", "namespace of the lease; default: the manager's own, inside a pod")
	f.StringVar(&o.metricsAddress, "metrics-bind-address", "0", "address of the metrics, served by TLS to who may read them; 0 turns them off")
	f.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 turns them off")
	f.BoolVar(&o.verbose, "verbose", false, "log what is normal, too")
	return c
}

func run(ctx context.Context, o options) error {
	if o.workerImage == "" {
		return errors.New("the worker image is not set: give --worker-image or the variable " + workerImageEnv)
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS, config.Burst = clientQPS, clientBurst
	manager, err := newManager(config, o)
	if err != nil {
		return err
	}
	if err := wire(ctx, manager, o); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register kinds: %w", err)
	}
	namespaces := map[string]cache.Config{}
	for _, n := range o.namespaces {
		namespaces[n] = cache.Config{}
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache:  cache.Options{DefaultNamespaces: namespaces, ByObject: cacheOptions()},
		Client: client.Options{Cache: &client.CacheOptions{
			// Secrets of others must not fill our memory, nor ours lie in it.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
		}},
		Metrics: metricsserver.Options{
			BindAddress:    o.metricsAddress,
			SecureServing:  true,
			FilterProvider: filters.WithAuthenticationAndAuthorization,
		},
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       ptr.To(shutdownTimeout),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return manager, errors.Join(
		manager.AddHealthzCheck("ping", healthz.Ping),
		manager.AddReadyzCheck("ping", healthz.Ping))
}

// cacheOptions limits what is kept to objects of ours: foreign Jobs, pods and
// Deployments must cost no memory.
func cacheOptions() map[client.Object]cache.ByObject {
	byObject := expertrun.CacheOptions()
	maps.Copy(byObject, repoexpert.CacheOptions())
	return byObject
}

// wire gives each controller what it works with.
func wire(ctx context.Context, manager ctrl.Manager, o options) error {
	clientset, err := kubernetes.NewForConfigAndClient(manager.GetConfig(), manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("set up a client for logs: %w", err)
	}
	git, err := source.NewGit(os.TempDir())
	if err != nil {
		return err
	}
	runs := expertrun.New(expertrun.Options{
		Client:      manager.GetClient(),
		Live:        manager.GetAPIReader(),
		Logs:        expertrun.PodLogs{Client: clientset},
		Recorder:    manager.GetEventRecorder("expertrun"),
		Clock:       clock.RealClock{},
		Gate:        gate.Rules{},
		WorkerImage: o.workerImage,
	})
	experts := repoexpert.New(repoexpert.Options{
		Client:      manager.GetClient(),
		Live:        manager.GetAPIReader(),
		Source:      source.NewPoller(git, source.NewSecrets(manager.GetAPIReader()), clock.RealClock{}, manager.GetLogger().WithName("source")),
		Recorder:    manager.GetEventRecorder("repoexpert"),
		Clock:       clock.RealClock{},
		WorkerImage: o.workerImage,
	})
	classes := expertclass.New(manager.GetClient(), clock.RealClock{})
	return errors.Join(
		expertrun.RegisterMetrics(),
		runs.SetupWithManager(manager),
		experts.SetupWithManager(ctx, manager),
		classes.SetupWithManager(manager))
}
