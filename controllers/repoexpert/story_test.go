package repoexpert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/apply"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
	"github.com/repoexpert/operator/test/builder"
)

func TestFromHeadToEndpoint(t *testing.T) {
	b := prepare(t).start(nil)
	first := b.head()
	run := b.run(first, "")
	b.says(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunActive, run.Name, first[:8])
	b.says(v1alpha1.ConditionNetworkIsolated, metav1.ConditionFalse, v1alpha1.ReasonIsolationNotEnforced, b.class.Name)
	if want := pipeline.RunKey(b.read().UID, first, run.Spec.Recipe, ""); run.Spec.Key != want || run.Name != pipeline.RunName("click", want) {
		t.Fatalf("run %s has key %s; want %s", run.Name, run.Spec.Key, want)
	}
	for _, o := range []client.Object{&corev1.PersistentVolumeClaim{}, &networkingv1.NetworkPolicy{}} {
		name := map[bool]string{true: resources.ClaimName("click"), false: "click-sandbox"}[isClaim(o)]
		if err := b.get(o, name); err != nil || !metav1.IsControlledBy(o, b.read()) {
			t.Fatalf("%T %s: %v", o, name, err)
		}
	}

	b.reach(run, v1alpha1.StageTrain)
	eventually(t, func() error {
		if got := b.read().Status.ActiveRun; got == nil || got.Stage != v1alpha1.StageTrain {
			return fmt.Errorf("active run %+v", got)
		}
		return nil
	})
	b.finish(run, v1alpha1.DecisionPromote)
	b.deployment(run)
	b.says(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRolling, run.Name)
	b.rolls(run)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "serves run "+run.Name, "score 93.3")
	b.says(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonReady)
	expert := b.read()
	if e := expert.Status.Endpoint; e.URL != "http://click."+b.expert.Namespace+".svc/v1" || e.Model != "click" || e.VersionedModel != "click@"+first[:8] {
		t.Fatalf("endpoint %+v", e)
	}
	if expert.Status.Behind != "0" || expert.Status.ActiveRun != nil || expert.Status.ClassName != b.class.Name || len(expert.Status.History) != 1 {
		t.Fatalf("status %+v", expert.Status)
	}

	second := b.repository.Commit(t, "main", "second")
	next := b.run(second, "")
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionFalse, v1alpha1.ReasonRunActive, next.Name)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, run.Name)
	if got := b.read().Status.Behind; got != "?" {
		t.Fatalf("behind %q; want ?", got)
	}
	b.finish(next, v1alpha1.DecisionPromote)
	b.rolls(next)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionTrue, v1alpha1.ReasonReady, second[:8])
	b.serves(next)
	if h := b.read().Status.History; len(h) != 2 || h[0].RunName != next.Name || h[1].RunName != run.Name {
		t.Fatalf("history %+v", h)
	}
}

func isClaim(o client.Object) bool { _, ok := o.(*corev1.PersistentVolumeClaim); return ok }

func TestRejectedCandidateLeavesThePreviousServing(t *testing.T) {
	b := prepare(t).start(nil)
	good := b.serving()
	before := b.deployment(good)
	bad := b.run(b.repository.Commit(t, "main", "worse"), "")
	b.finish(bad, v1alpha1.DecisionReject)
	b.stalled(v1alpha1.ReasonRejected, "run "+bad.Name, "did not pass the gate: scored 93.3 against 10.0", v1alpha1.RequestedRunAnnotation)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, good.Name)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionFalse, v1alpha1.ReasonRejected)
	b.serves(good)
	b.untouched(before)

	token := b.run(b.request("again"), "again")
	if token.Name == bad.Name {
		t.Fatal("a requested run has the name of the rejected one")
	}
	eventually(t, func() error {
		if got := b.read().Status.LastRequestedRun; got != "again" {
			return fmt.Errorf("lastRequestedRun %q", got)
		}
		return nil
	})
}

// request asks for a run by annotation and returns the head.
func (b *bench) request(token string) string {
	b.t.Helper()
	b.change(func(e *v1alpha1.RepoExpert) {
		metav1.SetMetaDataAnnotation(&e.ObjectMeta, v1alpha1.RequestedRunAnnotation, token)
	})
	return b.head()
}

// untouched checks that nobody wrote the Deployment since.
func (b *bench) untouched(before *appsv1.Deployment) {
	b.t.Helper()
	after := &appsv1.Deployment{}
	if err := b.get(after, before.Name); err != nil {
		b.t.Fatal(err)
	}
	if after.ResourceVersion != before.ResourceVersion {
		b.t.Fatalf("the Deployment was written: %s, then %s", before.ResourceVersion, after.ResourceVersion)
	}
}

func TestFailedRunIsNotRepeatedByItself(t *testing.T) {
	b := prepare(t).start(nil)
	run := b.run(b.head(), "")
	b.fail(run, v1alpha1.StagePlan, "baseline tests fail in environment.image")
	b.stalled(v1alpha1.ReasonRunFailed, run.Name, "baseline tests fail in environment.image", "push a commit, or annotate")
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Environment.Image = "registry.example/click-env:2" })
	b.stalled(v1alpha1.ReasonRunFailed, run.Name)
	var runs v1alpha1.ExpertRunList
	if err := api.List(t.Context(), &runs, client.InNamespace(b.expert.Namespace)); err != nil || len(runs.Items) != 1 {
		t.Fatalf("%d runs, %v; want 1", len(runs.Items), err)
	}
	again := b.run(b.request("fixed"), "fixed")
	if again.Spec.Recipe.Environment.Image != "registry.example/click-env:2" {
		t.Fatalf("the requested run has image %s", again.Spec.Recipe.Environment.Image)
	}
}

func TestNewerCommitTakesOverBeforeTraining(t *testing.T) {
	b := prepare(t).start(nil)
	old := b.run(b.head(), "")
	b.reach(old, v1alpha1.StageCurate)
	newer := b.run(b.repository.Commit(t, "main", "second"), "")
	b.reach(newer, v1alpha1.StageTrain)
	third := b.repository.Commit(t, "main", "third")
	b.says(v1alpha1.ConditionSourceReady, metav1.ConditionTrue, v1alpha1.ReasonSourceResolved, third[:8])
	b.says(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunActive, newer.Name)
	b.fail(old, v1alpha1.StageCurate, "a newer run took over")
	b.finish(newer, v1alpha1.DecisionPromote)
	b.run(third, "")
	b.rolls(newer)
	b.says(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonReady, newer.Name)
}

func TestManualPromotionAndPin(t *testing.T) {
	b := prepare(t).start(func(s *v1alpha1.RepoExpertSpec) { s.Promotion = v1alpha1.PromotionManual })
	first := b.run(b.head(), "")
	b.finish(first, v1alpha1.DecisionPromote)
	b.stalled(v1alpha1.ReasonAwaitingPromotion, "set spec.serving.pinnedRunName to "+first.Name)
	b.pin("click-nowhere")
	b.stalled(v1alpha1.ReasonPinnedRunNotFound, `"click-nowhere"`, "remove the pin")
	b.pin(first.Name)
	b.rolls(first)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, first.Name)

	rejected := b.run(b.repository.Commit(t, "main", "second"), "")
	b.finish(rejected, v1alpha1.DecisionReject)
	b.pin(rejected.Name)
	b.rolls(rejected)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, rejected.Name, "although the gate did not pass it")
	if got := b.read().Status.Served.VerdictDigest; got != "" {
		t.Fatalf("an override has verdict %q", got)
	}

	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Serving, e.Spec.Promotion = nil, v1alpha1.PromotionAutomatic })
	b.rolls(first)
	b.says(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonReady, first.Name)
}

func (b *bench) pin(run string) {
	b.t.Helper()
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Serving = &v1alpha1.ServingPin{PinnedRunName: run} })
}

func TestSuspend(t *testing.T) {
	b := prepare(t).start(func(s *v1alpha1.RepoExpertSpec) { s.Suspend = true })
	b.stalled(v1alpha1.ReasonSuspended, "set it to false")
	b.nothingStarted()
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Suspend = false })
	run := b.serving()
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Suspend = true })
	second := b.repository.Commit(t, "main", "second")
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionFalse, v1alpha1.ReasonSuspended, second[:8])
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, run.Name)
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Suspend = false })
	b.run(second, "")
}

func TestClassDeletedWhileARunIsActive(t *testing.T) {
	b := prepare(t).start(nil)
	good := b.serving()
	before := b.deployment(good)
	run := b.run(b.repository.Commit(t, "main", "second"), "")
	b.reach(run, v1alpha1.StageTrain)
	if err := api.Delete(t.Context(), b.class); err != nil {
		t.Fatal(err)
	}
	b.stalled(v1alpha1.ReasonClassNotFound, fmt.Sprintf("ExpertClass %q does not exist", b.class.Name))
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, good.Name)
	b.finish(run, v1alpha1.DecisionPromote)
	eventually(t, func() error {
		if b.read().Status.ActiveRun != nil {
			return fmt.Errorf("the run is still active")
		}
		return nil
	})
	b.serves(good)
	b.untouched(before)
	for name, o := range map[string]client.Object{"click": &corev1.Service{}, resources.ClaimName("click"): &corev1.PersistentVolumeClaim{}, run.Name: &v1alpha1.ExpertRun{}} {
		if err := b.get(o, name); err != nil || !o.GetDeletionTimestamp().IsZero() {
			t.Fatalf("%T %s: %v", o, name, err)
		}
	}

	b.class.ResourceVersion, b.class.UID = "", ""
	create(t, b.class)
	b.rolls(run)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

func TestLostStatusIsAdoptedFromTheDeployment(t *testing.T) {
	b := prepare(t).start(nil)
	run := b.serving()
	want := b.read().Status.Served
	before := b.deployment(run)
	expert := b.read()
	lost := expert.DeepCopy()
	lost.Status = v1alpha1.RepoExpertStatus{}
	if err := api.Status().Patch(t.Context(), lost, client.MergeFrom(expert)); err != nil {
		t.Fatal(err)
	}
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, run.Name)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if got := b.read().Status.Served; !equality.Semantic.DeepEqual(got, want) {
		t.Fatalf("adopted %+v; want %+v", got, want)
	}
	b.untouched(before)
}

func TestMissedRollReturnsToTheLastGoodModel(t *testing.T) {
	b := prepare(t).start(nil)
	good := b.serving()
	bad := b.run(b.repository.Commit(t, "main", "second"), "")
	b.finish(bad, v1alpha1.DecisionPromote)
	b.misses(bad)
	b.rolls(good)
	b.stalled(v1alpha1.ReasonRollFailed, "run "+bad.Name+" passed the gate", "run "+good.Name+" serves again", "pinnedRunName")
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, good.Name)
	b.serves(good)
	if got := b.read().Status.Denied; !slices.Equal(got, []string{bad.Name}) {
		t.Fatalf("denied %v", got)
	}
}

func TestNamesOfOthersAreNotTouched(t *testing.T) {
	b := prepare(t)
	foreign := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: b.expert.Namespace, Name: resources.ClaimName("click")}}
	foreign.Spec = resources.Claim(b.expert, b.class.Spec.Storage, nil).Spec
	create(t, foreign)
	b.start(nil)
	b.stalled(v1alpha1.ReasonNameConflict, "PersistentVolumeClaim "+b.expert.Namespace+"/click-artifacts", "delete or rename that object")
	var runs v1alpha1.ExpertRunList
	if err := api.List(t.Context(), &runs, client.InNamespace(b.expert.Namespace)); err != nil || len(runs.Items) != 0 {
		t.Fatalf("%d runs, %v; want none", len(runs.Items), err)
	}
	found := &corev1.PersistentVolumeClaim{}
	if err := b.get(found, foreign.Name); err != nil || len(found.OwnerReferences) != 0 || len(found.Labels) != 0 {
		t.Fatalf("the foreign claim became %+v, %v", found.ObjectMeta, err)
	}
}

func TestForeignRunOfOurName(t *testing.T) {
	b := prepare(t).start(func(s *v1alpha1.RepoExpertSpec) { s.Suspend = true })
	b.stalled(v1alpha1.ReasonSuspended)
	expert := b.read()
	// The run that the expert will want, made by somebody else for another one.
	other := builder.MakeRepoExpert().Namespace(expert.Namespace).UID("11111111-2222-3333-4444-555555555555").Obj()
	foreign := builder.MakeExpertRun(other, b.class).Obj()
	foreign.OwnerReferences = nil
	foreign.Name = pipeline.RunName("click", pipeline.RunKey(expert.UID, b.head(), b.recipe(expert), ""))
	create(t, foreign)
	b.change(func(e *v1alpha1.RepoExpert) { e.Spec.Suspend = false })
	b.stalled(v1alpha1.ReasonNameConflict, fmt.Sprintf("ExpertRun %q exists and does not belong to this expert: delete it", foreign.Name))
}

func TestDriftIsRepairedAndLeftoversGo(t *testing.T) {
	b := prepare(t).start(nil)
	run := b.serving()
	d := b.deployment(run)
	before := d.DeepCopy()
	d.Spec.Template.Spec.Containers[0].Image = "registry.example/evil:1"
	d.Spec.Template.Labels["added-by"] = "someone"
	if err := api.Patch(t.Context(), d, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		found := b.deployment(run)
		if got := found.Spec.Template.Spec.Containers[0].Image; got != before.Spec.Template.Spec.Containers[0].Image {
			return fmt.Errorf("image %s", got)
		}
		if found.Spec.Template.Labels["added-by"] != "someone" {
			return fmt.Errorf("what others added is gone")
		}
		return nil
	})

	class := b.class.DeepCopy()
	class.Spec.Pods.Engine.Env = []v1alpha1.EnvVar{{Name: "EXTRA", Value: "1"}}
	b.class = b.patched(class)
	eventually(t, func() error { return hasEnv(b.deployment(run), "EXTRA", true) })
	class = b.class.DeepCopy()
	class.Spec.Pods.Engine.Env = nil
	b.class = b.patched(class)
	eventually(t, func() error { return hasEnv(b.deployment(run), "EXTRA", false) })
}

func (b *bench) patched(class *v1alpha1.ExpertClass) *v1alpha1.ExpertClass {
	b.t.Helper()
	if err := api.Patch(b.t.Context(), class, client.MergeFrom(b.class)); err != nil {
		b.t.Fatal(err)
	}
	return class
}

func hasEnv(d *appsv1.Deployment, name string, want bool) error {
	has := slices.ContainsFunc(d.Spec.Template.Spec.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == name })
	if has != want {
		return fmt.Errorf("the engine has %s: %t", name, has)
	}
	return nil
}

func TestOldRunsArePruned(t *testing.T) {
	b := prepare(t).start(nil)
	serving := b.serving()
	var names []string
	for i := range keptRuns + 2 {
		run := b.run(b.request(fmt.Sprint(i)), fmt.Sprint(i))
		names = append(names, run.Name)
		b.finish(run, v1alpha1.DecisionReject)
	}
	eventually(t, func() error {
		var runs v1alpha1.ExpertRunList
		if err := api.List(t.Context(), &runs, client.InNamespace(b.expert.Namespace)); err != nil {
			return err
		}
		if len(runs.Items) != keptRuns+1 {
			return fmt.Errorf("%d runs", len(runs.Items))
		}
		return nil
	})
	if err := b.get(&v1alpha1.ExpertRun{}, serving.Name); err != nil {
		t.Fatalf("the run that serves: %v", err)
	}
	if err := b.get(&v1alpha1.ExpertRun{}, names[0]); !apierrors.IsNotFound(err) {
		t.Fatalf("the oldest run: %v", err)
	}
}

func TestOwnershipIsComplete(t *testing.T) {
	b := prepare(t).start(nil)
	b.serving()
	expert := b.read()
	for _, list := range []client.ObjectList{
		&v1alpha1.ExpertRunList{}, &appsv1.DeploymentList{}, &corev1.ServiceList{}, &corev1.PersistentVolumeClaimList{}, &networkingv1.NetworkPolicyList{},
	} {
		if err := api.List(t.Context(), list, client.InNamespace(expert.Namespace), client.MatchingLabels{v1alpha1.ExpertLabel: "click"}); err != nil {
			t.Fatal(err)
		}
		objects := itemsOf(t, list)
		if len(objects) == 0 {
			t.Fatalf("no objects in %T", list)
		}
		for _, o := range objects {
			if !metav1.IsControlledBy(o, expert) {
				t.Fatalf("%T %s is not owned by the expert", o, o.GetName())
			}
			if _, ours := list.(*v1alpha1.ExpertRunList); !ours && !strings.Contains(fmt.Sprint(o.GetManagedFields()), apply.FieldOwner) {
				t.Fatalf("%T %s has other field owners: %v", o, o.GetName(), o.GetManagedFields())
			}
		}
	}
}

// TestFaultyAPIServer: two of three writes fail, half of those after they were
// carried out. The end is the same as without faults, and nothing is made twice.
func TestFaultyAPIServer(t *testing.T) {
	b := prepare(t)
	counts.fail(t, b.expert.Namespace)
	b.start(nil)
	first := b.serving()
	second := b.run(b.repository.Commit(t, "main", "second"), "")
	b.finish(second, v1alpha1.DecisionPromote)
	b.misses(second)
	b.rolls(first)
	b.says(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonReady, first.Name)
	third := b.run(b.repository.Commit(t, "main", "third"), "")
	b.finish(third, v1alpha1.DecisionPromote)
	b.rolls(third)
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionTrue, v1alpha1.ReasonReady)
	b.serves(third)
	var runs v1alpha1.ExpertRunList
	if err := api.List(t.Context(), &runs, client.InNamespace(b.expert.Namespace)); err != nil || len(runs.Items) != 3 {
		t.Fatalf("%d runs, %v; want 3", len(runs.Items), err)
	}
	status := b.read().Status
	var history []string
	for _, h := range status.History {
		history = append(history, h.RunName)
	}
	if !slices.Equal(history, []string{third.Name, first.Name}) || !slices.Equal(status.Denied, []string{second.Name}) {
		t.Fatalf("history %v, denied %v", history, status.Denied)
	}
}
