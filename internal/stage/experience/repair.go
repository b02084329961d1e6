package experience

import (
	"context"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/symptom"
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
	s, ok := b.routes.Symptom(b.task)
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
func (w *workshop) repairing(ctx context.Context, b bug, s symptom.Symptom, edits []fileHunk, wrong *wrongRepair, th *thoughts) (outcome, error) {
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
	return outcome{cpu: cpu, sample: w.sample(meta, transcript)}, nil
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
