// Package local sets up what the demo and the true-pod tests need around the
// operator: a cluster, images, volumes with tools and base model, a git server.
// Nothing in the operator knows about it.
//
// A Site is where that happens: a cluster of our own on this machine, whose node
// sees the machine's files, or the cluster of the current kubeconfig context, to
// which everything goes through a registry.
package local
