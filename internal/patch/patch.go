// Package patch writes and reads differences between versions of a file.
package patch

import (
	"bytes"
	"fmt"

	"github.com/aymanbagabas/go-udiff"

	"github.com/repoexpert/operator/internal/task"
)

const missingFile = "/dev/null"

// Diff returns the change from before to after as a patch in git's format. nil
// is a file that does not exist. Equal contents give an empty patch.
func Diff(path string, before, after []byte) string {
	if bytes.Equal(before, after) {
		return ""
	}
	header := fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n", path)
	from, to := "a/"+path, "b/"+path
	switch {
	case before == nil:
		header += "new file mode 100644\n"
		from = missingFile
	case after == nil:
		header += "deleted file mode 100644\n"
		to = missingFile
	}
	return header + udiff.Unified(from, to, string(before), string(after))
}

// Hunk is a block of lines of one file that a patch replaces.
type Hunk struct {
	// Lines are replaced; an End before Start says that Text goes before Start.
	Lines task.Lines
	Text  []string
}

// Hunks lists what changes from before to after, in order. Lines are those of
// before.
func Hunks(before, after []byte) []Hunk {
	edits := udiff.Lines(string(before), string(after))
	hunks := make([]Hunk, 0, len(edits))
	for _, edit := range edits {
		first := 1 + bytes.Count(before[:edit.Start], []byte("\n"))
		replaced := lines(before[edit.Start:edit.End])
		hunks = append(hunks, Hunk{Lines: task.Lines{Start: first, End: first + len(replaced) - 1}, Text: lines([]byte(edit.New))})
	}
	return hunks
}

// lines splits as git does: at line feeds alone, which are left out.
func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	var split []string
	for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		split = append(split, string(line))
	}
	return split
}
