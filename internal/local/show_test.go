package local

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

func say(thought, command string) task.Message {
	return task.Message{Role: task.RoleAssistant, Content: "THOUGHT: " + thought + "\n```bash\n" + command + "\n```"}
}

func observed(code int, output string) task.Message {
	return task.Message{Role: task.RoleUser, Content: fmt.Sprintf("<returncode>%d</returncode>\n<output>\n%s</output>", code, output)}
}

func trajectory() task.Sample {
	slip := say("Write it.", "cat > a.py <<'EOF'\nx = 1\nEOF")
	slip.Loss = task.LossNone
	long := ""
	for i := range 20 {
		long += fmt.Sprintf("line %d\n", i)
	}
	return task.Sample{
		Messages: []task.Message{
			{Role: task.RoleSystem, Content: "Work."}, {Role: task.RoleUser, Content: "Do it."},
			slip, observed(1, "\x1b[2Jfailed "+strings.Repeat("x", 200)+"\n"),
			say("Look.", "cat b"), observed(0, long),
			{Role: task.RoleAssistant, Content: "no block"},
		},
		Meta: task.Meta{
			Unit: "SoftwareDesign", TaskID: "component-1", Path: "a.py", Provenance: task.ProvenanceScripted,
			Verification: "2 commands executed", Recovered: true, CPUSeconds: 0.256,
		},
	}
}

func TestShow(t *testing.T) {
	head := ""
	for i := range 8 {
		head += fmt.Sprintf("  line %d\n", i)
	}
	want := `SoftwareDesign component-1
  path       a.py
  provenance scripted
  recovered  a failing first edit and its repair
  CPU s      0.26

system
  Work.

user
  Do it.

turn 1  not learned
  THOUGHT: Write it.
  $ cat > a.py <<'EOF'
  > x = 1
  > EOF

  returned 1
  \x1b[2Jfailed ` + strings.Repeat("x", 160-len("\x1b[2Jfailed ")) + ` […]

turn 2
  THOUGHT: Look.
  $ cat b

  returned 0
` + head + `  [8 lines left out, --full shows them]
  line 16
  line 17
  line 18
  line 19

turn 3
  no block

verified  2 commands executed
`
	var out bytes.Buffer
	if err := Show(&out, trajectory(), Style{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestShowStyles(t *testing.T) {
	var full, coloured bytes.Buffer
	if err := Show(&full, trajectory(), Style{Full: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(full.String(), "  line 10\n") || strings.Contains(full.String(), "[…]") {
		t.Errorf("not all is shown:\n%s", full.String())
	}
	if err := Show(&coloured, trajectory(), Style{Colour: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.String(), "\x1b[33;1m  not learned\x1b[0m") {
		t.Errorf("no colours:\n%q", coloured.String())
	}
	// The sample's own escape sequences must not reach the terminal.
	if strings.Contains(coloured.String(), "\x1b[2J") {
		t.Error("an escape sequence of the sample is printed")
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b]0;title\x07b\tc\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range visible(text) {
			if r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e') {
				t.Errorf("%q is shown with %U", text, r)
			}
		}
	})
}
