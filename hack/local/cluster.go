package local

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Cluster is a Kubernetes cluster that the operator is tried on.
type Cluster struct {
	root Root
	// Name of the local cluster, "" for the current kubeconfig context.
	Name string
	// Progress gets what long steps print.
	Progress io.Writer

	Config    *rest.Config
	Client    client.WithWatch
	Clientset *kubernetes.Clientset
}

// Up starts the local cluster of a name, or waits until it is ready.
func Up(ctx context.Context, root Root, name string, progress io.Writer) (*Cluster, error) {
	kubeconfig, err := output(ctx, progress, string(root), nil, root.Path("bin", "devcluster"), "up", "--name", name)
	if err != nil {
		return nil, err
	}
	return connect(root, name, progress, &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig})
}

// Find connects to a local cluster that is up.
func Find(ctx context.Context, root Root, name string, progress io.Writer) (*Cluster, error) {
	kubeconfig, err := output(ctx, progress, string(root), nil, root.Path("bin", "devcluster"), "kubeconfig", "--name", name)
	if err != nil {
		return nil, err
	}
	return connect(root, name, progress, &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig})
}

// Current connects to the current kubeconfig context.
func Current(root Root, progress io.Writer) (*Cluster, error) {
	return connect(root, "", progress, clientcmd.NewDefaultClientConfigLoadingRules())
}

func connect(root Root, name string, progress io.Writer, rules *clientcmd.ClientConfigLoadingRules) (*Cluster, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &Cluster{root: root, Name: name, Progress: progress, Config: config, Client: c, Clientset: clientset}, nil
}

// Scheme knows the kinds that the demo and the tests touch.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, networkingv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register API types: %w", err)
		}
	}
	return scheme, nil
}

// Down removes a local cluster and all that belongs to it.
func Down(ctx context.Context, root Root, name string, progress io.Writer) error {
	_, err := output(ctx, progress, string(root), nil, root.Path("bin", "devcluster"), "down", "--name", name)
	return err
}

// LoadImages imports image archives into the local cluster's node.
func (c *Cluster) LoadImages(ctx context.Context, archives ...string) error {
	args := append([]string{"load-image", "--name", c.Name}, archives...)
	_, err := output(ctx, c.Progress, string(c.root), nil, c.root.Path("bin", "devcluster"), args...)
	return err
}

// HostURL turns a Service's URL into one that this machine reaches: the local
// cluster's Service addresses are routed here, its names are not.
func (c *Cluster) HostURL(ctx context.Context, serviceURL string) (string, error) {
	u, err := url.Parse(serviceURL)
	if err != nil {
		return "", fmt.Errorf("endpoint URL: %w", err)
	}
	parts := strings.Split(u.Hostname(), ".")
	if len(parts) < 2 {
		return "", fmt.Errorf("endpoint URL %s names no Service", serviceURL)
	}
	var service corev1.Service
	if err := c.Client.Get(ctx, types.NamespacedName{Namespace: parts[1], Name: parts[0]}, &service); err != nil {
		return "", fmt.Errorf("endpoint URL %s: %w", serviceURL, err)
	}
	host := service.Spec.ClusterIP
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	u.Host = host
	return u.String(), nil
}

// Ask asks an expert's endpoint through its Service and returns the answer.
func (c *Cluster) Ask(ctx context.Context, endpoint v1alpha1.Endpoint, question string) (string, error) {
	base, err := c.HostURL(ctx, endpoint.URL)
	if err != nil {
		return "", err
	}
	chat := openai.NewClient(option.WithBaseURL(base), option.WithAPIKey("none"), option.WithRequestTimeout(time.Minute))
	completion, err := chat.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:       endpoint.Model,
		MaxTokens:   openai.Int(24),
		Temperature: openai.Float(0),
		Messages:    []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)},
	})
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", endpoint.URL, err)
	}
	if len(completion.Choices) == 0 {
		return "", fmt.Errorf("ask %s: the answer has no choice", endpoint.URL)
	}
	return completion.Choices[0].Message.Content, nil
}
