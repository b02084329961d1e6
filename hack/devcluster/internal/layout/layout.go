// Package layout derives every name and address of a cluster from its name and
// its index, so that several clusters can run on one machine at once and each
// can be found again, and removed, by its name alone.
//
// It only computes: it reads no file and changes nothing.
package layout

import (
	"fmt"
	"net/netip"
	"regexp"
)

const (
	// MaxClusters is how many clusters one machine can hold at once: each has
	// one of the sixteen /20 blocks of the service range 10.96.0.0/16.
	MaxClusters = 16
	// maxNameLength keeps the derived control group and host names within what
	// the kernel takes (64 bytes for a host name).
	maxNameLength = 20
	// linkBits is the prefix length of the link between the host and the node.
	linkBits = 24
	// APIPort is where the API server of every cluster listens.
	APIPort = 6443
	// registryPort is the customary one.
	registryPort = 5000
	// ClusterDomain is the DNS zone of Services.
	ClusterDomain = "cluster.local"
)

var namePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// Cluster is the identity of one cluster. The zero value is not valid: use New.
type Cluster struct {
	name  string
	index int
}

// New checks the name and the index.
func New(name string, index int) (Cluster, error) {
	if err := ValidateName(name); err != nil {
		return Cluster{}, err
	}
	if index < 0 || index >= MaxClusters {
		return Cluster{}, fmt.Errorf("cluster index %d is not in 0..%d", index, MaxClusters-1)
	}
	return Cluster{name: name, index: index}, nil
}

// ValidateName says what is wrong with a cluster name, if anything.
func ValidateName(name string) error {
	if len(name) > maxNameLength || !namePattern.MatchString(name) {
		return fmt.Errorf("cluster name %q: want at most %d characters, lower-case letters, digits and dashes, a letter first", name, maxNameLength)
	}
	return nil
}

// Name is the name that the user gave.
func (c Cluster) Name() string { return c.name }

// Index tells the clusters of one machine apart.
func (c Cluster) Index() int { return c.index }

// NodeName is the name of the one Node object.
func (c Cluster) NodeName() string { return c.name + "-node" }

// CgroupName is the folder of the cluster in each control group hierarchy.
func (c Cluster) CgroupName() string { return CgroupName(c.name) }

// CgroupName derives the control group from the name alone, so that `down` can
// remove what a cluster without a readable record left.
func CgroupName(name string) string { return "devcluster-" + name }

// HostLink is the host's end of the link to the node.
func (c Cluster) HostLink() string { return fmt.Sprintf("devcluster%d", c.index) }

// NodeLink is the node's end of the link to the host.
func (c Cluster) NodeLink() string { return "eth0" }

// Link is the subnet of the link between the host and the node.
func (c Cluster) Link() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 89, byte(c.index), 0}), linkBits)
}

// HostAddress is the host's address on the link, with its prefix length.
func (c Cluster) HostAddress() netip.Prefix { return address(c.Link(), 1) }

// NodeAddress is the node's address on the link, with its prefix length.
func (c Cluster) NodeAddress() netip.Prefix { return address(c.Link(), 2) }

// NodeIP is where the API server, the kubelet and node ports are reached.
func (c Cluster) NodeIP() netip.Addr { return c.NodeAddress().Addr() }

// PodCIDR holds the addresses of the pods.
func (c Cluster) PodCIDR() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(c.index), 0}), 24)
}

// ServiceCIDR holds the addresses of the Services.
func (c Cluster) ServiceCIDR() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 96, byte(16 * c.index), 0}), 20)
}

// APIServiceIP is the address of the Service "kubernetes": by rule the first of
// the range.
func (c Cluster) APIServiceIP() netip.Addr { return address(c.ServiceCIDR(), 1).Addr() }

// DNSServiceIP is the address of the Service "kube-dns": by custom the tenth.
func (c Cluster) DNSServiceIP() netip.Addr { return address(c.ServiceCIDR(), 10).Addr() }

// Server is the URL of the API server.
func (c Cluster) Server() string { return fmt.Sprintf("https://%s:%d", c.NodeIP(), APIPort) }

// Registry is where the node pulls images without TLS: a registry that this
// machine may run on its end of the link.
func (c Cluster) Registry() netip.AddrPort {
	return netip.AddrPortFrom(c.HostAddress().Addr(), registryPort)
}

// Subnets lists what the host must have no other use for.
func (c Cluster) Subnets() []netip.Prefix {
	return []netip.Prefix{c.Link(), c.PodCIDR(), c.ServiceCIDR()}
}

func address(subnet netip.Prefix, offset byte) netip.Prefix {
	b := subnet.Addr().As4()
	b[3] += offset
	return netip.PrefixFrom(netip.AddrFrom4(b), subnet.Bits())
}
