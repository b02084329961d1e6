// Package agent runs an episode of the text protocol by which a model works on a
// repository: the same in synthesis, evaluation and serving.
//
// The protocol, version mini-swe-1: a system prompt and a task; every assistant
// turn is a line "THOUGHT: ..." and exactly one fenced bash block. The block runs
// in a fresh shell in the repository's root under a time limit. The next user
// turn is its return code and output, bounded. A turn with no block or several
// gets a format error instead. An output whose first line is the submit marker
// ends the episode; what follows is the submission. A turn that repeats itself
// three times gets a warning in place of its result, five times ends the episode.
//
// A transcript depends on the model's turns and on the results of commands
// alone: replaying both gives the same transcript.
package agent
