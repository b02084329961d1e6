// Package components builds the programs of a cluster from Go modules and keeps
// them in the user's cache.
//
// The module beside this one, hack/devcluster/components, pins their versions. It
// is a module of its own so that no other requirement can move a dependency of
// Kubernetes: that would compile all of it again, which takes ten minutes.
//
// A cached build is named by a hash of all that goes into it, so a changed pin
// makes a new folder and never a mixture.
package components
