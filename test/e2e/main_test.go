//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/repoexpert/operator/hack/local"
)

const clusterName = "e2e"

// world is what all stories share.
type world struct {
	// ctx ends when somebody interrupts the run: a story that goes on waiting would
	// keep the cluster from being taken down.
	ctx     context.Context
	root    local.Root
	cluster *local.Cluster
	images  local.Images
	tools   local.Toolchain
}

var shared world

func TestMain(m *testing.M) {
	// The client library wants a logger; what it would say, errors say too.
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, m)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (code int) {
	root, err := local.FindRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	site := local.OneNode(root, clusterName, os.Stderr)
	defer func() {
		if err := site.Down(context.WithoutCancel(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: tear-down:", err)
			code = 1
		}
	}()
	if err := setUp(ctx, root, site); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: set-up:", err)
		return 1
	}
	shared.ctx = ctx
	return m.Run()
}

func setUp(ctx context.Context, root local.Root, site local.Site) error {
	start := time.Now()
	say := func(what string) {
		fmt.Fprintf(os.Stderr, "e2e: %s after %s\n", what, time.Since(start).Round(time.Second))
	}
	// What an interrupted run left behind must not pass for this run's work.
	if err := site.Down(ctx); err != nil {
		return err
	}
	var err error
	if shared.tools, err = local.EnsureToolchain(ctx, root, os.Stderr, false); err != nil {
		return err
	}
	say("trainer, engines and base model there")
	if shared.cluster, err = site.Up(ctx); err != nil {
		return err
	}
	say("cluster up")
	if err := local.Build(ctx, root, os.Stderr); err != nil {
		return err
	}
	if shared.images, err = shared.cluster.Images(ctx, shared.tools); err != nil {
		return err
	}
	shared.root = root
	if err := shared.cluster.Install(ctx, shared.images); err != nil {
		return err
	}
	say("operator installed")
	return nil
}
