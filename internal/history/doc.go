// Package history reads the commits of a snapshot's repository: which changes
// fixed a fault and tested it, what undoes them on the snapshot, what task text
// their messages give, and which files change together.
//
// The unit is a change: what one commit of the first-parent line changed against
// its first parent. A merged pull request is one whole change, however many
// commits it was made of; single commits of one are often partial.
//
// Everything that comes out of the repository is hostile. git runs by package
// localgit, on objects alone; there is no working tree. Lists are read as a
// stream with NUL between the fields, where no name and no message can pass for
// something else, and whatever is kept of them is bounded.
package history
