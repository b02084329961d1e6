// Package resources builds the objects that the operator wants, from plain
// values: no client, no clock, the same input gives the same object.
//
// Pods of stages differ in who may touch what. The container "worker" alone has
// the artifact volume and gives the stage's result. Repository code runs in
// native sidecars that see nothing but scratch space and what the worker
// streams to them over a unix socket: no artifact, claim, Secret or token is
// ever mounted beside it. The model server reads artifacts and runs no
// repository code. Fetch alone has a network and the git Secret. A run's teacher
// proxy alone has the teacher's Secret and reaches the teacher; shards of
// Experience reach the proxy.
//
// Every pod passes Pod Security "restricted".
package resources
