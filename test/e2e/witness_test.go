//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/resources"
)

// witness remembers the pods of a namespace with their logs while a story goes on,
// and the policies that held them.
type witness struct {
	t         *testing.T
	namespace string
	pods      map[string]corev1.Pod
	logs      map[string]string
	policies  map[string]networkingv1.NetworkPolicy
	// proxies are the addresses of the Services before the teacher.
	proxies map[string]bool
}

// while looks around each time that an expectation is asked.
func (w *witness) while(ctx context.Context, expect expectation) expectation {
	return func(expert v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		if err := w.look(ctx); err != nil {
			return false, err.Error()
		}
		return expect(expert, run)
	}
}

func (w *witness) look(ctx context.Context) error {
	var pods corev1.PodList
	var policies networkingv1.NetworkPolicyList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&pods, &policies, &services} {
		if err := shared.cluster.Client.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
			return err
		}
	}
	if w.policies == nil {
		w.policies, w.proxies = map[string]networkingv1.NetworkPolicy{}, map[string]bool{}
	}
	for _, policy := range policies.Items {
		w.policies[policy.Name] = policy
	}
	for _, service := range services.Items {
		if service.Labels[resources.ComponentLabel] == resources.ComponentTeacher {
			w.proxies[service.Spec.ClusterIP] = true
		}
	}
	for _, pod := range pods.Items {
		// The last look at a pod that ends may no longer have its address.
		if old, seen := w.pods[pod.Name]; seen && pod.Status.PodIP == "" {
			pod.Status.PodIP = old.Status.PodIP
		}
		w.pods[pod.Name] = pod
		w.readLogs(ctx, pod)
	}
	return nil
}

// readLogs keeps the longest log of each container: pods go, and their logs with
// them.
func (w *witness) readLogs(ctx context.Context, pod corev1.Pod) {
	for _, container := range pod.Spec.Containers {
		options := &corev1.PodLogOptions{Container: container.Name}
		raw, err := shared.cluster.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
		name := pod.Name + "/" + container.Name
		// A container that has not started, or is gone, has no log.
		if err == nil && len(raw) > len(w.logs[name]) {
			w.logs[name] = string(raw)
		}
	}
}

func isProxy(pod corev1.Pod) bool {
	return pod.Labels[resources.ComponentLabel] == resources.ComponentTeacher
}

func makesExperience(pod corev1.Pod) bool {
	return pod.Labels[v1alpha1.StageLabel] == string(v1alpha1.StageExperience)
}

// proxyGone expects that nothing before the teacher is left of a run.
func (w *witness) proxyGone(ctx context.Context, run string) {
	w.t.Helper()
	var left []string
	err := wait.PollUntilContextTimeout(ctx, time.Second, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		left = nil
		for _, list := range []client.ObjectList{&appsv1.DeploymentList{}, &corev1.ServiceList{}, &networkingv1.NetworkPolicyList{}, &corev1.PodList{}} {
			wanted := client.MatchingLabels{v1alpha1.RunLabel: run, resources.ComponentLabel: resources.ComponentTeacher}
			if err := shared.cluster.Client.List(ctx, list, client.InNamespace(w.namespace), wanted); err != nil {
				return false, err
			}
			raw, err := json.Marshal(list)
			if err != nil {
				return false, err
			}
			if !bytes.Contains(raw, []byte(`"items":[]`)) && !bytes.Contains(raw, []byte(`"items":null`)) {
				left = append(left, fmt.Sprintf("%T", list))
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		w.t.Errorf("of the proxy of %s these are left: %v: %v", run, left, err)
	}
}

// proxyAlone expects that only the proxy has the key, that only the proxy asked the
// endpoint, and that shards are told, and by policy allowed, the proxy alone. The
// cluster enforces no policies: what they say is held against the pods' labels.
func (w *witness) proxyAlone(ctx context.Context) {
	w.t.Helper()
	if err := w.look(ctx); err != nil {
		w.t.Fatal(err)
	}
	addresses := map[string]bool{}
	proxies, shards := 0, 0
	for _, pod := range w.pods {
		if hasSecret(pod) != isProxy(pod) {
			w.t.Errorf("pod %s: has the Secret: %t, is the proxy: %t", pod.Name, hasSecret(pod), isProxy(pod))
		}
		switch {
		case isProxy(pod):
			proxies++
			addresses[pod.Status.PodIP] = true
		case makesExperience(pod):
			shards++
			w.shard(pod)
		}
	}
	if proxies == 0 || shards == 0 {
		w.t.Fatalf("%d proxies and %d shards were seen", proxies, shards)
	}
	asked := 0
	for name, log := range w.logs {
		if !strings.HasPrefix(name, local.ScriptedTeacher+"-") {
			continue
		}
		for _, found := range regexp.MustCompile(`(?m)^(answered|refused) (\S+)$`).FindAllStringSubmatch(log, -1) {
			asked++
			if found[1] != "answered" || !addresses[found[2]] {
				w.t.Errorf("the endpoint says %q; the proxies are at %v", found[0], addresses)
			}
		}
	}
	if asked == 0 {
		w.t.Error("nobody asked the endpoint")
	}
	w.t.Logf("%d proxies, %d shards, %d requests, all from the proxies", proxies, shards, asked)
}

func hasSecret(pod corev1.Pod) bool {
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil {
			return true
		}
	}
	return false
}

// shard holds a pod of Experience against what it is told and allowed.
func (w *witness) shard(pod corev1.Pod) {
	w.t.Helper()
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			if variable.Name != contract.StageSpecVariable {
				continue
			}
			spec, err := contract.ParseSpec(variable.Value)
			host, _, splitErr := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(spec.TeacherURL, "http://"), "/v1"))
			if err != nil || splitErr != nil || !w.proxies[host] {
				w.t.Errorf("shard %s is told %q (%v, %v), the proxies are at %v", pod.Name, spec.TeacherURL, err, splitErr, w.proxies)
			}
		}
	}
	held, rules := false, []networkingv1.NetworkPolicyEgressRule(nil)
	for _, policy := range w.policies {
		if selects(w.t, policy.Spec.PodSelector, pod.Labels) {
			held = held || len(policy.Spec.Egress) == 0
			rules = append(rules, policy.Spec.Egress...)
		}
	}
	if !held || len(rules) != 1 || len(rules[0].To) != 1 || rules[0].To[0].PodSelector == nil {
		w.t.Errorf("shard %s: denied by default %t, allowed %+v; want the proxy alone", pod.Name, held, rules)
		return
	}
	for _, other := range w.pods {
		same := other.Labels[v1alpha1.RunLabel] == pod.Labels[v1alpha1.RunLabel]
		if got := selects(w.t, *rules[0].To[0].PodSelector, other.Labels); got != (isProxy(other) && same) {
			w.t.Errorf("shard %s may reach %s: %t", pod.Name, other.Name, got)
		}
	}
}

func selects(t *testing.T, selector metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(labels.Set(set))
}

// keySeen expects the key in no log, event, status, object but the Secret, or file
// of the artifact volume.
func (w *witness) keySeen(ctx context.Context, folder string) {
	w.t.Helper()
	manager := corev1.PodList{}
	if err := shared.cluster.Client.List(ctx, &manager, client.InNamespace(local.OperatorNamespace)); err != nil {
		w.t.Fatal(err)
	}
	for _, pod := range manager.Items {
		w.readLogs(ctx, pod)
	}
	for name, log := range w.logs {
		if strings.Contains(log, teacherKey) {
			w.t.Errorf("the key is in the log %s", name)
		}
	}
	for _, list := range []client.ObjectList{
		&corev1.EventList{}, &v1alpha1.RepoExpertList{}, &v1alpha1.ExpertRunList{}, &batchv1.JobList{}, &corev1.PodList{},
		&corev1.ConfigMapList{}, &appsv1.DeploymentList{},
	} {
		if err := shared.cluster.Client.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
			w.t.Fatal(err)
		}
		if raw, err := json.Marshal(list); err != nil || bytes.Contains(raw, []byte(teacherKey)) {
			w.t.Errorf("the key is in %T, or %v", list, err)
		}
	}
	if raw, err := json.Marshal(w.pods); err != nil || bytes.Contains(raw, []byte(teacherKey)) {
		w.t.Errorf("the key is in a pod, or %v", err)
	}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(teacherKey)) {
			w.t.Errorf("the key is in %s", path)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}
