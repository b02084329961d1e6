package history

import "io/fs"

// Verdict says whether a change can be a fix with its test, and why not.
type Verdict string

// Verdicts, in the order in which they are looked for: a change gets the first
// that holds.
const (
	// FixCandidate: modifies source files and gives test files new lines.
	FixCandidate Verdict = "fix-candidate"
	// RootCommit has no parent to compare with.
	RootCommit Verdict = "root-commit"
	// EmptyChange changes no file.
	EmptyChange Verdict = "empty-change"
	// TooManyFiles: more than the walk takes.
	TooManyFiles Verdict = "too-many-files"
	// InvalidPath: a path that is no plain UTF-8 path below the root.
	InvalidPath Verdict = "invalid-path"
	// NoSource and NoTest: no file of the kind is changed.
	NoSource Verdict = "no-source"
	NoTest   Verdict = "no-test"
	// NotRegular: a symbolic link or submodule among the source and test files.
	NotRegular Verdict = "not-regular"
	// BinaryFile among the source and test files.
	BinaryFile Verdict = "binary-file"
	// NoSourceModified: source files are only added, deleted or moved.
	NoSourceModified Verdict = "no-source-modified"
	// NoTestAdded: no test file gets a line, so none can have begun to fail without
	// the fix.
	NoTestAdded Verdict = "no-test-added"
	// TooManySourceFiles, TooManySourceLines, TooManyTestLines: beyond FixLimits.
	TooManySourceFiles Verdict = "too-many-source-files"
	TooManySourceLines Verdict = "too-many-source-lines"
	TooManyTestLines   Verdict = "too-many-test-lines"
	// TooLarge: a source file has more bytes than are compared. Mine finds it.
	TooLarge Verdict = "too-large"
	// Duplicate: the source part is that of a newer candidate. Mine finds it.
	Duplicate Verdict = "duplicate"
	// OverLimit: a candidate beyond the number that was asked for. Mine finds it.
	OverLimit Verdict = "over-limit"
)

// FixLimits bound what a fix candidate changes, renamed files by what they change.
type FixLimits struct {
	// SourceFiles and SourceLines, added and deleted, of the fix.
	SourceFiles int
	SourceLines int
	// TestLines added and deleted.
	TestLines int
}

// DefaultFixLimits keep the fix and the files that it is in within what an agent
// can read and write in one episode.
func DefaultFixLimits() FixLimits {
	return FixLimits{SourceFiles: 10, SourceLines: 400, TestLines: 2000}
}

// Classify says whether a change is a fix candidate. A fix that only deletes
// source lines is one; a binary or irregular file beside source and tests, as a
// picture in the documentation, does not matter.
func Classify(change Change, kinds Kinds, limits FixLimits) Verdict {
	switch {
	case change.Parent == "":
		return RootCommit
	case change.FileCount == 0:
		return EmptyChange
	case change.Files == nil:
		return TooManyFiles
	}
	sources, tests := change.Sources(kinds), change.Tests(kinds)
	switch {
	case some(change.Files, File.invalid):
		return InvalidPath
	case len(sources) == 0:
		return NoSource
	case len(tests) == 0:
		return NoTest
	case some(sources, File.irregular) || some(tests, File.irregular):
		return NotRegular
	case some(sources, File.binary) || some(tests, File.binary):
		return BinaryFile
	case !some(sources, File.modified):
		return NoSourceModified
	case !some(tests, File.gains):
		return NoTestAdded
	case len(sources) > limits.SourceFiles:
		return TooManySourceFiles
	case lines(sources) > limits.SourceLines:
		return TooManySourceLines
	case lines(tests) > limits.TestLines:
		return TooManyTestLines
	default:
		return FixCandidate
	}
}

func some(files []File, is func(File) bool) bool {
	for _, file := range files {
		if is(file) {
			return true
		}
	}
	return false
}

func lines(files []File) int {
	n := 0
	for _, file := range files {
		n += file.Added + file.Deleted
	}
	return n
}

func (f File) invalid() bool {
	bad := func(path string) bool { return !fs.ValidPath(path) || path == "." || len(path) == maxPath }
	return bad(f.Path) || f.OldPath != "" && bad(f.OldPath)
}

func (f File) irregular() bool { return !f.Regular }

func (f File) binary() bool { return f.Binary }

func (f File) gains() bool { return f.Added > 0 }

// modified says that lines of a file that was there before changed.
func (f File) modified() bool {
	return (f.Status == StatusModified || f.Status == StatusRenamed) && f.Added+f.Deleted > 0
}

// Funnel counts how a walk's changes were judged.
type Funnel struct {
	Walked   int             `json:"walked"`
	Verdicts map[Verdict]int `json:"verdicts"`
}

func (f *Funnel) add(verdict Verdict) {
	if f.Verdicts == nil {
		f.Verdicts = map[Verdict]int{}
	}
	f.Walked++
	f.Verdicts[verdict]++
}
