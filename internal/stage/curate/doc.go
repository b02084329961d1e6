// Package curate is the stage that makes one data set of the shards of
// Experience. It trusts none of them: samples hold what repository code wrote.
//
// A sample that breaks the format (roles, sizes, hash) or the plan (the training
// side alone; the very question and answer that the plan computes) refuses its
// shard. A sound sample is dropped, with a code that is counted, at the first of
// these: equality with an earlier one; an assistant turn that shares 13 words in a
// row with held-out text found nowhere else in the tree; its length by the model's
// own tokenizer; its unit's cap; trajectories that would share a padded batch with
// questions. So for each unit the samples read are those dropped and those kept.
//
// The file's order is the training order: trajectories in batches of like length,
// then the questions as package recall orders them. In the control experiment
// the questions carry other questions' answers.
package curate
