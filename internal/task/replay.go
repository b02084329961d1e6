package task

import "github.com/repoexpert/operator/internal/language"

// ReplayKind says where the bug of a replay comes from.
type ReplayKind string

// Kinds of replays.
const (
	// ReplayFix: the tree of a commit that fixed a bug, its source files as they
	// were before.
	ReplayFix ReplayKind = "fix"
	// ReplayReversal: the snapshot, with what a commit fixed taken back.
	ReplayReversal ReplayKind = "reversal"
	// ReplayPartial: the snapshot, with the part of what a commit fixed taken back
	// that later changes left alone. It is not the fault that the commit fixed.
	ReplayPartial ReplayKind = "partial"
	// ReplayMutant: the snapshot with one procedural mutation.
	ReplayMutant ReplayKind = "mutant"
	// ReplayCombined: the snapshot with mutations of two functions.
	ReplayCombined ReplayKind = "combined"
)

// Replay is one bug that can be put into a tree, for EvolutionaryReplay (repair
// it) and SemanticRuntimeAlignment (write the test that shows it).
type Replay struct {
	// ID is stable for the same commit or mutation; it begins with the kind.
	ID   string     `json:"id"`
	Kind ReplayKind `json:"kind"`
	// Cluster is that of the first touched function; Side is that of evaluation if
	// any touched function is held out.
	Cluster string `json:"cluster"`
	Side    Side   `json:"side"`
	// Clusters are those of all touched functions, where these are several.
	Clusters []string `json:"clusters,omitempty"`
	// Commit fixed the bug; for fixes and reversals, whole or partial.
	Commit string `json:"commit,omitempty"`
	// Paths are the source files that differ, TestPaths the test files that the
	// commit changed.
	Paths     []string `json:"paths"`
	TestPaths []string `json:"testPaths,omitempty"`
	// Broken are the files as they are with the bug, for those of a commit; null is a
	// file that does not exist then.
	Broken map[string][]byte `json:"broken,omitempty"`
	// Mutations of a mutant and of a combined one.
	Mutations []language.Mutation `json:"mutations,omitempty"`
	// Slips are other faults in the lines of Mutations, for a first edit that fails.
	Slips []language.Mutation `json:"slips,omitempty"`
	// Tests are ids of stable tests that execute the bug, the narrowest first; none
	// for a fix, whose tests are those of TestPaths.
	Tests []string `json:"tests,omitempty"`
	// Adds are the definitions that the broken tree lacks, outermost ones alone, in
	// order: what was taken back is then a feature and not a bug.
	Adds []Reference `json:"adds,omitempty"`
	// Issue describes the bug in words of the commit that give nothing away; empty
	// when there are none, and the text is written from what fails.
	Issue string `json:"issue,omitempty"`
}

// Bug is what the verification of a replay showed.
type Bug struct {
	Kind ReplayKind `json:"kind"`
	// FailToPass is the number of tests that fail with it and pass without.
	FailToPass int `json:"failToPass"`
	// Operators are the families of its mutations; none for those of a commit.
	Operators []string `json:"operators,omitempty"`
	// NamesFault says that the text of its task, or the script where the text is the
	// commit's, begins at the faulty function itself: the search for it is trivial.
	NamesFault bool `json:"namesFault,omitempty"`
}
