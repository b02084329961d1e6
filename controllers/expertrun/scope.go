package expertrun

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
)

// scope is all that one reconcile knows.
type scope struct {
	run   *v1alpha1.ExpertRun
	class *v1alpha1.ExpertClass
	// jobs of the run, by attempt.
	jobs map[pipeline.AttemptID]*batchv1.Job
	// pods of the expert's stages, of this run and of others.
	pods []corev1.Pod
	// teacherURL is where the run's teacher proxy answers; empty while it does not,
	// and without one.
	teacherURL string
	input      pipeline.Input
}

// gather reads what a decision is made from.
func (r *Reconciler) gather(ctx context.Context, run *v1alpha1.ExpertRun) (*scope, error) {
	s := &scope{run: run, jobs: map[pipeline.AttemptID]*batchv1.Job{}}
	s.input = pipeline.Input{Run: run, Now: metav1.Time{Time: r.clock.Now().UTC()}.Rfc3339Copy(), Jobs: map[pipeline.AttemptID]pipeline.Job{}}
	expert, err := r.expert(ctx, run)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, *scope, *v1alpha1.RepoExpert) error{
		r.gatherClass, r.gatherPods, r.gatherSiblings, r.gatherJobs, r.gatherLogs, r.gatherTeacher,
	} {
		if err := step(ctx, s, expert); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// expert returns the run's RepoExpert, nil when it is gone, going, or another
// one of the same name.
func (r *Reconciler) expert(ctx context.Context, run *v1alpha1.ExpertRun) (*v1alpha1.RepoExpert, error) {
	expert := &v1alpha1.RepoExpert{}
	err := r.client.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.ExpertName}, expert)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get the run's RepoExpert: %w", err)
	}
	if expert.UID != run.Spec.ExpertUID || !expert.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	return expert, nil
}

// gatherClass finds the class that the run was made from, or when that is gone
// the one that the expert names now.
func (r *Reconciler) gatherClass(ctx context.Context, s *scope, expert *v1alpha1.RepoExpert) error {
	names := []string{s.run.Spec.ClassName}
	if expert != nil && expert.Spec.ClassName != "" {
		names = append(names, expert.Spec.ClassName)
	}
	for _, name := range names {
		class := &v1alpha1.ExpertClass{}
		err := r.client.Get(ctx, types.NamespacedName{Name: name}, class)
		if err == nil && class.DeletionTimestamp.IsZero() {
			s.class, s.input.Class = class, class
			return nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("get the run's ExpertClass: %w", err)
		}
	}
	return nil
}

func (r *Reconciler) gatherPods(ctx context.Context, s *scope, _ *v1alpha1.RepoExpert) error {
	var pods corev1.PodList
	err := r.client.List(ctx, &pods, client.InNamespace(s.run.Namespace),
		client.MatchingLabels{v1alpha1.ExpertLabel: s.run.Spec.ExpertName}, client.HasLabels{v1alpha1.StageLabel})
	if err != nil {
		return fmt.Errorf("list the expert's pods: %w", err)
	}
	s.pods = pods.Items
	return nil
}

// gatherSiblings compares the run with the expert's other runs and with what
// the expert wants.
func (r *Reconciler) gatherSiblings(ctx context.Context, s *scope, expert *v1alpha1.RepoExpert) error {
	if expert == nil {
		s.input.Expert = pipeline.ExpertGone
		return nil
	}
	var runs v1alpha1.ExpertRunList
	err := r.client.List(ctx, &runs, client.InNamespace(s.run.Namespace),
		client.MatchingLabels{v1alpha1.ExpertLabel: expert.Name})
	if err != nil {
		return fmt.Errorf("list the expert's runs: %w", err)
	}
	siblings := slices.DeleteFunc(runs.Items, func(other v1alpha1.ExpertRun) bool {
		return other.UID == s.run.UID || other.Spec.ExpertUID != s.run.Spec.ExpertUID
	})
	s.input.Models = pipeline.Models{Served: model(expert.Status.Served), Anchor: model(expert.Status.Anchor)}
	s.input.Steps = expert.Status.Steps
	s.input.Retry = retries(s.run, siblings, expert)
	s.input.Denied = slices.Contains(expert.Status.Denied, s.run.Name)
	s.input.Newest = newestFinished(s.run, siblings, expert)
	s.input.Predecessor = predecessor(s.run, siblings, expert, s.pods)
	s.input.Expert = wants(s.run, siblings, expert)
	return nil
}

func model(m *v1alpha1.ServedModel) *contract.ServedModel {
	if m == nil {
		return nil
	}
	return &contract.ServedModel{Commit: m.Commit, ModelKey: m.ModelKey, ModelDigest: m.ModelDigest}
}

// retries counts the earlier runs of the same commit and recipe that were
// evaluated: another token alone makes no other model.
func retries(run *v1alpha1.ExpertRun, siblings []v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert) int {
	content := func(r *v1alpha1.ExpertRun) string {
		return pipeline.RunKey(r.Spec.ExpertUID, r.Spec.Commit, r.Spec.Recipe, "")
	}
	count := 0
	for i := range siblings {
		other := &siblings[i]
		if other.Spec.Commit == run.Spec.Commit && other.Status.Evaluation != nil &&
			before(other, run, expert) && content(other) == content(run) {
			count++
		}
	}
	return count
}

func wants(run *v1alpha1.ExpertRun, siblings []v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert) pipeline.Expert {
	switch {
	case slices.ContainsFunc(siblings, func(other v1alpha1.ExpertRun) bool { return newer(&other, run, expert) }):
		return pipeline.ExpertMovedOn
	case expert.Spec.Suspend:
		return pipeline.ExpertSuspended
	default:
		return pipeline.ExpertActive
	}
}

// newer says whether run a surely was made after run b. Creation times have
// whole seconds; between two runs of one second the expert's status decides.
func newer(a, b *v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	}
	return expert.Status.ActiveRun != nil && expert.Status.ActiveRun.Name == a.Name
}

// before orders the runs of an expert, those of one second too.
func before(a, b *v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert) bool {
	return newer(b, a, expert) || (!newer(a, b, expert) && a.Name < b.Name)
}

func newestFinished(run *v1alpha1.ExpertRun, siblings []v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert) bool {
	return !slices.ContainsFunc(siblings, func(other v1alpha1.ExpertRun) bool {
		return other.Status.Verdict != nil && before(run, &other, expert)
	})
}

// predecessor returns an older run that is not over: at most one run of an
// expert works at a time, since they share a volume.
func predecessor(run *v1alpha1.ExpertRun, siblings []v1alpha1.ExpertRun, expert *v1alpha1.RepoExpert, pods []corev1.Pod) string {
	var names []string
	for i := range siblings {
		other := &siblings[i]
		over := other.Status.CompletionTime != nil && !anyAlive(pods, other.Name)
		if !over && before(other, run, expert) {
			names = append(names, other.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

func anyAlive(pods []corev1.Pod, run string) bool {
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool {
		return p.Labels[v1alpha1.RunLabel] == run && !podOver(&p)
	})
}

// attemptOf reads an attempt from the labels of a Job or pod.
func attemptOf(labels map[string]string) (pipeline.AttemptID, bool) {
	number, err := strconv.ParseInt(labels[v1alpha1.AttemptLabel], 10, 32)
	stage := v1alpha1.StageName(labels[v1alpha1.StageLabel])
	if err != nil || number < 1 || !slices.Contains(v1alpha1.Stages, stage) {
		return pipeline.AttemptID{}, false
	}
	return pipeline.AttemptID{Stage: stage, Number: int32(number)}, true
}
