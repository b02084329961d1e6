// Package evaluate is the stage Evaluate: it asks the base model, the candidate
// and the served model the same held-out tasks and seals what came out. It
// decides nothing: the gate does, from the record.
//
// The algorithm: tasks are chosen first, from the plan alone and before any model
// is asked, so that all arms get the same ones. When a model is served, only what
// compares is asked: facts that both models were taught with today's answer, and
// functions that neither of them saw. Models are asked in the sets that the
// engine holds at once.
//
// CodebaseQA: facts in wordings that were never trained, greedy, exact match; the
// base model also gets the form of the answer and three examples of another
// library. The score is retention of trained facts and is labelled so.
// Compositions of two facts are asked of base and candidate for the report alone.
//
// ContextualImplementation: an agent's episode on the tree with a held-out body
// masked and its tests taken out; what it submits is graded by those tests in a
// box that never ran the agent's commands. A function is a task only if its tests
// fail without the body and pass with it. In the same run the known bodies must
// be graded as right, all of them, and empty answers as wrong, all of them,
// through the same calls as a model's; else the stage fails, with the class
// RepositoryCode: tests that answer differently twice grade nothing.
package evaluate
