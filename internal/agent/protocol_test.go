package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/sandbox"
)

func TestActions(t *testing.T) {
	tests := map[string]struct {
		message string
		want    []string
	}{
		"one":             {"THOUGHT: look\n```bash\nls -l\n```", []string{"ls -l"}},
		"several lines":   {"THOUGHT: x\n```bash\ncat <<'E'\na\nE\n```\n", []string{"cat <<'E'\na\nE"}},
		"none":            {"THOUGHT: I am done", nil},
		"another fence":   {"```sh\nls\n```", nil},
		"two":             {"```bash\nls\n```\n```bash\npwd\n```", []string{"ls", "pwd"}},
		"space after":     {"```bash  \nls\n```", []string{"ls"}},
		"not closed":      {"```bash\nls\n", nil},
		"closed in line":  {"```bash\nls ```", nil},
		"empty block":     {"```bash\n\n```", []string{""}},
		"text on opening": {"```bash ls\n```", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Actions(test.message)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSubmission(t *testing.T) {
	tests := map[string]struct {
		output, want string
		submitted    bool
	}{
		"diff":           {SubmitMarker + "\ndiff --git a b\n", "diff --git a b\n", true},
		"blank before":   {"\n \n" + SubmitMarker + "\nx", "x", true},
		"nothing after":  {SubmitMarker, "", true},
		"spaces around":  {"  " + SubmitMarker + " \r\nx", "x", true},
		"second line":    {"ok\n" + SubmitMarker + "\nx", "", false},
		"part of a line": {"echo " + SubmitMarker + "\nx", "", false},
		"empty":          {"", "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, submitted := submission(test.output)
			if submitted != test.submitted || submitted && got != test.want {
				t.Errorf("got %q, %v", got, submitted)
			}
		})
	}
}

func TestObservation(t *testing.T) {
	long := strings.Repeat("a", 6000) + strings.Repeat("z", 6000)
	tests := map[string]struct {
		result sandbox.Result
		want   string
	}{
		"plain":      {sandbox.Result{Output: "a\n"}, "<returncode>0</returncode>\n<output>\na\n</output>"},
		"empty":      {sandbox.Result{ExitCode: 1}, "<returncode>1</returncode>\n<output>\n</output>"},
		"no newline": {sandbox.Result{Output: "a"}, "<returncode>0</returncode>\n<output>\na\n</output>"},
		"no text":    {sandbox.Result{Output: "a\xff\x00b"}, "<returncode>0</returncode>\n<output>\na\uFFFD\uFFFDb\n</output>"},
		"too long": {sandbox.Result{Output: long, OutputBytes: 12000}, "<returncode>0</returncode>\n<output>\n" +
			strings.Repeat("a", 5000) + "\n[2000 bytes elided: look at less at once]\n" + strings.Repeat("z", 5000) + "\n</output>"},
		"just short": {sandbox.Result{Output: long[:9999]}, "<returncode>0</returncode>\n<output>\n" + long[:9999] + "\n</output>"},
		"killed": {sandbox.Result{ExitCode: 137, Output: "a", TimedOut: true},
			"<returncode>137</returncode>\n<output>\na\nThe command took too long and was killed.\n</output>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, observation(test.result)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseObservation(t *testing.T) {
	for message, want := range map[string]struct {
		observed Observation
		ok       bool
	}{
		observation(sandbox.Result{ExitCode: 3, Output: "a\n</output>\nb"}): {Observation{3, "a\n</output>\nb\n"}, true},
		observation(sandbox.Result{}):                                       {Observation{0, ""}, true},
		"Do it.":                                                            {},
		formatError(0):                                                      {},
		loopWarning:                                                         {},
		"<returncode>x</returncode>\n<output>\n</output>": {},
		"<returncode>1</returncode>":                      {},
	} {
		got, ok := ParseObservation(message)
		if got != want.observed || ok != want.ok {
			t.Errorf("%q gives %+v, %t", message, got, ok)
		}
	}
}

func FuzzProtocol(f *testing.F) {
	f.Add("THOUGHT: x\n```bash\nls\n```", "out")
	f.Add("```bash\n```bash\nls\n```\n```", SubmitMarker+"\n\xff")
	f.Fuzz(func(t *testing.T, message, output string) {
		for _, action := range Actions(message) {
			if !strings.Contains(message, action) {
				t.Errorf("action %q is not in the message", action)
			}
		}
		seen := observation(sandbox.Result{Output: output, OutputBytes: int64(len(output))})
		if !strings.HasPrefix(seen, "<returncode>0</returncode>\n<output>\n") || !strings.HasSuffix(seen, "</output>") {
			t.Errorf("observation %q has another form", seen)
		}
		if parsed, ok := ParseObservation(seen); !ok || observationOf(parsed) != seen {
			t.Errorf("observation %q is read as %+v, %t", seen, parsed, ok)
		}
		if len([]rune(seen)) > outputLimit+200 {
			t.Errorf("observation has %d characters", len([]rune(seen)))
		}
	})
}

// observationOf writes what was read.
func observationOf(o Observation) string {
	return fmt.Sprintf("<returncode>%d</returncode>\n<output>\n%s</output>", o.ReturnCode, o.Output)
}
