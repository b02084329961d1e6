package expertrun_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
	"github.com/repoexpert/operator/test/builder"
)

const teacherKey = "sk-canary-4711"

func withTeacher(s *v1alpha1.ExpertClassSpec) { s.Teacher = builder.MakeTeacher() }

// newTaughtCluster is a cluster whose class has a teacher with a Secret.
func newTaughtCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, withTeacher)
	c.create(c.secret(nil))
	return c
}

// secret is the teacher's, as it should be but for a change.
func (c *cluster) secret(change func(*corev1.Secret)) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.name, Name: "teacher-key",
			Labels:      map[string]string{v1alpha1.SecretUseLabel: v1alpha1.SecretUseTeacher},
			Annotations: map[string]string{v1alpha1.SecretHostAnnotation: "api.example"},
		},
		Data: map[string][]byte{contract.TeacherSecretKey: []byte(teacherKey)},
	}
	if change != nil {
		change(secret)
	}
	return secret
}

// proxy returns the Deployment of the run's teacher, nil when there is none.
func (c *cluster) proxy() *appsv1.Deployment {
	c.t.Helper()
	d := &appsv1.Deployment{}
	err := server.Get(c.ctx, client.ObjectKey{Namespace: c.name, Name: resources.TeacherName(c.run.Name)}, d)
	if client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return d
}

// startProxy plays the Deployment controller and the kubelet. It reports whether
// there was something to start.
func (c *cluster) startProxy() bool {
	c.t.Helper()
	d := c.proxy()
	if d == nil || d.Status.ReadyReplicas > 0 {
		return false
	}
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	if err := server.Status().Update(c.ctx, d); err != nil {
		c.t.Fatal(err)
	}
	return true
}

// left lists what is left of the teacher's proxy.
func (c *cluster) left() []string {
	c.t.Helper()
	var names []string
	for _, list := range []client.ObjectList{&appsv1.DeploymentList{}, &corev1.ServiceList{}, &networkingv1.NetworkPolicyList{}} {
		if err := server.List(c.ctx, list, inNamespace(c)); err != nil {
			c.t.Fatal(err)
		}
		switch l := list.(type) {
		case *appsv1.DeploymentList:
			for _, o := range l.Items {
				names = append(names, "Deployment "+o.Name)
			}
		case *corev1.ServiceList:
			for _, o := range l.Items {
				names = append(names, "Service "+o.Name)
			}
		case *networkingv1.NetworkPolicyList:
			for _, o := range l.Items {
				names = append(names, "NetworkPolicy "+o.Name)
			}
		}
	}
	return names
}

// TestTaughtRun: beyond what any run costs, a teacher costs four objects, made
// once before Experience's Job and removed once after it.
func TestTaughtRun(t *testing.T) {
	c := newTaughtCluster(t)
	c.writes.before = func(what string) error {
		stage := pipeline.Active(&c.get(c.run).Status)
		if what == "create Job" && stage.Name == v1alpha1.StageExperience && (c.proxy() == nil || c.proxy().Status.ReadyReplicas == 0) {
			t.Error("Experience starts before its teacher answers")
		}
		return nil
	}
	c.wholeDespite(nil)
	want := map[string]int{
		"status ExpertRun": 7, "create Job": 6, "patch Job": 6,
		"apply NetworkPolicy": 2, "apply Service": 1, "apply Deployment": 1,
		"delete NetworkPolicy": 2, "delete Service": 1, "delete Deployment": 1,
	}
	if diff := cmp.Diff(want, c.writes.count()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	for range 3 {
		c.settle()
	}
	if diff := cmp.Diff(want, c.writes.count()); diff != "" {
		t.Errorf("an idle run is written to (-want +got):\n%s", diff)
	}
	if left := c.left(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// What Experience is told, and what belongs to whom.
func TestTeacherIsToldByAddress(t *testing.T) {
	c := newTaughtCluster(t)
	c.untilTaught()
	service := &corev1.Service{}
	if err := server.Get(c.ctx, client.ObjectKey{Namespace: c.name, Name: resources.TeacherName(c.run.Name)}, service); err != nil {
		t.Fatal(err)
	}
	for _, job := range c.jobs() {
		spec := specOf(t, &job)
		want := ""
		if spec.Stage == v1alpha1.StageExperience {
			want = "http://" + service.Spec.ClusterIP + ":8090/v1"
		}
		if spec.TeacherURL != want {
			t.Errorf("%s is told %q; want %q", job.Name, spec.TeacherURL, want)
		}
		for _, v := range job.Spec.Template.Spec.Volumes {
			if v.Secret != nil {
				t.Errorf("%s has the Secret %s", job.Name, v.Secret.SecretName)
			}
		}
	}
	if len(c.left()) != 4 || !metav1.IsControlledBy(c.proxy(), c.get(c.run)) {
		t.Errorf("there are %v", c.left())
	}
	content, err := json.Marshal(map[string]any{"run": c.get(c.run), "proxy": c.proxy(), "jobs": c.jobs()})
	if err != nil || strings.Contains(string(content), teacherKey) {
		t.Errorf("the key is told, or %v", err)
	}
}

func specOf(t *testing.T, job *batchv1.Job) contract.StageSpec {
	t.Helper()
	for _, container := range job.Spec.Template.Spec.Containers {
		for _, v := range container.Env {
			if v.Name == contract.StageSpecVariable {
				spec, err := contract.ParseSpec(v.Value)
				if err != nil {
					t.Fatal(err)
				}
				return spec
			}
		}
	}
	t.Fatalf("Job %s has no specification", job.Name)
	return contract.StageSpec{}
}

// untilTeacher plays a run until it needs its teacher.
func (c *cluster) untilTeacher() ctrl.Result {
	c.t.Helper()
	c.until(v1alpha1.StagePlan)
	c.succeed()
	return c.settle()
}

// begins starts the proxy and expects Experience's Job after it.
func (c *cluster) begins() {
	c.t.Helper()
	c.settle()
	c.startProxy()
	c.settle()
	if id, _ := c.under(); id.Stage != v1alpha1.StageExperience {
		c.t.Fatalf("%v is under way", id)
	}
}

// untilTaught plays a run until Experience's Job is there.
func (c *cluster) untilTaught() {
	c.t.Helper()
	c.untilTeacher()
	c.begins()
}

// TestTaughtRunCrashes is TestCrashAtEachWrite with a teacher: nothing of the
// proxy is left either. Writes that every run has are broken there.
func TestTaughtRunCrashes(t *testing.T) {
	ofTheProxy := func(what string) bool {
		return !strings.HasSuffix(what, "Job") && !strings.HasSuffix(what, "ExpertRun")
	}
	crashAtEachWrite(t, newTaughtCluster, ofTheProxy, func(t *testing.T, c *cluster) {
		if left := c.left(); len(left) > 0 {
			t.Errorf("left are %v", left)
		}
	})
}

// A Secret that cannot be used stalls the run and costs nothing; once it can, the
// run goes on by itself.
func TestTeacherSecretProblems(t *testing.T) {
	tests := map[string]struct {
		change  func(*corev1.Secret)
		missing bool
		says    []string
	}{
		"missing":     {missing: true, says: []string{`teacher.secretRef: Secret "teacher-key" does not exist in namespace`, "repoexpert.dev/use: teacher", "repoexpert.dev/host", "apiKey"}},
		"no label":    {change: func(s *corev1.Secret) { s.Labels = nil }, says: []string{`needs the label repoexpert.dev/use: teacher, it has ""`}},
		"git's label": {change: func(s *corev1.Secret) { s.Labels[v1alpha1.SecretUseLabel] = v1alpha1.SecretUseGit }, says: []string{`it has "git"`}},
		"no host":     {change: func(s *corev1.Secret) { s.Annotations = nil }, says: []string{`may be sent to host "" only`, "teacher.url is at api.example"}},
		"other host":  {change: func(s *corev1.Secret) { s.Annotations[v1alpha1.SecretHostAnnotation] = "evil.example" }, says: []string{`may be sent to host "evil.example" only`}},
		"no key":      {change: func(s *corev1.Secret) { s.Data = map[string][]byte{"token": []byte(teacherKey)} }, says: []string{"needs the key apiKey"}},
		"blank key":   {change: func(s *corev1.Secret) { s.Data[contract.TeacherSecretKey] = []byte(" \n") }, says: []string{"needs the key apiKey"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, withTeacher)
			if !tc.missing {
				c.create(c.secret(tc.change))
			}
			if result := c.untilTeacher(); result.RequeueAfter == 0 {
				t.Error("nobody looks again: a change of a Secret is no event")
			}
			got := c.condition(v1alpha1.ConditionStalled)
			if got.Reason != v1alpha1.ReasonSecretNotUsable {
				t.Fatalf("Stalled = %+v", got)
			}
			for _, part := range tc.says {
				if !strings.Contains(got.Message, part) {
					t.Errorf("message %q; want %q in it", got.Message, part)
				}
			}
			if left := c.left(); len(left) > 0 || len(c.jobs()) != 2 {
				t.Errorf("there are %v and %d Jobs", left, len(c.jobs()))
			}
			if tc.missing {
				c.create(c.secret(nil))
			} else if err := server.Update(c.ctx, c.secret(nil)); err != nil {
				t.Fatal(err)
			}
			c.begins()
			if got := c.condition(v1alpha1.ConditionStalled); got.Status == metav1.ConditionTrue {
				t.Errorf("Stalled = %+v", got)
			}
		})
	}
}

// An object of someone else is neither changed nor removed.
func TestTeacherNameConflict(t *testing.T) {
	c := newTaughtCluster(t)
	foreign := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: resources.TeacherName(c.run.Name)},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}, Selector: map[string]string{"app": "other"}},
	}
	c.create(foreign)
	if result := c.untilTeacher(); result.RequeueAfter == 0 {
		t.Error("nobody looks again")
	}
	if got := c.condition(v1alpha1.ConditionStalled); got.Reason != v1alpha1.ReasonNameConflict || !strings.Contains(got.Message, foreign.Name) {
		t.Fatalf("Stalled = %+v", got)
	}
	found := &corev1.Service{}
	if err := server.Get(c.ctx, client.ObjectKeyFromObject(foreign), found); err != nil || found.ResourceVersion != foreign.ResourceVersion {
		t.Fatalf("the foreign Service was touched: %v", err)
	}
	c.kill(foreign)
	c.begins()
}

// A suspended expert's teacher goes, and comes back.
func TestSuspendedTeacher(t *testing.T) {
	c := newTaughtCluster(t)
	c.untilTaught()
	c.suspend(true)
	c.settle()
	if left := c.left(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	c.collect()
	c.suspend(false)
	c.settle()
	if c.proxy() == nil {
		t.Error("the proxy does not come back")
	}
}
