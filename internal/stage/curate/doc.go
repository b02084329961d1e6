// Package curate is the stage that makes one data set of the shards of
// Experience. It trusts none of them: samples hold what repository code wrote, and
// on a volume anybody may have written.
//
// Every line of a shard is a sample or is counted with the code of why it is none:
// its form (JSON, UTF-8, sizes, turns), its hash, its commit, and the plan (a task of
// the training side; for a question the very text and answer that the plan
// computes). A bad line ends nothing. A shard that is not sealed, or that is beyond
// its bounds, ends the stage.
//
// A sound sample is dropped, with a code that is counted, at the first of these:
//
//  1. the same messages as an earlier one;
//  2. hidden characters, letters that pass for others, marks of a chat format, or
//     instructions for a model in an assistant turn, or where a teacher read them;
//  3. a command that uses the network or reads credentials, or code with a known
//     weakness, in an assistant turn;
//  4. a secret in what is said or shown, by gitleaks' default rules;
//  5. held-out code in an assistant turn: 13 words in a row, a shorter body as a
//     whole, or a long name, found nowhere else in the tree;
//  6. its length by the model's own tokenizer;
//  7. what it says is nearly that of a longer sample of its unit;
//  8. an edit whose names nothing had shown; more scripted recoveries, one sequence
//     of programs or one phrase than the mix has room for;
//  9. the caps of its cluster, file, commit and unit;
//  10. trajectories that would share a padded batch with questions.
//
// Questions are left out of 3, 5 and 7 to 9: the plan chose their facts, and their
// wordings are alike by design.
//
// So for each unit the samples verified are those dropped and those kept; with what
// Experience rejected and did not run they make up the candidates. The card says all
// of it, with the licence of the snapshot and with how often observations hold text
// that may be meant for a model.
//
// The file's order is the training order: trajectories in batches of like length,
// then the questions as package recall orders them. In the control experiment
// the questions carry other questions' answers. The same inputs give the same file.
package curate
