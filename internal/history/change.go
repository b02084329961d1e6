package history

import (
	"strings"
	"time"
)

// Status says what a change did to a file.
type Status string

// Statuses.
const (
	StatusAdded    Status = "added"
	StatusModified Status = "modified"
	StatusDeleted  Status = "deleted"
	// StatusRenamed: moved, with at least half of its content kept.
	StatusRenamed Status = "renamed"
	// StatusRetyped: a regular file became a symbolic link or a submodule, or one
	// of them something else.
	StatusRetyped Status = "retyped"
)

// File is one file of a change.
type File struct {
	// Path after the change; before it for a deleted file.
	Path string `json:"path"`
	// OldPath is the path before the change of a renamed file, else empty.
	OldPath string `json:"oldPath,omitempty"`
	Status  Status `json:"status"`
	// Added and Deleted count lines; both are 0 for a binary file.
	Added   int  `json:"added"`
	Deleted int  `json:"deleted"`
	Binary  bool `json:"binary,omitempty"`
	// Regular says that it is a regular file on both sides, where it is there.
	Regular bool `json:"regular"`
	// Before and After are the ids of the contents, empty where the file is not.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Current is the path at the head if later changes only moved the file. Whether
	// the head still has it, its Tree says.
	Current string `json:"current"`
}

// Change is what one commit of the first-parent line changed against its first
// parent.
type Change struct {
	Commit string `json:"commit"`
	// Parent is the first parent, empty for a commit without one.
	Parent string `json:"parent,omitempty"`
	// Merge says that the commit has more parents.
	Merge bool `json:"merge,omitempty"`
	// Time when it was written, by the author's clock.
	Time time.Time `json:"time"`
	// Message is valid UTF-8, cut at the limit of the walk.
	Message string `json:"message"`
	// FileCount is the number of changed paths: a moved file has two.
	FileCount int `json:"fileCount"`
	// Files in order of their paths; nil when there are more than the walk takes.
	Files []File `json:"files,omitempty"`
}

// Subject is the message's first line.
func (c Change) Subject() string {
	subject, _, _ := strings.Cut(c.Message, "\n")
	return strings.TrimSpace(subject)
}

// Kinds tell a repository's files apart by their paths. A path that both accept
// is a test's.
type Kinds struct {
	IsTest   func(path string) bool
	IsSource func(path string) bool
}

func (k Kinds) source(file File) bool {
	is := func(path string) bool { return k.IsSource(path) && !k.IsTest(path) }
	return is(file.Path) || file.OldPath != "" && is(file.OldPath)
}

func (k Kinds) test(file File) bool { return k.IsTest(file.Path) }

// Sources are the change's source files that are no tests.
func (c Change) Sources(kinds Kinds) []File { return selected(c.Files, kinds.source) }

// Tests are the change's test files.
func (c Change) Tests(kinds Kinds) []File { return selected(c.Files, kinds.test) }

func selected(files []File, is func(File) bool) []File {
	var found []File
	for _, file := range files {
		if is(file) {
			found = append(found, file)
		}
	}
	return found
}
