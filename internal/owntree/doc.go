// Package owntree makes bugs and features of commits, each on the commit's own
// tree: the source files are as they were before, and the tests that the commit
// changed show what is wrong or missing. Training takes such commits of the
// snapshot's history, evaluation those after it.
//
// The environment is that of one commit. The tree of another one gets its
// dependencies, and one whose tests do not pass there is no task.
package owntree
