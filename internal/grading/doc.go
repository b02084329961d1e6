// Package grading says whether a change to a masked function is right.
//
// A change is a patch as git writes it. It is graded in a fresh tree of the
// snapshot with the body masked, in a box that never runs an agent's commands:
// the parts of the patch that touch source files of the snapshot are applied, all
// else in it is ignored, so tests, their configuration and new files stay as they
// were; then the covering tests run, with a canary that has to fail. Only a run
// that completed and passed every covering test counts.
//
// The gold patch and the empty patch go the same way as an agent's. A task is
// usable only if the empty patch fails some covering tests and the gold patch
// passes all of them.
package grading
