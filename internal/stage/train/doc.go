// Package train is the stage Train: it runs a recipe's trainer on the curated
// samples and seals the weights.
//
// The algorithm: the data set is hashed against what the run recorded; the
// recipe writes its configuration and says what to run; the trainer runs as a
// child in a process group of its own, its progress is passed on, its end is
// told apart by what it printed. Exit code 0 proves nothing: the result must name
// the last step, the loss must be finite, the weights must be there and whole.
// An adapter is merged where the engine serves no adapters. With the weights goes
// the list of what the model saw (seen.json), by which this run and later ones
// know which tasks compare.
//
// A trainer that gets SIGTERM leaves a checkpoint in the unsealed output; the
// next attempt of the same key goes on from there.
package train
