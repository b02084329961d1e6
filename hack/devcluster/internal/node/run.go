package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
)

const (
	// startTimeout is for etcd, the API server and containerd together, on a
	// machine that does something else too.
	startTimeout = 2 * time.Minute
	startPoll    = 100 * time.Millisecond
	// PauseArchive is the file name of the pause image among the components.
	PauseArchive = "pause.tar"
)

// Run is process 1 of the node. gate must deliver one byte when the host's side
// of the network is there; if it ends without one, `up` has died. Run returns
// when ctx ends or when the node cannot start.
func Run(ctx context.Context, s Spec, gate io.Reader) error {
	if _, err := io.ReadFull(gate, make([]byte, 1)); err != nil {
		return fmt.Errorf("wait for the network link: %w", err)
	}
	if err := syscall.Sethostname([]byte(s.Cluster.NodeName())); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := s.mountAll(); err != nil {
		return err
	}
	if err := s.configureLink(ctx); err != nil {
		return err
	}
	for _, name := range []string{"tmp", "podlogs", "kubelet"} {
		if err := os.MkdirAll(s.Paths.Data(name), 0o755); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
	}
	sup := newSupervisor(s.Paths, s.environment())
	go sup.reap(ctx)
	return s.startAll(ctx, sup)
}

// startAll starts the components in two groups and returns when ctx ends.
func (s Spec) startAll(ctx context.Context, sup *supervisor) error {
	began := time.Now()
	for _, p := range s.first() {
		go sup.keep(ctx, p)
	}
	client, err := apiclient.New(s.Cluster.Server(), s.Paths.PKI())
	if err != nil {
		return err
	}
	waitCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	load := Process{Name: "ctr", Path: "ctr", Args: append(CtrArgs(), "images", "import", filepath.Join(s.Components, PauseArchive))}
	err = apiclient.Poll(waitCtx, startPoll, func(ctx context.Context) error {
		if _, err := os.Stat(Socket); err != nil {
			return fmt.Errorf("containerd does not listen: %w", err)
		}
		return sup.run(ctx, load)
	})
	if err != nil {
		return fmt.Errorf("load the pause image: %w", err)
	}
	if err := apiclient.Poll(waitCtx, startPoll, client.Healthy); err != nil {
		return fmt.Errorf("the API server does not answer: %w", err)
	}
	slog.Info("API server and containerd answer", "after", time.Since(began))
	for _, p := range s.second() {
		go sup.keep(ctx, p)
	}
	<-ctx.Done()
	return nil
}

// CtrArgs are the first arguments of each call of containerd's client: the
// socket, and the namespace in which the kubelet looks for images.
func CtrArgs() []string { return []string{"--address", Socket, "--namespace", "k8s.io"} }
