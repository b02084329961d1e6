package golang

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

func TestParseRecord(t *testing.T) {
	const run, pass, fail = "\x16=== RUN   TestA\n", "\x16--- PASS: TestA (0.25s)\n", "\x16--- FAIL: TestA (0.00s)\n"
	passed := map[string]language.TestResult{"TestA": {Outcome: language.OutcomePassed, Seconds: 0.25}}
	cases := map[string]struct {
		output  string
		results map[string]language.TestResult
		verdict string
		failure string
	}{
		"passed":                   {output: "-test.shuffle 1\n" + run + pass + "\x16PASS\n", results: passed, verdict: verdictPass},
		"after text without end":   {output: run + "text" + pass + "\x16PASS\n", results: passed, verdict: verdictPass},
		"skipped":                  {output: run + "\x16--- SKIP: TestA (0.00s)\n\x16PASS\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeSkipped}}, verdict: verdictPass},
		"parts":                    {output: run + "\x16=== RUN   TestA/b#01\n\x16=== PAUSE TestA/b#01\n\x16=== CONT  TestA/b#01\n\x16--- PASS: TestA/b#01 (0.00s)\n" + pass + "\x16PASS\n", results: map[string]language.TestResult{"TestA": passed["TestA"], "TestA/b#01": {Outcome: language.OutcomePassed}}, verdict: verdictPass},
		"failed with a message":    {output: run + "    a_test.go:7: got 1\n        want 2\n    a_test.go:8: more\n" + fail + "\x16FAIL\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeFailed, Message: "got 1"}}, verdict: verdictFail},
		"messages after the mark":  {output: run + fail + "    a_test.go:7: got 1\n\x16FAIL\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeFailed, Message: "got 1"}}, verdict: verdictFail},
		"messages in turn":         {output: run + "\x16=== RUN   TestB\n\x16=== NAME  TestA\n    a_test.go:7: of a\n\x16=== NAME  TestB\n    b_test.go:7: of b\n" + fail + "\x16--- FAIL: TestB (0.00s)\n\x16FAIL\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeFailed, Message: "of a"}, "TestB": {Outcome: language.OutcomeFailed, Message: "of b"}}, verdict: verdictFail},
		"twice, and failed once":   {output: run + fail + pass + "\x16FAIL\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeFailed}}, verdict: verdictFail},
		"a panic":                  {output: run + fail + "panic: no [recovered]\n\tpanic: no\n\ngoroutine 1\n", results: map[string]language.TestResult{"TestA": {Outcome: language.OutcomeFailed, Message: "panic: no [recovered]"}}, failure: "panic: no [recovered]"},
		"a verdict too early":      {output: run + "\x16PASS\n" + pass, results: passed},
		"text that looks the same": {output: run + "--- FAIL: TestA (0.00s)\nFAIL\n" + pass + "\x16PASS\n", results: passed, verdict: verdictPass},
		"cut short":                {output: run + pass[:20], results: map[string]language.TestResult{}},
		"nothing":                  {output: "", results: map[string]language.TestResult{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseRecord(c.output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.results, got.results); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if got.verdict != c.verdict || got.failure != c.failure {
				t.Errorf("verdict %q, failure %q", got.verdict, got.failure)
			}
		})
	}
}

func TestParseRecordBounds(t *testing.T) {
	for _, mark := range []string{"\x16=== RUN   ", "\x16--- PASS: "} {
		if got, err := parseRecord(mark + strings.Repeat("x", maxName+1) + " (0.00s)\n"); err == nil && len(got.results) > 0 {
			t.Errorf("a name without end is accepted after %q", mark)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("\x16=== RUN   TestA\n    a.go:1: x\n\x16--- FAIL: TestA (0.00s)\npanic: no\n\x16FAIL\n")
	f.Add("\x16--- PASS: A/b (99999999999999999999999.9s)\r\n\x16\x16\n")
	f.Fuzz(func(t *testing.T, output string) {
		got, err := parseRecord(output)
		if err != nil {
			return
		}
		for name, result := range got.results {
			if name == "" || strings.ContainsAny(name, " \n\x16") || result.Outcome == "" || result.Seconds < 0 || len(result.Message) > maxMessage {
				t.Errorf("%q is %+v", name, result)
			}
		}
	})
}
