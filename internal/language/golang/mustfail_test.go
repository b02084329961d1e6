package golang

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

func TestMustFail(t *testing.T) {
	const tests = `package m

import "testing"

func TestA(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(*testing.T) {})
	}
}

func TestB(tt *testing.T) { tt.SkipNow() }

func TestC(*testing.T) {}

func ExampleA() {}
`
	changed, err := New().MustFail([]byte(tests), "TestA")
	if err != nil {
		t.Fatal(err)
	}
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"go.mod": source(goMod), "a_test.go": &fstest.MapFile{Data: changed}})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]language.Outcome{
		"a_test.go::TestA": language.OutcomeFailed, "a_test.go::TestA/one": language.OutcomePassed, "a_test.go::TestA/two": language.OutcomePassed,
		"a_test.go::TestB": language.OutcomeSkipped, "a_test.go::TestC": language.OutcomePassed,
	}
	if diff := cmp.Diff(want, report.Outcomes()); diff != "" {
		t.Errorf("%s\n%s", diff, changed)
	}
	for _, function := range []string{"TestC", "TestNone", "ExampleA"} {
		if _, err := New().MustFail([]byte(tests), function); !errors.Is(err, language.ErrMask) {
			t.Errorf("%s: got %v", function, err)
		}
	}
}
