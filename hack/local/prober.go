package local

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const proberName = "prober"

// Prober is a pod that asks an endpoint once a second.
type Prober struct {
	cluster   *Cluster
	namespace string
}

// StartProber starts the prober with the git server's image and waits for its
// first answer.
func (c *Cluster) StartProber(ctx context.Context, namespace string, endpoint v1alpha1.Endpoint) (*Prober, error) {
	image, err := c.deploymentImage(ctx, namespace, gitServerName)
	if err != nil {
		return nil, err
	}
	p := &Prober{cluster: c, namespace: namespace}
	if err := p.delete(ctx); err != nil {
		return nil, err
	}
	pod := toolPod(namespace, image, "podtool", "prober", "--url", endpoint.URL, "--model", endpoint.Model)
	pod.Name, pod.GenerateName = proberName, ""
	if err := c.Client.Create(ctx, pod); err != nil {
		return nil, fmt.Errorf("create the prober: %w", err)
	}
	return p, wait.PollUntilContextTimeout(ctx, time.Second, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		probes, err := p.read(ctx)
		return err == nil && probes.Answered > 0, nil
	})
}

// afterwards is how many more requests are made before a prober is stopped: the old
// pod ends a while after the new one has taken over, and must not take a request
// with it.
const afterwards = 20

// Stop lets the prober ask a while longer, reads what it saw and removes it.
func (p *Prober) Stop(ctx context.Context) (Probes, error) {
	probes, err := p.read(ctx)
	if err != nil {
		return Probes{}, err
	}
	enough := probes.Asked() + afterwards
	err = wait.PollUntilContextTimeout(ctx, time.Second, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		probes, err = p.read(ctx)
		return probes.Asked() >= enough, err
	})
	if err != nil {
		return Probes{}, fmt.Errorf("the prober asks no more: %w", err)
	}
	return probes, p.delete(ctx)
}

func (p *Prober) delete(ctx context.Context) error {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = p.namespace, proberName
	if err := client.IgnoreNotFound(p.cluster.Client.Delete(ctx, pod, client.GracePeriodSeconds(0))); err != nil {
		return fmt.Errorf("delete the prober: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := p.cluster.Client.Get(ctx, types.NamespacedName{Namespace: p.namespace, Name: proberName}, pod)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		return err != nil, nil
	})
}

func (p *Prober) read(ctx context.Context) (Probes, error) {
	stream, err := p.cluster.Clientset.CoreV1().Pods(p.namespace).GetLogs(proberName, &corev1.PodLogOptions{}).Stream(ctx)
	if err != nil {
		return Probes{}, fmt.Errorf("read the prober's log: %w", err)
	}
	defer stream.Close()
	return parseProbes(stream)
}

// Probes is what a prober saw.
type Probes struct {
	Answered int
	// Errors lists the failed requests.
	Errors []string
	// Models counts the answers by the model that the answer names.
	Models map[string]int
	// Slowest answer in seconds.
	Slowest float64
}

// Asked is the number of requests.
func (p Probes) Asked() int { return p.Answered + p.Failed() }

// Failed is the number of failed requests.
func (p Probes) Failed() int { return len(p.Errors) }

// String is one readable line.
func (p Probes) String() string {
	models := make([]string, 0, len(p.Models))
	for name, n := range p.Models {
		models = append(models, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(models)
	s := fmt.Sprintf("%d answers, %d failed requests, slowest %.1f s (%s)", p.Answered, p.Failed(), p.Slowest, strings.Join(models, ", "))
	if p.Failed() > 0 {
		s += "; first failure: " + p.Errors[0]
	}
	return s
}

func parseProbes(r io.Reader) (Probes, error) {
	probes := Probes{Models: map[string]int{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct {
			Time    time.Time `json:"time"`
			Status  int       `json:"status"`
			Model   string    `json:"model"`
			Seconds float64   `json:"seconds"`
			Error   string    `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return Probes{}, fmt.Errorf("prober line %q: %w", lines.Text(), err)
		}
		probes.Slowest = max(probes.Slowest, line.Seconds)
		if line.Error != "" {
			probes.Errors = append(probes.Errors, fmt.Sprintf("%s status %d: %s", line.Time.Format(time.TimeOnly), line.Status, line.Error))
			continue
		}
		probes.Answered++
		probes.Models[line.Model]++
	}
	return probes, lines.Err()
}
