// Package cluster starts, finds and removes clusters from the host's side.
//
// A cluster is one process in namespaces of its own and what descends from it, a
// folder, and a control group. Up makes the three and waits until pods can run;
// Down removes them in the order process, control group, folder, and leaves
// nothing. Both can be called in any state, also after an Up that was killed
// half-way: every step looks at what is there rather than at what should be.
package cluster
