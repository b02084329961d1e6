// Package experience is the stage that turns a plan's candidates into verified
// samples, one shard a pod.
//
// ContextualImplementation: the body of a function is taken out; its covering
// tests must fail, and what an agent then sees of the tests must pass. A scripted
// trajectory is planned from the known body but really executed: it looks at the
// function, searches for what the body depends on, writes the body, checks it and
// submits. What it submits is graded by the covering tests. A part of them first
// makes a slip whose failure is shown by a covering test that the task names, and
// then repairs it; the failing turn carries no loss.
//
// SoftwareDesign: an executed exploration of a component that ends in a report of
// what the commands showed; every file and symbol that it cites must resolve.
//
// RepositoryRecall: every fact of the plan in every training wording. Nothing is
// executed.
//
// A script is causal: of the names that an edit needs and that are not built into
// the language, nine in ten must have been seen in the task or an observation.
//
// Candidates are dealt to shards by the plan alone. Every result is journalled in
// the shard's draft, so that a killed pod goes on at the next task.
package experience
