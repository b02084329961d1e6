// Package pipeline decides what happens next in a run. It has no client and no
// clock: what was observed and the time come in, the next status and at most
// one action go out.
//
// The ledger is the run's status, never the existence of a child:
//
//  1. An attempt is recorded in status before its Job exists. A Job is created
//     only for an attempt that was read back from the API server.
//  2. The status that ends a stage also records attempt 1 of the next one, so a
//     stage costs one write of status and one Job.
//  3. A Job's end is read once. What is in status is never read again.
//
// A plan therefore either changes status or acts, never both: when it changes
// status, the write brings the run back and the next plan acts.
//
// An attempt ends in a class, and the class alone says what follows: a retry
// now, a retry later, the producer of a broken input again, or the end (see
// budget). Whatever comes out of a pod was written beside untrusted code: an
// exit code 0 counts only with a result that names this run, stage and attempt
// and a sealed manifest.
//
// By what an evaluation will be judged is fixed in status before its first Job. A
// look at results that decides nothing is extended: its output goes into the
// ledger, and the stage Evaluate has another attempt, whose key, inputs and number
// of rollouts are those of the next look. Looks begin again where another model
// is served, or is the anchor, than they compared with.
//
// Keys are input-addressed: a stage's key is the hash of the algorithm's
// version, the keys of its inputs, the recipe's fields that the stage reads and
// the foreign images that run in it. Shapes of pods, network isolation and the
// operator's own image are not part of any key, so that moving to another node
// pool or upgrading the operator retrains nobody.
package pipeline
