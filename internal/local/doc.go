// Package local runs the stages Fetch, Plan, Experience and Curate on a checkout
// of this machine, without a cluster.
//
// It is the manager and the pods in one process: it resolves a recipe from
// options, asks package pipeline for the keys and the specification of each
// stage, and lets package stage run it on an artifact volume that is a folder.
// So outputs have the same form, what is sealed is reused, and an interrupted
// shard goes on at its next task.
//
// Its sandbox is two box servers of this process whose commands are processes of
// the user, with the user's files and network: it separates trees, not trust.
package local
