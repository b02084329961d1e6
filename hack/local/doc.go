// Package local sets up what the demo and the true-pod tests need around the
// operator: a cluster, images, volumes with tools and base model, a git server.
// Nothing in the operator knows about it.
package local
