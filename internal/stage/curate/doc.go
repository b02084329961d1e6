// Package curate is the stage that turns sealed shards of experience into the
// data set that is trained on.
//
// Shards were written beside repository code, so they are read as hostile:
// bounded, schema-checked, and refused where they name what the plan does not
// have or what is held out. Then samples with the same content are merged,
// samples that share a 13-word sequence with held-out code that is nowhere else
// in the tree are dropped, and lengths are measured with the base model's own
// tokenizer; what is too long is dropped and counted. The data set is written in
// the order in which it is to be learned: trajectories first, then questions in
// batches of like length. A card says where every sample came from and what
// became of those that are missing.
package curate
