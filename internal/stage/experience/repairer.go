package experience

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// repairSearches bounds the searches for names that a repair needs.
const repairSearches = 2

// repairer plans the turns that find a bug and repair it.
type repairer struct {
	bug     bug
	symptom symptom.Symptom
	edits   []fileHunk
	wrong   *wrongRepair
	dialect language.Dialect
	// at is the place whose text was shown last, views all that was shown.
	at    symptom.Place
	views []view
}

func (r *repairer) script(th *thoughts) *script {
	var steps []step
	if r.wrong != nil && th.pick("run first", 2) == 0 {
		steps = append(steps, r.run)
	}
	visited := map[string]bool{}
	for _, way := range r.symptom.Ways {
		for i, p := range way {
			if visited[p.ID()] {
				continue
			}
			visited[p.ID()] = true
			last := i == len(way)-1
			steps = append(steps, r.find(p, i == 0), r.show(p, last))
		}
	}
	for n := range r.edits {
		steps = append(steps, r.lookAt(n))
	}
	for _, of := range r.windows() {
		steps = append(steps, r.lookAround(of))
	}
	for range repairSearches {
		steps = append(steps, r.missing)
	}
	steps = append(steps, r.causal)
	for n := range r.edits {
		steps = append(steps, r.edit(n))
	}
	steps = append(steps, r.check)
	if r.wrong != nil {
		steps = append(steps, r.again, r.check)
	}
	return &script{steps: append(steps, r.submit), seen: map[string]bool{}, thoughts: th}
}

func (r *repairer) slots(p symptom.Place) []string {
	return []string{"{name}", "`" + p.Definition.SimpleName() + "`", "{path}", p.Module.Path}
}

// run runs the shown test before anything else.
func (r *repairer) run(s *script, _ result) turn {
	return turn{thought: s.thoughts.say("reproduce"), command: r.wrong.command}
}

// find searches for the definition of a place that a text or code named.
func (r *repairer) find(p symptom.Place, first bool) step {
	return func(s *script, _ result) turn {
		if !s.seen[p.Definition.SimpleName()] {
			return s.fail("not-causal", p.Definition.Name)
		}
		situation := "follow"
		if first {
			situation = "locate"
		}
		pattern := language.Quote(r.dialect.DefinitionPattern(p.Definition))
		where := fmt.Sprintf("grep -nw %s %s", pattern, language.Quote(p.Module.Path))
		if !s.seen[baseName(p.Module.Path)] {
			where = fmt.Sprintf("grep -rnw %s --include='%s' .", pattern, r.dialect.SourceGlob())
		}
		return turn{thought: s.thoughts.say(situation, r.slots(p)...), command: where}
	}
}

// baseName is a file's name without its folders and ending: what is seen when its
// path is.
func baseName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	name, _, _ = strings.Cut(name, ".")
	return name
}

// show reads the text of a place; of a long one that is at fault, what is around
// the fault, and of another its beginning.
func (r *repairer) show(p symptom.Place, atFault bool) step {
	return func(s *script, _ result) turn {
		r.at = p
		lines := r.brokenLines(p)
		if lines.End-lines.Start >= wholeLines {
			if atFault {
				lines = r.aroundFault(p.Module.Path, lines)
			} else {
				lines.End = lines.Start + wholeLines - 1
			}
		}
		r.views = append(r.views, view{p.Module.Path, lines})
		command := fmt.Sprintf("sed -n '%d,%dp' %s", lines.Start, lines.End, language.Quote(p.Module.Path))
		return turn{thought: s.thoughts.say("inspect", r.slots(p)...), command: command}
	}
}

// brokenLines are the lines of a place in the broken tree.
func (r *repairer) brokenLines(p symptom.Place) task.Lines {
	lines := task.Lines{Start: p.Definition.StartLine, End: p.Definition.EndLine}
	shift := func(line int) int {
		moved := line
		for _, hunk := range patch.Hunks(r.bug.task.Fixed[p.Module.Path], r.bug.task.Broken[p.Module.Path]) {
			if hunk.Lines.Start <= line {
				moved += len(hunk.Text) - (hunk.Lines.End - hunk.Lines.Start + 1)
			}
		}
		return moved
	}
	before := shift(lines.Start - 1)
	return task.Lines{Start: before + 1, End: max(before+1, shift(lines.End))}
}

// aroundFault is the window around the edits inside lines of a file.
func (r *repairer) aroundFault(path string, within task.Lines) task.Lines {
	first, last := within.End, within.Start
	for _, e := range r.edits {
		if e.path == path && e.Lines.Start >= within.Start && e.Lines.Start <= within.End {
			first, last = min(first, e.Lines.Start), max(last, e.Lines.End)
		}
	}
	return task.Lines{Start: max(within.Start, first-contextLines), End: min(within.End, last+contextLines)}
}

func (r *repairer) isCausal(s *script) bool {
	all, unseen := r.unseen(s)
	return 100*(len(all)-len(unseen)) >= causalPercent*len(all)
}

// missing searches for how names that the repair needs are used elsewhere.
func (r *repairer) missing(s *script, _ result) turn {
	if r.isCausal(s) {
		return turn{}
	}
	_, unseen := r.unseen(s)
	return searching(s, r.dialect, "more", unseen[:min(len(unseen), namesPerSearch)], "")
}

// causal ends the script when the repair needs names that nothing showed.
func (r *repairer) causal(s *script, _ result) turn {
	if !r.isCausal(s) {
		_, unseen := r.unseen(s)
		return s.fail("not-causal", strings.Join(unseen, " "))
	}
	return turn{}
}

// edit writes one hunk, the wrong one where a slip is planned.
func (r *repairer) edit(n int) step {
	return func(s *script, last result) turn {
		if n > 0 && last.code != 0 {
			return s.fail("script-edit", last.output)
		}
		e := r.edits[n]
		text, slip := e.Text, false
		if r.wrong != nil && r.wrong.hunk == n {
			text, slip = r.wrong.text, true
		}
		way := editWays[s.thoughts.pick("edit", len(editWays))]
		slots := []string{"{line}", fmt.Sprint(e.Lines.Start), "{path}", e.path}
		return turn{thought: s.thoughts.say("fix", slots...), command: edit(way, e.path, e.Lines, text), slip: slip}
	}
}

// check runs the shown test, or loads what was changed.
func (r *repairer) check(s *script, last result) turn {
	if last.code != 0 {
		return s.fail("script-edit", last.output)
	}
	if r.wrong != nil {
		return turn{thought: s.thoughts.say("test"), command: r.wrong.command}
	}
	return turn{thought: s.thoughts.say("import", "{path}", r.edits[0].path), command: r.dialect.CheckCommand(r.at.Module)}
}

// again corrects the wrong hunk once the test failed.
func (r *repairer) again(s *script, last result) turn {
	if last.code != 1 {
		return s.fail("slip-survived", last.output)
	}
	e := r.edits[r.wrong.hunk]
	first := e.Lines.Start + r.moved(r.wrong.hunk)
	lines := task.Lines{Start: first, End: first + len(r.wrong.text) - 1}
	slots := []string{"{line}", fmt.Sprint(lines.Start), "{path}", e.path, "{error}", failureName(r.dialect, last.output)}
	return turn{thought: s.thoughts.say("repair", slots...), command: edit(0, e.path, lines, e.Text)}
}

// moved is by how many lines the edits after the nth, which are further up, moved
// it.
func (r *repairer) moved(n int) int {
	lines := 0
	for _, e := range r.edits[n+1:] {
		if e.path == r.edits[n].path {
			lines += len(e.Text) - (e.Lines.End - e.Lines.Start + 1)
		}
	}
	return lines
}

func (r *repairer) submit(s *script, last result) turn {
	if last.code != 0 {
		return s.fail("script-check", last.output)
	}
	return turn{thought: s.thoughts.say("submit"), command: agent.SubmitChange}
}
