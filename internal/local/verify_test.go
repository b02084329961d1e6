package local

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// Pairs that say the same, and pairs that do not.
func TestStable(t *testing.T) {
	for name, test := range map[string]struct {
		before, after string
		same          bool
	}{
		"durations":              {"3 passed in 0.11s", "3 passed in 12.5s", true},
		"Go's cached tests":      {"ok  \tm/pkg\t0.005s", "ok  \tm/pkg\t(cached)", true},
		"a long duration":        {"1 failed in 61.2s (0:01:01)", "1 failed in 70s (0:01:10)", true},
		"other units":            {"took 12 ms, 3.4 µs, 2 seconds", "took 9 ms, 1 µs, 3 seconds", true},
		"addresses":              {"<Shelf object at 0x7f3a1c2b4d50>", "<Shelf object at 0x7fffffff0010>", true},
		"shortened addresses":    {"<object ...7fb8b3e5eab0>", "<object ...x7fd902c5a280>", true},
		"trees":                  {"/workspace/repository/a.py:3: AssertionError", "/tmp/repoexpert-0/agent/repository/a.py:3: AssertionError", true},
		"temporary files":        {"wrote /tmp/pytest-of-me/pytest-1/x.txt", "wrote /var/tmp/abc", true},
		"dates and times":        {"2026-11-25T16:08:11Z and 09:01:02", "2027-01-02 03:04:05.678 and 10:11:12", true},
		"dates in words":         {"Wed Nov 25 16:08:11 2026", "Thu Jan  1 00:00:00 1970", true},
		"processes":              {"pid 123, process: 7", "pid 9, process: 88", true},
		"Python's library":       {"/usr/lib/python3.11/gzip.py:276: OSError", "/root/.pyenv/versions/3.11.7/lib/python3.11/gzip.py:276: OSError", true},
		"installed packages":     {"/usr/lib/python3/dist-packages/attr/_make.py:3", "/tmp/venv/lib64/python3.13/site-packages/attr/_make.py:3", true},
		"Go's library":           {"/usr/local/go/src/testing/testing.go:2036 +0x4c1", "/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.26.4.linux-amd64/src/testing/testing.go:2036 +0x4c1", true},
		"another library's line": {"/usr/lib/python3.11/gzip.py:276", "/opt/lib/python3.11/gzip.py:277", false},
		"another library's file": {"/usr/local/go/src/testing/testing.go:1", "/usr/local/go/src/testing/sub.go:1", false},
		"another count":          {"3 passed in 0.11s", "2 passed in 0.11s", false},
		"another line":           {"a.py:3: AssertionError", "a.py:4: AssertionError", false},
		"another file":           {"/workspace/repository/a.py", "/workspace/repository/b.py", false},
		"another return code":    {"<returncode>0</returncode>", "<returncode>1</returncode>", false},
		"another value":          {"assert 107 == -107", "assert 107 == 108", false},
		"a version is no date":   {"version 2.31.0", "version 2.32.0", false},
		"a short hex number":     {"flags 0x1f", "flags 0x2f", false},
		"a number before an s.":  {"3 shelves", "4 shelves", false},
	} {
		t.Run(name, func(t *testing.T) {
			if (Stable(test.before) == Stable(test.after)) != test.same {
				t.Errorf("%q and %q", Stable(test.before), Stable(test.after))
			}
		})
	}
}

func TestChoose(t *testing.T) {
	var samples []task.Sample
	for unit, n := range map[v1alpha1.UnitName]int{"A": 40, "B": 3} {
		for i := range n {
			samples = append(samples, task.Sample{Meta: task.Meta{Unit: unit, TaskID: fmt.Sprint(i)}})
		}
	}
	count := func(chosen []task.Sample) map[v1alpha1.UnitName]int {
		counts := map[v1alpha1.UnitName]int{}
		for _, sample := range chosen {
			counts[sample.Meta.Unit]++
		}
		return counts
	}
	for percent, want := range map[int]map[v1alpha1.UnitName]int{5: {"A": 2, "B": 1}, 50: {"A": 20, "B": 2}, 100: {"A": 40, "B": 3}} {
		first, again := choose(samples, percent, 1), choose(samples, percent, 1)
		if diff := cmp.Diff(want, count(first)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("the same seed chooses otherwise: %s", diff)
		}
	}
	if cmp.Equal(choose(samples, 5, 1), choose(samples, 5, 2)) {
		t.Error("another seed chooses the same")
	}
}

func TestCompare(t *testing.T) {
	system, asked := task.Message{Role: task.RoleSystem, Content: "s"}, task.Message{Role: task.RoleUser, Content: "t"}
	want := []task.Message{system, asked, say("a", "b"), observed(0, "x\ny\n"), say("c", "d")}
	for name, test := range map[string]struct {
		got  []task.Message
		want []Difference
	}{
		"the same": {want, nil},
		"another prompt and task": {
			[]task.Message{{Role: task.RoleSystem, Content: "S"}, {Role: task.RoleUser, Content: "T"}, want[2], want[3], want[4]},
			[]Difference{{0, "system prompt", "s", "S"}, {0, "task", "t", "T"}},
		},
		"another observation": {
			[]task.Message{system, asked, want[2], observed(0, "x\nz\n"), want[4]},
			[]Difference{{1, "observation", "y", "z"}},
		},
		"it ends too early": {want[:3], []Difference{{1, "turns", "user", "the end"}}},
		"it goes on":        {append(append([]task.Message{}, want...), observed(0, "")), []Difference{{2, "turns", "the end", "user"}}},
		"another return code": {
			[]task.Message{system, asked, want[2], observed(3, "x\ny\n"), want[4]},
			[]Difference{{1, "observation", "<returncode>0</returncode>", "<returncode>3</returncode>"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, compare(want, test.got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
