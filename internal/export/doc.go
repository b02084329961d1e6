// Package export writes the tasks and answers of an evaluation in the layouts of
// others, so that they can be scored again without this project.
//
// Tasks go into folders of the Harbor framework
// (https://www.harborframework.com/docs/tasks): task.toml, instruction.md,
// environment/ with a Dockerfile and the tree that an agent gets, tests/test.sh,
// which writes 1 or 0 to /logs/verifier/reward.txt, and solution/solve.sh. Answers
// are predictions of SWE-bench
// (https://www.swebench.com/SWE-bench/guides/evaluation): one JSON object a line
// with instance_id, model_name_or_path and model_patch.
//
// The exported verifier runs the tests and nothing else. It has neither the canary
// nor the negative control of package grading, so that it takes some cheats for
// answers which that refuses.
//
// What is exported is hostile: names are checked, and all is written below one
// folder that no path or link leads out of.
package export
