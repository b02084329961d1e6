package pki

import (
	"fmt"
	"net/netip"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

// masters is the group that the API server authorizes for everything.
const masters = "system:masters"

// Files makes every certificate and key of a cluster, by file name.
func Files(c layout.Cluster) (map[string][]byte, error) {
	authority, err := NewAuthority("devcluster-" + c.Name())
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"ca.crt": authority.Cert, "ca.key": authority.Key}
	for name, request := range requests(c) {
		pair, err := authority.Sign(request)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", name, err)
		}
		files[name+".crt"], files[name+".key"] = pair.Cert, pair.Key
	}
	if files["sa.key"], files["sa.pub"], err = SigningKey(); err != nil {
		return nil, err
	}
	return files, nil
}

func requests(c layout.Cluster) map[string]Request {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return map[string]Request{
		"apiserver": {
			CommonName: "kube-apiserver",
			Addresses:  []netip.Addr{loopback, c.NodeIP(), c.APIServiceIP()},
			DNSNames: []string{
				"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc." + layout.ClusterDomain,
			},
		},
		// The Node authorizer knows a kubelet by this name and this group.
		"kubelet": {
			CommonName: "system:node:" + c.NodeName(), Organization: "system:nodes",
			Addresses: []netip.Addr{c.NodeIP()}, DNSNames: []string{c.NodeName()},
		},
		"admin":              {CommonName: "devcluster-admin", Organization: masters},
		"apiserver-kubelet":  {CommonName: "kube-apiserver-kubelet-client", Organization: masters},
		"front-proxy-client": {CommonName: "front-proxy-client"},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"proxy":              {CommonName: "system:kube-proxy"},
		"coredns":            {CommonName: "system:coredns"},
	}
}
