package recall

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestScore(t *testing.T) {
	tests := map[string]struct {
		answer, reply string
		want          bool
	}{
		"exact":                       {"pkg/a.py", "pkg/a.py", true},
		"back quotes and a full stop": {"pkg/a.py", "`pkg/a.py`.", true},
		"a full stop in back quotes":  {"Command", "`Command.`", true},
		"a leading ./":                {"pkg/a.py", "./pkg/a.py", true},
		"first line counts":           {"Command", "\n Command\nbecause it says so", true},
		"other quotes, same literal":  {`"utf-8"`, `'utf-8'`, true},
		"inner spaces":                {"(1, 2)", "(1,  2)", true},
		"a sentence is not an answer": {"Command", "It is Command", false},
		"case counts":                 {"Error", "error", false},
		"another file":                {"pkg/a.py", "a.py", false},
		"nothing":                     {"Command", "", false},
		"nothing is never right":      {"", "", false},
		"a number is not its start":   {"1", "1.5", false},
		"a number keeps its point":    {"0.001", "0.001", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Score(test.answer, test.reply); got != test.want {
				t.Errorf("Score(%q, %q) is %v", test.answer, test.reply, got)
			}
		})
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"`a.py`.", "./././x", "..", "'\".'", "a\nb", " . "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		once := Normalize(reply)
		if twice := Normalize(once); twice != once {
			t.Errorf("%q becomes %q and then %q", reply, once, twice)
		}
	})
}

func TestBaselines(t *testing.T) {
	all := []Fact{
		{Kind: Raises, Answer: "ValueError"}, {Kind: Raises, Answer: "`ValueError`"},
		{Kind: Raises, Answer: "KeyError"}, {Kind: Raises, Answer: "OSError"}, {Kind: Raises, Answer: "EOFError"},
		{Kind: Bases, Answer: "dict"},
	}
	asked := []Question{
		{Kind: Raises, Answer: "ValueError"}, {Kind: Raises, Answer: "ValueError"}, {Kind: Raises, Answer: "KeyError"}, {Kind: Raises, Answer: "OSError"},
	}
	want := map[Kind]Baseline{Raises: {Questions: 4, Guess: 0.25, Majority: 0.5}}
	if diff := cmp.Diff(want, Baselines(all, asked)); diff != "" {
		t.Errorf("baselines (-want +got):\n%s", diff)
	}
}

func TestMacro(t *testing.T) {
	tests := map[string]struct {
		rates map[Kind]float64
		want  float64
	}{
		"no kinds":                {nil, 0},
		"kinds count alike":       {map[Kind]float64{DefinitionFile: 1, Bases: 0.5}, 0.75},
		"a kind that got nothing": {map[Kind]float64{DefinitionFile: 0.9, Bases: 0, Raises: 0}, 0.3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Macro(test.rates), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Errorf("macro (-want +got):\n%s", diff)
			}
		})
	}
}
