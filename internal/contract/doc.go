// Package contract is all that the manager and the worker know of each other.
//
// Down: a StageSpec, as JSON in one environment variable, without any secret.
// Up: a StageResult, as JSON in the termination message of the container
// "worker" and nothing else; progress and the evaluation record are lines of
// that container's log. The kubelet divides 12 KiB of termination messages
// among a pod's containers, hence the small limit on a result.
//
// Whatever comes up was written beside untrusted code, so it is parsed with
// bounds and refused when it does not name this run, stage and attempt.
package contract
