// Package task holds what stages hand to each other as JSON Lines on the
// artifact volume: candidates from Plan and samples from Experience and Curate.
// It has no I/O of its own beyond bounded readers and writers.
package task

import (
	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
)

// Side says what a cluster of code is used for. A cluster is never on both.
type Side string

// Sides of the hold-out split.
const (
	SideTrain      Side = "train"
	SideEvaluation Side = "evaluation"
)

// Files of a plan, below plans/<key>.
const (
	InventoryFile  = "inventory.json"
	BaselineFile   = "baseline.json"
	FactsFile      = "facts.jsonl"
	MasksFile      = "masks.jsonl"
	ComponentsFile = "components.jsonl"
	HeldOutFile    = "heldout.jsonl"
	ReplaysFile    = "replays.jsonl"
	CoverageFile   = "coverage.json"
	// HeldOutReplaysFile has the replays that are tasks of evaluation; ReplaysFile
	// has none of them.
	HeldOutReplaysFile = "heldout-replays.jsonl"
)

// Mask is one function or method whose body can be taken out, for
// ContextualImplementation.
type Mask struct {
	// ID is stable for the same path and qualified name.
	ID string `json:"id"`
	// Cluster groups functions that share text, lineage or tests.
	Cluster string `json:"cluster"`
	// Side of the split.
	Side Side `json:"side"`
	// Path of the file below the repository's root.
	Path string `json:"path"`
	// Name is the qualified name inside the module, as in "Group.command".
	Name string `json:"name"`
	// StartLine and EndLine of the definition, BodyStart of the first body line
	// after the docstring; 1-based, inclusive.
	StartLine int `json:"startLine"`
	BodyStart int `json:"bodyStart"`
	EndLine   int `json:"endLine"`
	// Tests are the ids of passing, stable tests that execute the body: those
	// first that execute little else.
	Tests []string `json:"tests"`
	// Uses are the names that the body refers to and that are defined elsewhere
	// in the repository, with the file that defines each.
	Uses []Reference `json:"uses,omitempty"`
	// Slips are one-line faults inside the body, for a first edit that fails.
	Slips []language.Mutation `json:"slips,omitempty"`
}

// Reference is a name and the file of the repository that defines it.
type Reference struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Component is one part of the code base to explore and report on, for
// SoftwareDesign.
type Component struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	Side    Side   `json:"side"`
	// Kind is "module", "class", "package" or "subsystem".
	Kind string `json:"kind"`
	// Path is the file of a module or class, the folder of a package ("." for the
	// root), the first file of a subsystem.
	Path string `json:"path"`
	// Name is the dotted name of a module or package, or the qualified class name;
	// empty for a subsystem.
	Name string `json:"name"`
	// Files are those of a package, its interface first, or of a subsystem. Nil for
	// what is in one file.
	Files []string `json:"files,omitempty"`
	// Symbols are the definitions inside, Dependencies what it imports from the
	// repository, Usages the files that refer to it, Tests the test files.
	Symbols      []string    `json:"symbols,omitempty"`
	Dependencies []Reference `json:"dependencies,omitempty"`
	Usages       []string    `json:"usages,omitempty"`
	Tests        []string    `json:"tests,omitempty"`
	// Sites are uses of its symbols in other files, the most used symbols first.
	Sites []Site `json:"sites,omitempty"`
	// StartLine and EndLine of a class; the whole file of a module, or the first one
	// of several files.
	StartLine int `json:"startLine"`
	EndLine   int `json:"endLine"`
	// HeldOut are the lines of held-out bodies between them, in order: a trajectory
	// for training must not show them.
	HeldOut []Lines `json:"heldOut,omitempty"`
}

// AllFiles are the files that the component is in, the first one first.
func (c Component) AllFiles() []string {
	if len(c.Files) == 0 {
		return []string{c.Path}
	}
	return c.Files
}

// Site is the last line of a file that names a symbol which the file uses. No
// held-out body of that file names it.
type Site struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Line int    `json:"line"`
}

// Lines is a range of lines, 1-based and inclusive.
type Lines struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Baseline says which tests can be relied on at a commit.
type Baseline struct {
	// HashSeeds of the runs that were compared.
	HashSeeds []uint32 `json:"hashSeeds"`
	// Stable are the ids of the tests that passed in every run.
	Stable []string `json:"stable"`
	// Excluded are the tests that count nowhere.
	Excluded []ExcludedTest `json:"excluded,omitempty"`
	// Uncollected are the test files that did not import.
	Uncollected []string `json:"uncollected,omitempty"`
}

// Reasons of exclusion.
const (
	ReasonFailing = "failing"
	ReasonFlaky   = "flaky"
	ReasonSkipped = "skipped"
	// ReasonUnsteady: the test executes other lines in other runs, so that with a
	// fault it fails in one and not in the next.
	ReasonUnsteady = "unsteady"
)

// ExcludedTest is a test that failed, differed between runs, or was skipped.
type ExcludedTest struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// HeldOut is the gold text of one held-out definition, for decontamination: its
// body after the docstring. Name and signature are public, as the text of the
// task tells them.
type HeldOut struct {
	ID   string `json:"id"`
	Path string `json:"path"`
	Name string `json:"name"`
	Text string `json:"text"`
	// Later says that the text is what a commit after the snapshot adds: the snapshot
	// does not have it, and no name goes with it.
	Later bool `json:"later,omitempty"`
}

// Role of a message.
type Role string

// Roles of messages.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one turn, in plain text, without tool calls.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
	// Loss "none" on an assistant turn keeps it in the context but out of the
	// loss: a failed attempt must be seen, not learned. Empty means it is learned.
	Loss string `json:"loss,omitempty"`
}

// LossNone marks an assistant turn that is not learned.
const LossNone = "none"

// Sample is one training sample.
type Sample struct {
	Messages []Message `json:"messages"`
	Meta     Meta      `json:"meta"`
}

// Provenance of a sample: "scripted", "computed" or "teacher:<model>".
const (
	ProvenanceScripted = "scripted"
	ProvenanceComputed = "computed"
)

// Meta says where a sample comes from and what verified it.
type Meta struct {
	Unit       v1alpha1.UnitName `json:"unit"`
	TaskID     string            `json:"taskId"`
	Cluster    string            `json:"cluster"`
	Commit     string            `json:"commit"`
	Path       string            `json:"path,omitempty"`
	Provenance string            `json:"provenance"`
	// Verification says what was executed or computed and what came out.
	Verification string `json:"verification"`
	// FewPassToPass says that fewer than five tests had to go on passing, so that
	// a change which breaks something else could go unnoticed.
	FewPassToPass bool `json:"fewPassToPass,omitempty"`
	// Bug is what its verification showed, for the units that work on bugs.
	Bug *Bug `json:"bug,omitempty"`
	// ChangedLines of the repair, and how many of them a written test executes.
	ChangedLines int `json:"changedLines,omitempty"`
	CoveredLines int `json:"coveredLines,omitempty"`
	// Recovered says that the trajectory holds a verified failing first edit.
	Recovered bool `json:"recovered,omitempty"`
	// Tokens by the base model's own tokenizer, 0 before Curate.
	Tokens int `json:"tokens,omitempty"`
	// CPUSeconds spent in the sandbox for this sample.
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	// ContentHash is the sha256 of the messages.
	ContentHash string `json:"contentHash"`
}

// Rejection is a candidate that became no sample.
type Rejection struct {
	Unit   v1alpha1.UnitName `json:"unit"`
	TaskID string            `json:"taskId"`
	// Code is a stable word, such as "mask-tests-passed"; Detail a bounded excerpt.
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	// Verified says that the task was shown to be sound: its trajectory was rejected.
	Verified bool `json:"verified,omitempty"`
	// CPUSeconds spent in the sandbox until it was rejected.
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	// Bug is set where the bug itself was verified.
	Bug *Bug `json:"bug,omitempty"`
}
