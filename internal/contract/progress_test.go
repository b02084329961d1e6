package contract_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/contract"
)

func TestProgressRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := contract.Progress{
			Step: rapid.Int64Min(0).Draw(t, "step"), Total: rapid.Int64Min(0).Draw(t, "total"),
			ETASeconds: rapid.Int64Min(0).Draw(t, "seconds"),
			Message:    strings.Repeat(rapid.StringN(0, 8, -1).Draw(t, "message"), rapid.IntRange(0, 200).Draw(t, "times")),
		}
		line, err := contract.EncodeProgress(want)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(line, "\r\n") {
			t.Fatalf("%q is more than a line", line)
		}
		got, err := contract.ParseProgress(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if !strings.HasPrefix(want.Message, got.Message) || len(got.Message) < min(len(want.Message), 197) {
			t.Fatalf("message %q became %q", want.Message, got.Message)
		}
		want.Message = got.Message
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The longest line: the largest numbers, and text that JSON writes six times as
// long.
func TestLongestProgress(t *testing.T) {
	for name, text := range map[string]string{"HTML": "<", "control characters": "\x01", "line separators": "\u2028"} {
		t.Run(name, func(t *testing.T) {
			message := strings.Repeat(text, 200/len(text))
			want := contract.Progress{Step: math.MaxInt64, Total: math.MaxInt64, ETASeconds: math.MaxInt64, Message: message}
			line, err := contract.EncodeProgress(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := contract.ParseProgress(line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEncodeProgressCutsTheMessage(t *testing.T) {
	tests := map[string]struct{ message, want string }{
		"a long message":         {strings.Repeat("x", 201), strings.Repeat("x", 200)},
		"a rune is not split":    {strings.Repeat("x", 199) + "é", strings.Repeat("x", 199)},
		"bytes that are no text": {"a\xff\xffb", "a\uFFFDb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			line, err := contract.EncodeProgress(contract.Progress{Step: 1, Total: 2, Message: test.message})
			if err != nil {
				t.Fatal(err)
			}
			want := contract.ProgressPrefix + `{"step":1,"total":2,"message":"` + test.want + `"}`
			if diff := cmp.Diff(want, line); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseProgressRefuses(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"no line":              {"", "not a progress line"},
		"another line":         {"step 1 of 2", "not a progress line"},
		"a record":             {contract.RecordPrefix + `{"step":1}`, "not a progress line"},
		"text before":          {" " + contract.ProgressPrefix + `{"step":1}`, "not a progress line"},
		"a huge line":          {contract.ProgressPrefix + `{"message":"` + strings.Repeat("x", 2000) + `"}`, "not a progress line"},
		"prefix alone":         {contract.ProgressPrefix, "unexpected end"},
		"cut":                  {contract.ProgressPrefix + `{"step":1,"total":2`, "unexpected end"},
		"two on a line":        {contract.ProgressPrefix + `{"step":1}` + contract.ProgressPrefix + `{"step":2}`, "after top-level value"},
		"a list":               {contract.ProgressPrefix + `[1,2]`, "cannot unmarshal"},
		"deep nesting":         {contract.ProgressPrefix + strings.Repeat(`[`, 700), "unexpected end"},
		"a step as text":       {contract.ProgressPrefix + `{"step":"1"}`, "cannot unmarshal"},
		"half a step":          {contract.ProgressPrefix + `{"step":0.5}`, "cannot unmarshal"},
		"a step above 64 bits": {contract.ProgressPrefix + `{"step":9223372036854775808}`, "cannot unmarshal"},
		"a negative step":      {contract.ProgressPrefix + `{"step":-1,"total":2}`, "negative"},
		"a negative total":     {contract.ProgressPrefix + `{"step":1,"total":-2}`, "negative"},
		"a negative time left": {contract.ProgressPrefix + `{"step":1,"total":2,"eta":-3}`, "negative"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := contract.ParseProgress(test.line)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if got != (contract.Progress{}) {
				t.Errorf("%+v came back with the error", got)
			}
		})
	}
}

func TestParseProgressTakes(t *testing.T) {
	tests := map[string]struct {
		text string
		want contract.Progress
	}{
		"an unknown field":       {`{"step":1,"total":2,"loss":{"train":0.5}}`, contract.Progress{Step: 1, Total: 2}},
		"a long message":         {`{"message":"` + strings.Repeat("x", 300) + `"}`, contract.Progress{Message: strings.Repeat("x", 200)}},
		"bytes that are no text": {"{\"message\":\"a\xffb\"}", contract.Progress{Message: "a\uFFFDb"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := contract.ParseProgress(contract.ProgressPrefix + test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
