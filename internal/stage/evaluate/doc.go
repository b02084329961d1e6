// Package evaluate is the stage Evaluate: it asks the base model, the candidate,
// the served model and the anchor the same held-out tasks and seals what came out.
// It decides nothing: the gate does, from the record.
//
// The algorithm: tasks are chosen first, from the plan alone and before any model
// is asked, so that all arms get the same ones: facts that all trained models of
// earlier runs were taught with today's answer, and code that no trained model saw.
// Then the arms take turns at each task, in the sets of models that the engine holds
// at once, as many rollouts as the look asks for; what an earlier look gave is kept.
// Results of base, served and anchor come from an earlier evaluation of the same
// tasks where there is one; a tenth is asked again, and all where that differs.
//
// CodebaseQA: facts in wordings that were never trained, greedy, exact match; the
// base model also gets the form of the answer and three examples of another
// library. The score is retention of trained facts and is labelled so. Compositions
// of two facts, questions with search results, and such that an agent with the
// repository answers, are asked for the report alone.
//
// The other kinds are episodes of an agent on a tree in which something held out is
// missing or wrong and the tests that show it are taken out; what it submits is
// graded by tests in a box that never ran the agent's commands.
// ContextualImplementation takes out one body, IssueResolution puts a bug in,
// TestGeneration asks for the test that shows it, FeatureImplementation takes back
// what a commit added.
//
// With the protocol Frontier the last three are what commits after the one that is
// trained on did, each on the commit's own tree. With Prequential such tasks of the
// commits after the one that the served model was trained on are asked of it and of
// the base model, apart from what is compared. Either way a commit gives a task only
// if it comes after all that any asked model was trained on.
//
// A candidate is a task only if tests notice what is broken, what an agent sees of
// them passes, and the known answer is graded as right and none as wrong three
// times. These grades, by the same calls as a model's, are arms of the record: all
// right and all wrong, else the stage fails with the class RepositoryCode.
package evaluate
