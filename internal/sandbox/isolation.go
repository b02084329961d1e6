package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// probeTimeout is how long an address may take to answer.
	probeTimeout    = 2 * time.Second
	defaultPatience = 15 * time.Second
	isolationPause  = time.Second

	metadataAddress = "169.254.169.254:80"
	clusterName     = "kubernetes.default.svc.cluster.local."
)

// DefaultProbes are addresses that must not answer from a sandbox: the cloud's
// metadata service and the API server, which the kubelet names in every
// container's environment.
func DefaultProbes() []string {
	probes := []string{metadataAddress}
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" {
		port := os.Getenv("KUBERNETES_SERVICE_PORT")
		if port == "" {
			port = "443"
		}
		probes = append(probes, net.JoinHostPort(host, port))
	}
	return probes
}

// isolated checks the network once, before the first request is served. A
// request that ends before the check does leaves it to the next.
func (s *Server) isolated(ctx context.Context) error {
	if !s.options.Isolated {
		return nil
	}
	s.isolation.Lock()
	defer s.isolation.Unlock()
	if s.isolationDone {
		return s.isolationErr
	}
	err := awaitIsolation(ctx, s.options.Probes, s.options.Patience)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.isolationDone, s.isolationErr = true, err
	return err
}

func awaitIsolation(ctx context.Context, probes []string, patience time.Duration) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pause := time.NewTicker(isolationPause)
	defer pause.Stop()
	for {
		answering := probe(ctx, probes)
		if answering == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%w: %s answers", ErrNotIsolated, answering)
		case <-pause.C:
		}
	}
}

// probe returns the first of the addresses, in their order, that answers. DNS is
// the last.
func probe(ctx context.Context, probes []string) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answered := make([]bool, len(probes)+1)
	var group errgroup.Group
	for i, address := range probes {
		group.Go(func() error {
			answered[i] = connects(ctx, address)
			return nil
		})
	}
	group.Go(func() error {
		answered[len(probes)] = resolves(ctx)
		return nil
	})
	// No probe returns an error.
	_ = group.Wait()
	for i, did := range answered {
		switch {
		case did && i < len(probes):
			return probes[i]
		case did:
			return "DNS"
		}
	}
	return ""
}

func connects(ctx context.Context, address string) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	// It was made: what closing says changes nothing.
	_ = conn.Close()
	return true
}

// resolves says whether a name server answers, be it that there is no such name.
func resolves(ctx context.Context) bool {
	resolver := net.Resolver{PreferGo: true}
	_, err := resolver.LookupHost(ctx, clusterName)
	var dns *net.DNSError
	return err == nil || errors.As(err, &dns) && dns.IsNotFound
}
