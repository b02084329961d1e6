package python

import (
	"bytes"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

const severalTests = `import unittest

import pytest


@pytest.fixture
def two():
    return 2


def test_plain():
    assert True


@pytest.mark.parametrize("n", [1, 2])
def test_cases(two, n):
    if n == 1:
        return
    assert two


class TestA:
    class TestInner:
        def test_deep(self, two):
            assert two == 2

    def test_deep(self):
        pass


class TestB(unittest.TestCase):
    def test_deep(self):
        self.assertTrue(True)
`

func TestMustFail(t *testing.T) {
	usePytest(t)
	const file = "test_a.py"
	all := map[string]language.Outcome{}
	for _, id := range []string{"test_plain", "test_cases[1]", "test_cases[2]", "TestA::TestInner::test_deep", "TestA::test_deep", "TestB::test_deep"} {
		all[file+"::"+id] = language.OutcomePassed
	}
	for function, failing := range map[string][]string{
		"test_plain":                {"test_plain"},
		"test_cases":                {"test_cases[1]", "test_cases[2]"},
		"TestA.TestInner.test_deep": {"TestA::TestInner::test_deep"},
		"TestB.test_deep":           {"TestB::test_deep"},
	} {
		t.Run(function, func(t *testing.T) {
			changed, err := New().MustFail([]byte(severalTests), function)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]language.Outcome{}
			for id := range all {
				want[id] = language.OutcomePassed
			}
			for _, id := range failing {
				want[file+"::"+id] = language.OutcomeFailed
			}
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{file: &fstest.MapFile{Data: changed}})
			report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, report.Outcomes()); diff != "" {
				t.Errorf("%s\n%s", diff, changed)
			}
		})
	}
	for _, function := range []string{"test_none", "TestC.test_deep", "TestA.test_plain"} {
		if _, err := New().MustFail([]byte(severalTests), function); !errors.Is(err, language.ErrMask) {
			t.Errorf("%s: got %v", function, err)
		}
	}
}

// Who takes the assertions out of a test takes the one out that makes it fail.
func TestMustFailByAssertion(t *testing.T) {
	usePytest(t)
	changed, err := New().MustFail([]byte(severalTests), "test_plain")
	if err != nil {
		t.Fatal(err)
	}
	box := conformance.StartBox(t)
	edited := bytes.ReplaceAll(changed, []byte("assert "), []byte("True or "))
	conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": &fstest.MapFile{Data: edited}})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
	if err != nil || report.Outcomes()["test_a.py::test_plain"] != language.OutcomePassed {
		t.Errorf("got %+v, %v", report, err)
	}
}
