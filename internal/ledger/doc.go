// Package ledger keeps which functions are held out of training, for all commits
// that an expert ever learns.
//
// The unit of the split is a cluster: functions that give each other away. A
// cluster's side follows from a hash, so nobody chooses it. What was decided is
// written down per function in an append-only file, because clusters change:
// commits add, remove, merge and split them. The rules:
//
//   - A function that was ever held out stays held out. What a model was
//     measured on must never train a later one.
//   - A cluster with a held-out function is held out as a whole; a function of
//     it that was trained before moves to the held-out side.
//   - A new function whose body is, word for word, that of a recorded one is
//     that function under another name or path, and keeps its side.
//   - Only a cluster without any recorded function is decided by the hash.
//
// The side of a function is "evaluation" if any line of the file says so, so the
// order of lines does not matter and a lost tail can only forget functions,
// never move them.
package ledger
