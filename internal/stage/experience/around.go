package experience

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// view is lines of a file that a script has shown.
type view struct {
	path  string
	lines task.Lines
}

// window is a part of a file that is worth reading around an edit.
type window func(e fileHunk) task.Lines

// windows are tried in turn: what is near, the top of the file, and the head of
// the class around the fault.
func (r *repairer) windows() []window {
	return []window{
		func(e fileHunk) task.Lines {
			return task.Lines{Start: e.Lines.Start - symptom.NearLines, End: e.Lines.End + symptom.NearLines}
		},
		func(fileHunk) task.Lines { return task.Lines{Start: 1, End: symptom.HeadLines} },
		r.classHead,
	}
}

func (r *repairer) classHead(e fileHunk) task.Lines {
	for _, p := range r.bug.routes.Places {
		if p.Module.Path != e.path || p.Definition.Kind != language.KindClass {
			continue
		}
		if lines := r.brokenLines(p); lines.Start <= e.Lines.Start && lines.End >= e.Lines.End {
			return task.Lines{Start: lines.Start, End: lines.Start + symptom.HeadLines - 1}
		}
	}
	return task.Lines{}
}

// lookAround reads a window where that shows a name which the repair needs and
// nothing has shown. The thought knows only that more is to be read.
func (r *repairer) lookAround(of window) step {
	return func(s *script, _ result) turn {
		_, unseen := r.unseen(s)
		for _, e := range r.edits {
			lines := r.within(e.path, of(e))
			shows := map[string]bool{}
			symptom.Words(shows, language.Text(r.bug.task.Broken[e.path], lines.Start, lines.End))
			for _, name := range unseen {
				if shows[name] {
					return r.read(s, view{e.path, lines})
				}
			}
		}
		return turn{}
	}
}

// lookAt reads the lines that an edit replaces, unless they were read: those
// outside of the functions that lead to the fault.
func (r *repairer) lookAt(n int) step {
	return func(s *script, _ result) turn {
		e := r.edits[n]
		for _, v := range r.views {
			if v.path == e.path && v.lines.Start <= e.Lines.Start && v.lines.End >= e.Lines.End {
				return turn{}
			}
		}
		lines := task.Lines{Start: e.Lines.Start - contextLines, End: e.Lines.End + contextLines}
		if e.Lines.End <= symptom.HeadLines {
			lines = task.Lines{Start: 1, End: symptom.HeadLines}
		}
		return r.read(s, view{e.path, r.within(e.path, lines)})
	}
}

// read shows lines of a file.
func (r *repairer) read(s *script, v view) turn {
	r.views = append(r.views, v)
	command := fmt.Sprintf("sed -n '%d,%dp' %s", v.lines.Start, v.lines.End, language.Quote(v.path))
	return turn{thought: s.thoughts.say("around", "{path}", v.path), command: command}
}

// within cuts lines to those that the broken file has.
func (r *repairer) within(path string, lines task.Lines) task.Lines {
	last := strings.Count(string(r.bug.task.Broken[path]), "\n")
	return task.Lines{Start: max(1, lines.Start), End: min(lines.End, last)}
}

// unseen lists the names that the edits take from elsewhere, and those of them
// that neither the task nor an observation has shown.
func (r *repairer) unseen(s *script) (all, unseen []string) {
	for _, e := range r.edits {
		for _, name := range r.dialect.ForeignNames(joined(e.Text)) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return s.seen[name] })
}
