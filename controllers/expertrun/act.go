package expertrun

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
)

// errStale says that the ledger moved on since it was read.
var errStale = errors.New("the run has changed since it was read")

// refusal is the API server's no to a Job, or to what stands before the teacher.
type refusal struct {
	// teacher: it is not the Job that is refused.
	teacher bool
	// foreign: the name belongs to someone else.
	foreign bool
	// invalid: the same Job will never be accepted.
	invalid bool
	message string
}

// Error implements error.
func (r *refusal) Error() string { return r.message }

func (r *Reconciler) act(ctx context.Context, s *scope, action pipeline.Action) error {
	switch action.Kind {
	case pipeline.ActionCreate:
		return r.create(ctx, s, action.AttemptID)
	case pipeline.ActionDelete:
		return r.delete(ctx, s, action.AttemptID)
	case pipeline.ActionRelease:
		return r.release(ctx, s, action)
	case pipeline.ActionApplyTeacher:
		return r.applyTeacher(ctx, s, action.AttemptID)
	case pipeline.ActionRemoveTeacher:
		return r.removeTeacher(ctx, s)
	default:
		return nil
	}
}

// fresh refuses to act on a ledger that is not the stored one.
func (r *Reconciler) fresh(ctx context.Context, run *v1alpha1.ExpertRun) error {
	stored := &v1alpha1.ExpertRun{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(run), stored); err != nil {
		if apierrors.IsNotFound(err) {
			return errStale
		}
		return fmt.Errorf("read the run again: %w", err)
	}
	if stored.UID != run.UID || stored.ResourceVersion != run.ResourceVersion {
		return errStale
	}
	return nil
}

func (r *Reconciler) create(ctx context.Context, s *scope, id pipeline.AttemptID) error {
	if err := r.fresh(ctx, s.run); err != nil {
		return err
	}
	spec := pipeline.SpecFor(s.run, id, s.input.Models)
	if id.Stage == v1alpha1.StageExperience {
		spec.TeacherURL = s.teacherURL
	}
	job, err := resources.StageJob{
		Run:         s.run,
		Name:        pipeline.JobName(s.run.Name, id.Stage, id.Number),
		Key:         pipeline.Stage(&s.run.Status, id.Stage).Key,
		Spec:        spec,
		WorkerImage: r.workerImage,
		AccessMode:  s.class.Spec.Storage.AccessMode,
	}.Job()
	if err != nil {
		return err
	}
	err = r.client.Create(ctx, job)
	switch {
	case err == nil:
		r.refusals.forget(nameOf(s.run))
		return nil
	case apierrors.IsAlreadyExists(err):
		return r.existing(ctx, s.run, id)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		return r.refusals.remember(nameOf(s.run), id, &refusal{invalid: apierrors.IsInvalid(err), message: err.Error()})
	default:
		return fmt.Errorf("create Job %s: %w", job.Name, err)
	}
}

// existing accepts a Job that the cache has not shown yet, if it is ours.
func (r *Reconciler) existing(ctx context.Context, run *v1alpha1.ExpertRun, id pipeline.AttemptID) error {
	foreign, err := r.foreign(ctx, run, id)
	if err != nil || !foreign {
		return err
	}
	return &refusal{foreign: true, message: "the name is taken"}
}

// delete ends an attempt that the ledger has ended. Its pods go first, so that
// the Job's absence means that nothing of it runs.
func (r *Reconciler) delete(ctx context.Context, s *scope, id pipeline.AttemptID) error {
	if err := r.fresh(ctx, s.run); err != nil {
		return err
	}
	job := s.jobs[id]
	err := r.client.Delete(ctx, job,
		client.Preconditions{UID: &job.UID},
		client.PropagationPolicy(metav1.DeletePropagationForeground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Job %s: %w", job.Name, err)
	}
	return nil
}

// release lets a Job be collected whose result is in status.
func (r *Reconciler) release(ctx context.Context, s *scope, action pipeline.Action) error {
	job := s.jobs[action.AttemptID]
	released := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name}}
	patch := released.DeepCopy()
	patch.Spec.TTLSecondsAfterFinished = ptr.To(int32(action.TTL / time.Second))
	if err := r.client.Patch(ctx, patch, client.MergeFrom(released)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release Job %s: %w", job.Name, err)
	}
	return nil
}

// refused puts the API server's no into the next decision.
func (s *scope) refused(id pipeline.AttemptID, no *refusal) {
	switch {
	case no.teacher && no.foreign:
		s.input.Teacher.Conflict = no.message
		return
	case no.teacher:
		s.input.Teacher.Refusal = &pipeline.Refusal{Final: no.invalid, Message: no.message}
		return
	case no.foreign:
		s.input.Jobs[id] = pipeline.Job{Foreign: true}
		return
	}
	s.input.Refusal = &pipeline.Refusal{Final: no.invalid, Message: no.message}
}

// refusals remembers what the API server said to an attempt's Job, so that the
// run keeps saying it until the Job is accepted. Lost with the process, it is
// learned again by the next try.
type refusals struct {
	mu   sync.Mutex
	last map[types.NamespacedName]remembered
}

type remembered struct {
	id pipeline.AttemptID
	no *refusal
}

func newRefusals() *refusals { return &refusals{last: map[types.NamespacedName]remembered{}} }

func (r *refusals) remember(run types.NamespacedName, id pipeline.AttemptID, no *refusal) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[run] = remembered{id: id, no: no}
	return no
}

func (r *refusals) of(run types.NamespacedName, id pipeline.AttemptID) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.last[run]; ok && m.id == id {
		return m.no
	}
	return nil
}

func (r *refusals) forget(run types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, run)
}

func (r *Reconciler) forget(run types.NamespacedName) {
	r.tails.forget(run)
	r.refusals.forget(run)
}

func nameOf(o client.Object) types.NamespacedName { return client.ObjectKeyFromObject(o) }
