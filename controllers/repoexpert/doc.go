// Package repoexpert carries an expert from the head of its reference to an
// endpoint that answers: head, run, promotion, serving.
//
// One reconcile is: gather what is known (class, head, runs, Deployment), ask
// the pure packages what follows (retrain, promotion), act on children, and
// write status once, at the end, when it differs. No reconcile waits for a
// network other than the API server's: heads are observed by internal/source.
//
// Status is the ledger of what is served. A promotion is first written to
// status and only then, by the reconcile that this write brings, applied to the
// Deployment, so that a crash in between repeats nothing and reverts nothing.
// The Deployment's annotations are the second copy: with status lost they are
// adopted, and a Deployment that carries a later decision than the status at
// hand is left alone, because then that status is old.
//
// Without a class that applies nothing is started, changed or deleted: what
// serves keeps serving, and the run under way is the ExpertRun controller's.
//
// The controller needs no finalizer: all it makes is owned by the expert.
package repoexpert
