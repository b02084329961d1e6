package node

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

// Process is one component of the node.
type Process struct {
	Name string
	Path string
	Args []string
}

const etcdURL = "http://127.0.0.1:2379"

// first are the processes that wait for nobody; second are those that would only
// fail and back off until the API server and containerd answer.
func (s Spec) first() []Process {
	return []Process{s.etcd(), s.apiServer(), {
		Name: "containerd", Path: "containerd",
		Args: []string{"--config", s.Paths.Config("containerd.toml")},
	}}
}

func (s Spec) second() []Process {
	return []Process{s.controllerManager(), s.scheduler(), s.kubelet(), {
		Name: "kube-proxy", Path: s.program("kube-proxy"),
		Args: []string{"--config=" + s.Paths.Config("kube-proxy.yaml")},
	}, {
		Name: "coredns", Path: s.program("coredns"),
		Args: []string{"-conf", s.Paths.Config("Corefile")},
	}}
}

func (s Spec) program(name string) string { return filepath.Join(s.Components, name) }

func (s Spec) pki(name string) string { return filepath.Join(s.Paths.PKI(), name) }

// etcd does not sync to disk: a cluster that is thrown away when the machine
// stops need not survive a power cut, and syncing halves the speed of a test.
func (s Spec) etcd() Process {
	return Process{Name: "etcd", Path: s.program("etcd"), Args: []string{
		"--data-dir=" + s.Paths.Data("etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--unsafe-no-fsync",
		"--log-level=warn",
	}}
}

func (s Spec) apiServer() Process {
	return Process{Name: "kube-apiserver", Path: s.program("kube-apiserver"), Args: []string{
		"--etcd-servers=" + etcdURL,
		"--advertise-address=" + s.Cluster.NodeIP().String(),
		"--secure-port=" + strconv.Itoa(layout.APIPort),
		"--service-cluster-ip-range=" + s.Cluster.ServiceCIDR().String(),
		"--tls-cert-file=" + s.pki("apiserver.crt"),
		"--tls-private-key-file=" + s.pki("apiserver.key"),
		"--client-ca-file=" + s.pki("ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc." + s.Domain(),
		"--service-account-key-file=" + s.pki("sa.pub"),
		"--service-account-signing-key-file=" + s.pki("sa.key"),
		// By default it asks for the node by name, which nothing resolves here.
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + s.pki("ca.crt"),
		"--kubelet-client-certificate=" + s.pki("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + s.pki("apiserver-kubelet.key"),
		"--proxy-client-cert-file=" + s.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + s.pki("front-proxy-client.key"),
		"--requestheader-client-ca-file=" + s.pki("ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--audit-policy-file=" + s.Paths.Config("audit.yaml"),
		"--audit-log-path=" + s.Paths.Log("audit"),
		"--audit-log-maxsize=100",
		"--audit-log-maxbackup=1",
	}}
}

func (s Spec) controllerManager() Process {
	kubeconfig := s.Paths.Config("controller-manager.kubeconfig")
	return Process{Name: "kube-controller-manager", Path: s.program("kube-controller-manager"), Args: []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		// Each controller under its own account, as in every real cluster; with
		// one account for all, missing permissions go unnoticed.
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + s.pki("sa.key"),
		"--root-ca-file=" + s.pki("ca.crt"),
		"--cluster-signing-cert-file=" + s.pki("ca.crt"),
		"--cluster-signing-key-file=" + s.pki("ca.key"),
		// The default, 20 requests a second, is what a rollout waits for.
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--cert-dir=" + s.Paths.Data("controller-manager"),
	}}
}

func (s Spec) scheduler() Process {
	kubeconfig := s.Paths.Config("scheduler.kubeconfig")
	return Process{Name: "kube-scheduler", Path: s.program("kube-scheduler"), Args: []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--cert-dir=" + s.Paths.Data("scheduler"),
	}}
}

func (s Spec) kubelet() Process {
	return Process{Name: "kubelet", Path: s.program("kubelet"), Args: []string{
		"--config=" + s.Paths.Config("kubelet.yaml"),
		"--kubeconfig=" + s.Paths.Config("kubelet.kubeconfig"),
		"--root-dir=" + s.Paths.Data("kubelet"),
		"--cert-dir=" + s.Paths.Data("kubelet") + "/pki",
		"--hostname-override=" + s.Cluster.NodeName(),
		"--node-ip=" + s.Cluster.NodeIP().String(),
		// Keep the containers of failed attempts: their logs are the evidence.
		"--maximum-dead-containers-per-container=-1",
	}}
}

// environment is all that a component gets from the user's. A proxy setting, for
// one, would send the API server's calls to the kubelet to that proxy.
func (s Spec) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=/root",
		// containerd leaves mount points behind in here when it is killed.
		"TMPDIR=" + s.Paths.Data("tmp"),
	}
}
