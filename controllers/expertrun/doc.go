// Package expertrun carries a run through its stages.
//
// One reconcile is: gather what is known (scope), ask internal/pipeline what
// follows (a pure decision), and then either write the run's status or act on
// one Job, never both. Because a Job is only ever created for an attempt that
// was read back from the API server, a crash between any two writes loses
// nothing and starts nothing twice.
//
// Reads come from caches limited to our own labels. Two reads go past them:
// the run itself right before a Job is created or deleted, since acting on an
// old ledger would repeat an attempt; and the pods of a Job that has ended while
// the cache still shows them at work.
//
// The controller owns the run's status and the run's Jobs. It needs no
// finalizer: runs are owned by their RepoExpert and Jobs by their run, so
// garbage collection removes all of it.
package expertrun
