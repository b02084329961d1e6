package contract

import (
	"github.com/repoexpert/operator/api/v1alpha1"
)

// MaxResultBytes bounds a StageResult as JSON.
const MaxResultBytes = 1536

// MaxRecordBytes bounds an evaluation record as JSON.
const MaxRecordBytes = 16 << 10

// RecordPrefix starts the log line that carries the evaluation record: the
// last line but the newline of the worker's log in a stage Evaluate that
// succeeded. The line's sha256 is in the result.
const RecordPrefix = "REPOEXPERT-RECORD "

// ProgressPrefix starts a log line that carries a Progress.
const ProgressPrefix = "REPOEXPERT-PROGRESS "

// StageResult is what a stage reports when it ends.
type StageResult struct {
	Version int                   `json:"v"`
	Stage   v1alpha1.StageName    `json:"stage"`
	Run     string                `json:"run"`
	Attempt int32                 `json:"attempt"`
	Class   v1alpha1.FailureClass `json:"class"`
	// Message is one or two sentences: the field or file, its value, the remedy.
	Message string `json:"message,omitempty"`
	// Counts are the stage's figures.
	Counts map[string]int64 `json:"counts,omitempty"`
	// ManifestDigest is "sha256:<hex>" of the sealed output's manifest.json. A
	// success without it is none.
	ManifestDigest string `json:"manifest,omitempty"`
	// BaseModelDigest is the same of Fetch's second output.
	BaseModelDigest string `json:"baseManifest,omitempty"`
	// Sealed is reported by Fetch: the manifest digests of later stages' outputs
	// that are already there, whole and made from today's inputs.
	Sealed map[v1alpha1.StageName]string `json:"sealed,omitempty"`
	// Reused says that the output was there before.
	Reused bool `json:"reused,omitempty"`
	// RecordDigest is "sha256:<hex>" of the record line, from Evaluate.
	RecordDigest string `json:"record,omitempty"`
}

// HeldOutCount names the figure of Plan that says how many clusters of a kind's
// tasks are held out.
func HeldOutCount(kind v1alpha1.KindName) string { return string(kind) + ".heldOut" }

// Progress of a long stage.
type Progress struct {
	Step       int64  `json:"step"`
	Total      int64  `json:"total"`
	ETASeconds int64  `json:"eta,omitempty"`
	Message    string `json:"message,omitempty"`
}
