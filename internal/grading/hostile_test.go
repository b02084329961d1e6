package grading

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A patch whose code attacks the grader gets a grade, and the next patch the one
// that it deserves: a shard goes on.
func TestHostilePatchesLeaveTheGraderAsItWas(t *testing.T) {
	w := newWorld(t)
	total := w.mask(t, prices, "total", "test_total")
	gold := total.Gold()
	before := func(code string) string {
		lines := "+    import glob, os, signal, subprocess, sys\n"
		for line := range strings.SplitSeq(code, "\n") {
			lines += "+    " + line + "\n"
		}
		patch := strings.Replace(gold, "+    return", lines+"+    return", 1)
		// The first hunk's header counts its lines.
		return renumber(t, patch)
	}
	tests := map[string]struct {
		code string
		want []Reason
	}{
		"kills the runner":          {"os.kill(os.getpid(), signal.SIGKILL)", []Reason{Crashed}},
		"kills everything above it": {"os.kill(os.getppid(), signal.SIGKILL)\nos._exit(0)", []Reason{Crashed, BoxLost}},
		"ends with success":         {"os._exit(0)", []Reason{Crashed}},
		"removes the report":        {"[os.remove(f) for f in glob.glob(os.getcwd() + '.report/*.jsonl')]", []Reason{Crashed, Forged}},
		"a FIFO for the report":     {"[(os.remove(f), os.mkfifo(f)) for f in glob.glob(os.getcwd() + '.report/*.jsonl')]", []Reason{Crashed, Forged}},
		"removes the tree":          {"import shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)\nos.symlink('/etc', os.getcwd())", []Reason{Resolved, TestsFailed, Crashed, Forged, CollectionError}},
		"a tree that is locked":     {"os.makedirs('a/b/c', exist_ok=True)\nos.chmod('a/b', 0)\nos.chmod('a', 0)", []Reason{Resolved}},
		"a daemon that edits":       {"subprocess.Popen(['sh', '-c', 'while :; do echo broken > src/bookshop/prices.py; done'], start_new_session=True)", []Reason{Resolved}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			grade, err := w.GradePatch(t.Context(), total.Task, before(test.code))
			if err != nil {
				t.Fatal(err)
			}
			known := false
			for _, want := range test.want {
				known = known || grade.Reason == want
			}
			if !known {
				t.Errorf("the grade is %s (%s), want one of %v", grade.Reason, grade.Detail, test.want)
			}
			if grade, err = w.GradePatch(t.Context(), total.Task, gold); err != nil || !grade.Resolved {
				t.Errorf("then the original body is %s (%s), %v", grade.Reason, grade.Detail, err)
			}
		})
	}
}

var hunk = regexp.MustCompile(`@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@\n`)

// renumber makes the header of a patch's only hunk fit its lines.
func renumber(t *testing.T, patch string) string {
	t.Helper()
	at := hunk.FindStringSubmatchIndex(patch)
	if at == nil {
		t.Fatalf("no hunk in %q", patch)
	}
	head, lines := patch[:at[0]], patch[at[1]:]
	same, removed, added := strings.Count(lines, "\n "), strings.Count(lines, "\n-"), strings.Count(lines, "\n+")
	switch lines[0] {
	case ' ':
		same++
	case '-':
		removed++
	case '+':
		added++
	}
	return fmt.Sprintf("%s@@ -%s,%d +%s,%d @@\n%s", head, patch[at[2]:at[3]], same+removed, patch[at[4]:at[5]], same+added, lines)
}
