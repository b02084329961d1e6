package pipeline

import (
	"fmt"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/contract"
)

// outcome is how an attempt ended.
type outcome struct {
	class   v1alpha1.FailureClass
	message string
	// result is valid for class Succeeded.
	result contract.StageResult
}

// expect is what a result must name to count.
type expect struct {
	run     string
	stage   v1alpha1.StageName
	attempt int32
	shards  int32
}

// severity orders the ends of an Indexed Job's pods: the first class in the
// list names the attempt's end, so that one shard's cause is not hidden by the
// shards that were stopped because of it.
var severity = []v1alpha1.FailureClass{
	v1alpha1.FailureConfiguration, v1alpha1.FailureRepositoryCode, v1alpha1.FailureData,
	v1alpha1.FailureIntegrity, v1alpha1.FailureSource, v1alpha1.FailureExternal,
	v1alpha1.FailureOutOfMemory, v1alpha1.FailureDeadline, v1alpha1.FailureUnknown,
	v1alpha1.FailureDisrupted,
}

// classify reads the end of an attempt's Job.
func classify(job Job, want expect) outcome {
	if want.stage == v1alpha1.StageExperience {
		return classifyShards(job, want)
	}
	if len(job.Pods) == 0 {
		return lost(job)
	}
	return ofPod(newest(job.Pods), want)
}

// lost is the end of a Job whose pods are gone with their results. A success
// left a sealed output that the next attempt finds; a failure without a pod is
// a pod that somebody or a dying node took away.
func lost(job Job) outcome {
	if job.End.Complete {
		return outcome{class: v1alpha1.FailureUnknown, message: "the Job completed, but its pod is gone and the result with it"}
	}
	return outcome{class: v1alpha1.FailureDisrupted, message: "the pod was deleted before it ended"}
}

func newest(pods []Pod) Pod {
	return slices.MaxFunc(pods, func(a, b Pod) int { return a.Created.Compare(b.Created) })
}

func ofPod(p Pod, want expect) outcome {
	switch {
	case p.Worker != nil && p.Worker.ExitCode == contract.ExitSucceeded:
		return ofSuccess(p.Worker.Message, want)
	case p.Disrupted:
		return outcome{class: v1alpha1.FailureDisrupted, message: "the cluster ended the pod: eviction, preemption or node loss"}
	case p.Worker != nil && p.Worker.Reason == "OOMKilled":
		return outcome{class: v1alpha1.FailureOutOfMemory, message: "the kernel killed the worker for memory: raise the memory limit of the stage's role in the class's pods"}
	case p.Reason == "DeadlineExceeded":
		return outcome{class: v1alpha1.FailureDeadline, message: "the pod ran longer than its activeDeadlineSeconds"}
	case p.Reason == "Evicted":
		return outcome{class: v1alpha1.FailureUnknown, message: conditions.Bounded("the kubelet evicted the pod: "+p.Message, maxAttemptMessage)}
	case p.Install != nil:
		return outcome{class: v1alpha1.FailureUnknown, message: fmt.Sprintf("an init container ended with exit code %d before the worker started", p.Install.ExitCode)}
	case p.Worker == nil:
		return outcome{class: v1alpha1.FailureDisrupted, message: "the pod ended before its worker did"}
	default:
		return ofFailure(*p.Worker, want)
	}
}

func ofSuccess(message string, want expect) outcome {
	r, err := readResult(message, want)
	sealed := contract.ValidDigest(r.ManifestDigest) &&
		(want.stage != v1alpha1.StageFetch || contract.ValidDigest(r.BaseModelDigest))
	if err == nil && (r.Class != v1alpha1.Succeeded || !sealed) {
		err = fmt.Errorf("it names no sealed manifest")
	}
	if err != nil {
		return outcome{class: v1alpha1.FailureUnknown, message: "the worker exited 0, but its result does not count: " + err.Error()}
	}
	return outcome{class: v1alpha1.Succeeded, message: r.Message, result: r}
}

// ofFailure takes the class from the exit code: some classes are the manager's
// alone, and a result cannot claim them.
func ofFailure(worker ContainerEnd, want expect) outcome {
	class := contract.ClassOfExit(worker.ExitCode)
	r, err := readResult(worker.Message, want)
	if err == nil && contract.ExitCode(r.Class) == worker.ExitCode {
		return outcome{class: class, message: r.Message}
	}
	return outcome{class: class, message: fmt.Sprintf("the worker ended with exit code %d and no readable result", worker.ExitCode)}
}

// readResult parses a termination message and refuses one that is not of this
// attempt.
func readResult(message string, want expect) (contract.StageResult, error) {
	r, err := contract.ParseResult([]byte(message))
	if err != nil {
		return contract.StageResult{}, fmt.Errorf("it cannot be read")
	}
	if r.Run != want.run || r.Stage != want.stage || r.Attempt != want.attempt {
		return contract.StageResult{}, fmt.Errorf("it names another run, stage or attempt")
	}
	r.Message = conditions.Text(r.Message)
	return r, nil
}

// classifyShards reads the end of Experience's Indexed Job: all shards or none.
func classifyShards(job Job, want expect) outcome {
	byIndex := map[int32]Pod{}
	for _, p := range job.Pods {
		if old, ok := byIndex[p.Index]; !ok || better(p, old) {
			byIndex[p.Index] = p
		}
	}
	if !job.End.Complete {
		return worst(job, byIndex, want)
	}
	return merge(byIndex, want)
}

// better prefers the pod of an index that succeeded, else the newer one.
func better(a, b Pod) bool {
	succeeded := func(p Pod) bool { return p.Worker != nil && p.Worker.ExitCode == contract.ExitSucceeded }
	if succeeded(a) != succeeded(b) {
		return succeeded(a)
	}
	return a.Created.After(b.Created)
}

func merge(byIndex map[int32]Pod, want expect) outcome {
	total := contract.StageResult{Class: v1alpha1.Succeeded, Counts: map[string]int64{}, Reused: true}
	digests := make([]string, 0, want.shards)
	for i := range want.shards {
		p, ok := byIndex[i]
		if !ok {
			return outcome{class: v1alpha1.FailureUnknown, message: fmt.Sprintf("shard %d: its pod is gone and the result with it", i)}
		}
		o := ofPod(p, want)
		if o.class != v1alpha1.Succeeded {
			return outcome{class: v1alpha1.FailureUnknown, message: fmt.Sprintf("shard %d: %s", i, o.message)}
		}
		digests = append(digests, o.result.ManifestDigest)
		total.Reused = total.Reused && o.result.Reused
		for name, n := range o.result.Counts {
			total.Counts[name] += n
		}
	}
	total.ManifestDigest = contract.ShardsDigest(digests)
	return outcome{class: v1alpha1.Succeeded, result: total}
}

func worst(job Job, byIndex map[int32]Pod, want expect) outcome {
	found := outcome{class: v1alpha1.FailureDisrupted, message: "the pods were deleted before they ended"}
	for i := range want.shards {
		p, ok := byIndex[i]
		if !ok || (len(job.End.FailedIndexes) > 0 && !slices.Contains(job.End.FailedIndexes, i)) {
			continue
		}
		o := ofPod(p, want)
		if o.class == v1alpha1.Succeeded {
			continue
		}
		if slices.Index(severity, o.class) < slices.Index(severity, found.class) {
			found = outcome{class: o.class, message: fmt.Sprintf("shard %d: %s", i, o.message)}
		}
	}
	return found
}
