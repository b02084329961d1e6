package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// Probe looks for a network that repository code must not have.
type Probe struct {
	// Addresses are tried by TCP.
	Addresses []string
	// Names are looked up.
	Names []string
	// Timeout of each try.
	Timeout time.Duration
}

// ClusterProbe tries what a pod would reach in a cluster that does not enforce
// NetworkPolicy: the API server, the cloud's metadata address and the cluster's
// names. The kubelet tells every container the API server's address.
func ClusterProbe() Probe {
	p := Probe{Addresses: []string{"169.254.169.254:80"}, Names: []string{"kubernetes.default.svc"}, Timeout: 2 * time.Second}
	if host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"); host != "" && port != "" {
		p.Addresses = append(p.Addresses, net.JoinHostPort(host, port))
	}
	return p
}

// Check returns an error that names the first thing that answered.
func (p Probe) Check(ctx context.Context) error {
	for _, address := range p.Addresses {
		dialer := net.Dialer{Timeout: p.Timeout}
		if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			_ = conn.Close() // the answer is what counts
			return fmt.Errorf("%w: %s answers", ErrNotIsolated, address)
		}
	}
	for _, name := range p.Names {
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		_, err := net.DefaultResolver.LookupHost(ctx, name)
		cancel()
		if err == nil {
			return fmt.Errorf("%w: the name %s resolves", ErrNotIsolated, name)
		}
	}
	return nil
}
