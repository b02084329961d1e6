package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
)

// ConnectHost makes the link between the host and the network namespace of a
// process, and the host's routes over it. It runs on the host. Link and routes
// vanish with the namespace.
//
// Routes, rather than forwarded ports, so that programs of the host reach each
// Service and pod by the address that the cluster knows it by.
func (s Spec) ConnectHost(ctx context.Context, pid int) error {
	c := s.Cluster
	for _, args := range [][]string{
		{"link", "add", c.HostLink(), "type", "veth", "peer", "name", c.NodeLink(), "netns", strconv.Itoa(pid)},
		{"link", "set", c.HostLink(), "alias", s.Paths.Dir},
		{"addr", "add", c.HostAddress().String(), "dev", c.HostLink()},
		{"link", "set", c.HostLink(), "up"},
		{"route", "add", c.PodCIDR().String(), "via", c.NodeIP().String()},
		{"route", "add", c.ServiceCIDR().String(), "via", c.NodeIP().String()},
	} {
		if err := command.Run(ctx, "ip", args...); err != nil {
			return fmt.Errorf("connect the node to the host: %w", err)
		}
	}
	return nil
}

// linksFolder shows the host's links, one folder each.
const linksFolder = "/sys/class/net"

// OwnsHostLink says whether the host has the link of ConnectHost. Link names are
// few and used again: the alias tells this cluster's link from one of the same
// name that a cluster of another user or state folder has made since.
func (s Spec) OwnsHostLink() (bool, error) { return s.ownsLink(linksFolder) }

func (s Spec) ownsLink(links string) (bool, error) {
	alias, err := os.ReadFile(filepath.Join(links, s.Cluster.HostLink(), "ifalias"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the host's links: %w", err)
	}
	return strings.TrimSuffix(string(alias), "\n") == s.Paths.Dir, nil
}

// configureLink is the node's side of ConnectHost.
func (s Spec) configureLink(ctx context.Context) error {
	c := s.Cluster
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", c.NodeAddress().String(), "dev", c.NodeLink()},
		{"link", "set", c.NodeLink(), "up"},
		{"route", "add", "default", "via", c.HostAddress().Addr().String()},
	} {
		if err := command.Run(ctx, "ip", args...); err != nil {
			return fmt.Errorf("connect the host to the node: %w", err)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the node forward packets: %w", err)
	}
	// Two pods of one bridge reach each other through a Service only if bridged
	// packets pass through the translation of addresses.
	err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte("1"), 0o644)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("let bridged packets be translated: %w", err)
	}
	return nil
}
