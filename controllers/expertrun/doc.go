// Package expertrun carries a run through its stages.
//
// One reconcile is: gather what is known (scope), ask internal/pipeline what
// follows (a pure decision), and then either write the run's status or act on
// one Job, never both. Because a Job is only ever created for an attempt that
// was read back from the API server, a crash between any two writes loses
// nothing and starts nothing twice.
//
// A run with a teacher has more: before Experience's Job its proxy, with Service
// and policies, is applied and awaited, and all of it is removed once no attempt
// of Experience is under way. Each is one act like those on Jobs.
//
// Reads come from caches limited to our own labels. These go past them: the run
// itself right before an act, since acting on an old ledger would repeat an
// attempt; the pods of a Job that has ended while the cache still shows them at
// work; a teacher's Secret before its proxy is made; and what is removed with
// the proxy.
//
// The controller owns the run's status, the run's Jobs and its teacher's proxy.
// It needs no finalizer: runs are owned by their RepoExpert and the rest by their
// run, so garbage collection removes all of it.
package expertrun
