// Package recall turns an inventory of a source tree into closed questions with
// computed answers, asks them, and scores the replies. It has no I/O.
//
// The algorithm: Extract derives facts from the syntax tree alone (which file
// defines a name, what a class inherits from, what calls a function, what it
// raises, what a parameter defaults to). Facts that can be guessed or read two
// ways are left out. Select takes a bounded, balanced, reproducible choice.
// TrainingQuestions asks every fact in some of many training wordings;
// EvaluationQuestions asks the same facts in wordings that share fewer than half
// of their words with any training wording.
//
// A score on these questions is retention of trained facts: the fact was
// trained, the wording was not. It is no evidence of skill at repairing code,
// and callers must label it so. Compose joins two trained facts into a question
// that was never trained in any form.
package recall

// ScoreLabel must stand beside every score that this package's questions give.
const ScoreLabel = "retention of trained facts"
