// Package plan finds what can be learned and asked at a commit.
//
// The tree is inspected first, in a fresh sandbox, before any repository code
// ran there. Then its tests run, several times with different hash seeds: a test
// that fails, is skipped or differs between runs counts nowhere. One more run
// records which lines each remaining test executes. From these follow
//
//   - masks: functions of three statements or more whose body a stable test
//     executes;
//   - components: modules, classes, packages and files that change together, to
//     explore;
//   - facts: closed questions with computed answers;
//   - tasks of evaluation: what commits repaired or added, taken back where all that
//     it touches is held out, and mutants of held-out functions;
//     Where the snapshot ends before the run's commit, what the commits after it did,
//     each on its own tree;
//   - the split: clusters of functions that give each other away, trained or held
//     out by the append-only ledger, which is on disk before the plan is sealed.
//
// All choices follow from the tree, the ledger, the recipe and its seed: the same
// commit gives the same bytes. Times are therefore not part of a plan.
package plan
