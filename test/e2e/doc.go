// Package e2e holds the stories that need a node: a real cluster, real pods, a
// real trainer and real model servers.
//
// Replaced for size: a GPU by two CPU cores, a 4B model by SmolLM2-135M, a git
// host by a pod with git's own HTTP backend, in the teacher's story a large model by
// a script that knows the repository, and in the story of candidates that are better
// or worse by a given measure the answers of all models. Nothing else is.
//
// Stories named TestCore run in CI; the others need `make e2e-full`. They share
// one cluster and run one after the other, in the order of the files.
package e2e
