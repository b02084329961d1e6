package python

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	passedA   = `{"event":"test","id":"t.py::a","outcome":"passed","seconds":0.5}` + "\n"
	failedA   = `{"event":"test","id":"t.py::a","outcome":"failed","seconds":0.5,"message":"no"}` + "\n"
	canary    = `{"event":"test","id":"::canary_x","outcome":"failed","seconds":0}` + "\n"
	canaryOK  = `{"event":"test","id":"::canary_x","outcome":"passed","seconds":0}` + "\n"
	finishTwo = `{"event":"finish","exit":1,"collected":2}` + "\n"
	finishOne = `{"event":"finish","exit":1,"collected":1}` + "\n"
	problem   = `{"event":"problem","path":"b.py","message":"ImportError"}` + "\n"
)

func TestJudge(t *testing.T) {
	passed := map[string]language.Outcome{"t.py::a": language.OutcomePassed}
	cases := map[string]struct {
		results string
		exit    int
		timeout bool
		selects []string
		state   language.SuiteState
		tests   map[string]language.Outcome
		err     error
	}{
		"complete":                      {results: passedA + canary + finishTwo, exit: 1, state: language.StateCompleted, tests: passed},
		"twice, and failed once":        {results: passedA + failedA + passedA + canary + finishTwo, exit: 1, state: language.StateCompleted, tests: map[string]language.Outcome{"t.py::a": language.OutcomeFailed}},
		"only the canary":               {results: canary + finishOne, exit: 1, state: language.StateNoTests, tests: map[string]language.Outcome{}},
		"a file did not import":         {results: problem + passedA + canary + finishTwo, exit: 1, state: language.StateCollectionError, tests: passed},
		"selected and gone":             {results: canary + finishOne, exit: 1, selects: []string{"t.py::z", "t.py::z"}, state: language.StateCollapsed, tests: map[string]language.Outcome{"t.py::z": language.OutcomeMissing}},
		"cut short":                     {results: passedA + failedA[:20], exit: 137, timeout: true, state: language.StateTimedOut, tests: passed},
		"no end":                        {results: passedA + canary, exit: 1, state: language.StateCrashed, tests: passed},
		"nothing":                       {exit: 2, state: language.StateCrashed, tests: map[string]language.Outcome{}},
		"another exit code":             {results: passedA + canary + finishTwo, exit: 0, state: language.StateCrashed, tests: passed},
		"fewer than collected":          {results: canary + finishTwo, exit: 1, state: language.StateCrashed, tests: map[string]language.Outcome{}},
		"internal error":                {results: passedA + canary + `{"event":"finish","exit":3,"collected":2}` + "\n", exit: 3, state: language.StateCrashed, tests: passed},
		"no canary":                     {results: passedA + finishOne, exit: 1, err: language.ErrForged},
		"a canary that passes":          {results: passedA + canaryOK + finishTwo, exit: 1, err: language.ErrForged},
		"a canary without an exit code": {results: passedA + canary + `{"event":"finish","exit":0,"collected":2}` + "\n", exit: 0, err: language.ErrForged},
		"garbage":                       {results: passedA + "garbage\n" + canary + finishTwo, exit: 1, err: language.ErrForged},
		"after its end":                 {results: canary + finishOne + passedA, exit: 1, err: language.ErrForged},
		"an unknown outcome":            {results: strings.ReplaceAll(passedA, "passed", "great") + canary + finishTwo, exit: 1, err: language.ErrForged},
		"an unknown event":              {results: `{"event":"praise"}` + "\n", exit: 1, err: language.ErrForged},
		"negative time":                 {results: strings.ReplaceAll(passedA, "0.5", "-1") + canary + finishTwo, exit: 1, err: language.ErrForged},
		"pytest is missing":             {results: `{"event":"lacks","program":"pytest"}` + "\n", exit: lacksExit, err: language.ErrEnvironment},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := sandbox.Result{ExitCode: c.exit, TimedOut: c.timeout}
			report, err := judge(map[string][]byte{resultsFile: []byte(c.results)}, result, language.TestRequest{Select: c.selects}, "canary_x")
			if !errors.Is(err, c.err) {
				t.Fatalf("error is %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if report.State != c.state {
				t.Errorf("state is %s, want %s", report.State, c.state)
			}
			if diff := cmp.Diff(c.tests, report.Outcomes()); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseCoverage(t *testing.T) {
	tests := `{"tests":["a","b"]}` + "\n"
	cases := map[string]struct {
		document string
		want     map[string][]language.CoverageGroup
	}{
		"two files": {
			document: tests + `{"path":"src/a.py","groups":[{"lines":[1,3],"tests":[0]},{"lines":[2],"tests":[0,1]}]}` + "\n" + `{"path":"b.py","groups":[{"lines":[1],"tests":[1]}]}` + "\n",
			want: map[string][]language.CoverageGroup{
				"src/a.py": {{Lines: []int{1, 3}, Tests: []int{0}}, {Lines: []int{2}, Tests: []int{0, 1}}},
				"b.py":     {{Lines: []int{1}, Tests: []int{1}}},
			},
		},
		"no files":                     {document: tests, want: map[string][]language.CoverageGroup{}},
		"nothing":                      {document: ""},
		"a path that leaves":           {document: tests + `{"path":"../a.py","groups":[]}` + "\n"},
		"an absolute path":             {document: tests + `{"path":"/a.py","groups":[]}` + "\n"},
		"an unknown test":              {document: tests + `{"path":"a.py","groups":[{"lines":[1],"tests":[2]}]}` + "\n"},
		"a negative test":              {document: tests + `{"path":"a.py","groups":[{"lines":[1],"tests":[-1]}]}` + "\n"},
		"loading that does not ascend": {document: tests + `{"path":"a.py","loading":[2,1],"groups":[]}` + "\n"},
		"lines that do not ascend":     {document: tests + `{"path":"a.py","groups":[{"lines":[2,1],"tests":[0]}]}` + "\n"},
		"a line that is cut short":     {document: tests + `{"path":"a.py","gro`},
		"a table of something else":    {document: `{"tests":[1]}` + "\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			coverage, err := parseCoverage([]byte(c.document))
			if c.want == nil {
				if err == nil {
					t.Errorf("got %+v", coverage)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, coverage.Files); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzReports(f *testing.F) {
	f.Add([]byte(passedA+problem+canary+finishTwo), []byte(`{"tests":["a"]}`+"\n"+`{"path":"a.py","groups":[{"lines":[1],"tests":[0]}]}`+"\n"), 1)
	f.Fuzz(func(t *testing.T, results, coverage []byte, exit int) {
		files := map[string][]byte{resultsFile: results, coverageFile: coverage}
		report, err := judge(files, sandbox.Result{ExitCode: exit}, language.TestRequest{Coverage: true}, "canary_x")
		if err != nil {
			return
		}
		if report.Coverage == nil {
			return
		}
		for path := range report.Coverage.Files {
			report.Coverage.Covering(path, 1, 1<<30)
		}
		if len(report.Coverage.Breadth()) > len(report.Coverage.Tests) {
			t.Error("more tests than the table has")
		}
	})
}

func TestBounded(t *testing.T) {
	if got := bounded("aé", 2); got != "a" {
		t.Errorf("got %q", got)
	}
	if got := bounded("aé", 3); got != "aé" {
		t.Errorf("got %q", got)
	}
}
