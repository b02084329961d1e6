package experience

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxHunks and maxHunkLines bound a repair that a script writes.
	maxHunks     = 6
	maxHunkLines = 60
	// contextLines are shown around a fault in a long function; a function of up to
	// wholeLines is shown as a whole.
	contextLines = 12
	wholeLines   = 40
)

// repair plays the script that repairs a bug and grades what it submits: with a
// wrong first edit where the task is chosen for one, and without.
func (w *workshop) repair(ctx context.Context, b bug) (outcome, error) {
	th := w.repairThoughts(b)
	s, ok := b.symptom()
	if !ok && (w.teacher == nil || b.replay.Issue == "") {
		return reject("no-route", "", 0), nil
	}
	if w.teacher != nil {
		return w.teachRepair(ctx, b, b.issue(s, th))
	}
	edits, code := repairsOf(b.task)
	if code != "" {
		return reject(code, "", 0), nil
	}
	var spent outcome
	for _, wrong := range w.wrongRepairs(b, edits, th) {
		made, err := w.repairing(ctx, b, s, edits, wrong, th)
		made.cpu += spent.cpu
		spent = made
		if err != nil || wrong == nil || made.sample != nil {
			return made, err
		}
		w.log.Info("slip left out", "task", b.replay.ID, "code", made.code)
	}
	return spent, nil
}

// fileHunk is one block of lines of one file, as the broken tree numbers them.
type fileHunk struct {
	path string
	patch.Hunk
}

// repairsOf lists the hunks from the broken to the fixed tree, the last of a file
// first, so that an edit moves no line of the next. The code says why a script
// cannot write them.
func repairsOf(t grading.Task) ([]fileHunk, string) {
	var hunks []fileHunk
	for _, path := range t.Paths() {
		if t.Broken[path] == nil || t.Fixed[path] == nil {
			return nil, "edit-adds-file"
		}
		for _, hunk := range slices.Backward(patch.Hunks(t.Broken[path], t.Fixed[path])) {
			if code := writable(hunk.Text); code != "" {
				return nil, code
			}
			if len(hunk.Text) > maxHunkLines || hunk.Lines.End-hunk.Lines.Start >= maxHunkLines {
				return nil, "edit-too-large"
			}
			hunks = append(hunks, fileHunk{path: path, Hunk: hunk})
		}
	}
	if len(hunks) > maxHunks {
		return nil, "edit-too-large"
	}
	return hunks, ""
}

// wrongRepair is a first edit that does not repair the bug: another fault in the
// same line, and the test that shows it.
type wrongRepair struct {
	hunk    int
	text    []string
	command string
}

// wrongRepairs lists what to try: with a wrong first edit, and without.
func (w *workshop) wrongRepairs(b bug, edits []fileHunk, th *thoughts) []*wrongRepair {
	var tries []*wrongRepair
	shown := shownTest(b.task.FailToPass)
	if shown == "" || th.pick("recovery", 100) >= recoveryPercent {
		return []*wrongRepair{nil}
	}
	for _, slip := range b.replay.Slips {
		if len(tries) == slipTries {
			break
		}
		if hunk, text, ok := wrongText(b.task, edits, slip); ok {
			tries = append(tries, &wrongRepair{hunk: hunk, text: text, command: w.dialect.TestCommand(shown)})
		}
	}
	return append(tries, nil)
}

// wrongText is what a fault makes of the hunk that it is in.
func wrongText(t grading.Task, edits []fileHunk, slip language.Mutation) (hunk int, text []string, ok bool) {
	mutated, err := slip.Apply(t.Fixed[slip.Path])
	if err != nil {
		return 0, nil, false
	}
	wrong := patch.Hunks(t.Broken[slip.Path], mutated)
	slices.Reverse(wrong)
	at := slices.IndexFunc(edits, func(e fileHunk) bool { return e.path == slip.Path })
	for i, h := range wrong {
		if at+i >= len(edits) || edits[at+i].path != slip.Path || edits[at+i].Lines != h.Lines {
			return 0, nil, false
		}
		if !slices.Equal(edits[at+i].Text, h.Text) {
			hunk, text, ok = at+i, h.Text, true
		}
	}
	return hunk, text, ok && writable(text) == ""
}

// repairing plays one script and grades its submission.
func (w *workshop) repairing(ctx context.Context, b bug, s symptom, edits []fileHunk, wrong *wrongRepair, th *thoughts) (outcome, error) {
	var shown []string
	command := ""
	if wrong != nil {
		shown, command = append(shown, shownTest(b.task.FailToPass)), wrong.command
	}
	tree, err := w.agentTree(ctx, b.grader, b.task, shown)
	if err != nil {
		return outcome{}, err
	}
	r := &repairer{bug: b, symptom: s, edits: edits, wrong: wrong, dialect: w.dialect}
	sc := r.script(th)
	transcript, err := w.play(ctx, agent.RepairTask(b.issue(s, th), command), tree, sc)
	cpu := transcript.CPU()
	if err != nil || sc.code != "" {
		return reject(sc.code, sc.detail, cpu), err
	}
	v, err := w.verifyRepair(ctx, b, transcript)
	cpu += v.cpu
	if err != nil || v.code != "" {
		return reject(v.code, v.detail, cpu), err
	}
	meta := b.meta()
	meta.Verification, meta.Recovered = v.verification, wrong != nil
	return outcome{cpu: cpu, sample: w.sample(meta, transcript, cpu)}, nil
}

// meta is what a sample of the bug's repair says.
func (b bug) meta() task.Meta {
	return task.Meta{
		Unit: v1alpha1.UnitEvolutionaryReplay, TaskID: b.replay.ID, Cluster: b.replay.Cluster, Path: b.replay.Paths[0], Commit: b.commit,
		FewPassToPass: fewPassToPass(b.task), Bug: &b.label,
	}
}

// testMeta is what a sample of a test for the bug says.
func (b bug) testMeta() task.Meta {
	meta := b.meta()
	meta.Unit = v1alpha1.UnitSemanticRuntimeAlignment
	return meta
}

func (w *workshop) repairThoughts(b bug) *thoughts {
	return &thoughts{seed: w.seed, id: "repair\x00" + b.replay.ID}
}

// repairer plans the turns that find a bug and repair it.
type repairer struct {
	bug     bug
	symptom symptom
	edits   []fileHunk
	wrong   *wrongRepair
	dialect language.Dialect
	// at is the place whose text was shown last, views all that was shown.
	at    place
	views []view
}

func (r *repairer) script(th *thoughts) *script {
	var steps []step
	if r.wrong != nil && th.pick("run first", 2) == 0 {
		steps = append(steps, r.run)
	}
	visited := map[string]bool{}
	for _, way := range r.symptom.ways {
		for i, p := range way {
			if visited[p.id()] {
				continue
			}
			visited[p.id()] = true
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

func (r *repairer) slots(p place) []string {
	return []string{"{name}", "`" + p.definition.SimpleName() + "`", "{path}", p.module.Path}
}

// run runs the shown test before anything else.
func (r *repairer) run(s *script, _ result) turn {
	return turn{thought: s.thoughts.say("reproduce"), command: r.wrong.command}
}

// find searches for the definition of a place that a text or code named.
func (r *repairer) find(p place, first bool) step {
	return func(s *script, _ result) turn {
		if !s.seen[p.definition.SimpleName()] {
			return s.fail("not-causal", p.definition.Name)
		}
		situation := "follow"
		if first {
			situation = "locate"
		}
		pattern := language.Quote(r.dialect.DefinitionPattern(p.definition))
		where := fmt.Sprintf("grep -nw %s %s", pattern, language.Quote(p.module.Path))
		if !s.seen[baseName(p.module.Path)] {
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
func (r *repairer) show(p place, atFault bool) step {
	return func(s *script, _ result) turn {
		r.at = p
		lines := r.brokenLines(p)
		if lines.End-lines.Start >= wholeLines {
			if atFault {
				lines = r.aroundFault(p.module.Path, lines)
			} else {
				lines.End = lines.Start + wholeLines - 1
			}
		}
		r.views = append(r.views, view{p.module.Path, lines})
		command := fmt.Sprintf("sed -n '%d,%dp' %s", lines.Start, lines.End, language.Quote(p.module.Path))
		return turn{thought: s.thoughts.say("inspect", r.slots(p)...), command: command}
	}
}

// brokenLines are the lines of a place in the broken tree.
func (r *repairer) brokenLines(p place) task.Lines {
	lines := task.Lines{Start: p.definition.StartLine, End: p.definition.EndLine}
	shift := func(line int) int {
		moved := line
		for _, hunk := range patch.Hunks(r.bug.task.Fixed[p.module.Path], r.bug.task.Broken[p.module.Path]) {
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

// causal ends the script when the repair needs names that nothing showed.
func (r *repairer) causal(s *script, _ result) turn {
	all, unseen := r.unseen(s)
	if 100*(len(all)-len(unseen)) < causalPercent*len(all) {
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
	return turn{thought: s.thoughts.say("import", "{path}", r.edits[0].path), command: r.dialect.CheckCommand(r.at.module)}
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
