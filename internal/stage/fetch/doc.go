// Package fetch is the stage that brings everything from outside to the
// artifact volume: the repository at the exact commit with its history, and the
// base model. Nothing after it needs the network.
//
// The history ends at the commit: what the branch got later is dropped, so that
// no later stage can read a fix of the future. The tree is written from git's
// objects, not from a checkout: attributes, filters, hooks, submodules and
// symbolic links of the repository have no say in it.
//
// Where the newest commits are kept from training, tree and history end before
// them. The commits themselves lie in a repository of their own, which only the
// tasks of evaluation are made of.
package fetch
