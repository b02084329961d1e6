package node

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"strings"
	"text/template"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Option("missingkey=error").ParseFS(templateFiles, "templates/*"))

const (
	// Socket is containerd's, in the /run that only the node sees.
	Socket = "/run/containerd/containerd.sock"
	// PauseImage is the sandbox of each pod. It is loaded from a file.
	PauseImage = "localhost/devcluster/pause:1"
)

// Spec is what a node is made from.
type Spec struct {
	Cluster layout.Cluster
	Paths   layout.Paths
	// Components is the folder of kubernetes, coredns and the pause image.
	Components string
	// CNIFolder is the folder of the network plugins.
	CNIFolder string
}

// Domain, Socket and PauseImage are read by the templates.
func (s Spec) Domain() string     { return layout.ClusterDomain }
func (s Spec) Socket() string     { return Socket }
func (s Spec) PauseImage() string { return PauseImage }

// componentUsers are the certificates for which a component's kubeconfig is
// written.
var componentUsers = []string{"controller-manager", "scheduler", "kubelet", "proxy", "coredns", "admin"}

// ConfigFiles renders every configuration file, by path.
func (s Spec) ConfigFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"kubelet.yaml", "containerd.toml", "kube-proxy.yaml", "Corefile", "addons.yaml", "resolv.conf", "audit.yaml"} {
		content, err := render(name, s)
		if err != nil {
			return nil, err
		}
		files[s.Paths.Config(name)] = content
	}
	for name, path := range map[string]string{
		"pods.conflist": "cni/10-pods.conflist",
		"hosts.toml":    "registries/" + s.Cluster.Registry().String() + "/hosts.toml",
	} {
		content, err := render(name, s)
		if err != nil {
			return nil, err
		}
		files[s.Paths.Config(path)] = content
	}
	for _, user := range componentUsers {
		content, err := render("component.kubeconfig", struct {
			Spec
			User string
		}{s, user})
		if err != nil {
			return nil, err
		}
		files[s.Paths.Config(user+".kubeconfig")] = content
	}
	return files, nil
}

// AdminKubeconfig renders the kubeconfig for the user, complete in itself so that
// it can be copied or piped elsewhere.
func AdminKubeconfig(c layout.Cluster, ca, cert, key []byte) ([]byte, error) {
	encode := base64.StdEncoding.EncodeToString
	return render("admin.kubeconfig", map[string]any{
		"Cluster": c, "Context": "devcluster-" + c.Name(),
		"CA": encode(ca), "Cert": encode(cert), "Key": encode(key),
	})
}

func render(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// CheckPath refuses a state folder whose name the configuration formats above
// could not hold, or which the node would see an overlay of.
func CheckPath(dir string) error {
	if strings.ContainsAny(dir, " \"'\\,:\n") {
		return fmt.Errorf("state folder %q: its name may not have spaces, quotes, commas or colons", dir)
	}
	for _, hidden := range append([]string{"/run"}, overlaid...) {
		if dir == hidden || strings.HasPrefix(dir, hidden+"/") {
			return fmt.Errorf("state folder %s: the node has a %s of its own; set XDG_STATE_HOME to a folder elsewhere", dir, hidden)
		}
	}
	return nil
}
