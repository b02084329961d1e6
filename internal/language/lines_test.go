package language

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	cases := map[string]struct {
		source string
		want   []string
	}{
		"nothing":          {source: "", want: nil},
		"no end":           {source: "a", want: []string{"a"}},
		"line feeds":       {source: "a\nb\n", want: []string{"a\n", "b\n"}},
		"carriage returns": {source: "a\rb\r\nc\n\rd", want: []string{"a\r", "b\r\n", "c\n", "\r", "d"}},
		"a form feed":      {source: "a\x0cb\n", want: []string{"a\x0cb\n"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, line := range Lines([]byte(c.source)) {
				got = append(got, string(line))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzLinesJoinToTheSource(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		if joined := bytes.Join(Lines(source), nil); !bytes.Equal(joined, source) {
			t.Errorf("%q became %q", source, joined)
		}
	})
}

func TestText(t *testing.T) {
	source := []byte("one\ntwo\nthree")
	cases := map[string]struct {
		start, end int
		want       string
	}{
		"inside":  {start: 2, end: 3, want: "two\nthree"},
		"beyond":  {start: 0, end: 9, want: "one\ntwo\nthree"},
		"nothing": {start: 3, end: 2, want: ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Text(source, c.start, c.end); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	coverage := &Coverage{
		Tests: []string{"b", "a", "c"},
		Files: map[string][]CoverageGroup{
			"code.py": {{Lines: []int{1, 2, 9}, Tests: []int{0}}, {Lines: []int{4, 6}, Tests: []int{1, 2}}},
			"more.py": {{Lines: []int{4}, Tests: []int{0}}},
		},
	}
	cases := map[string]struct {
		path       string
		start, end int
		want       []string
	}{
		"one group":        {path: "code.py", start: 1, end: 3, want: []string{"b"}},
		"between lines":    {path: "code.py", start: 5, end: 5, want: []string{}},
		"two groups":       {path: "code.py", start: 6, end: 9, want: []string{"a", "b", "c"}},
		"after the end":    {path: "code.py", start: 10, end: 99, want: []string{}},
		"an unknown file":  {path: "none.py", start: 1, end: 99, want: []string{}},
		"no line of these": {path: "code.py", start: 7, end: 8, want: []string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, coverage.Covering(c.path, c.start, c.end)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 4, "c": 2}, coverage.Breadth()); diff != "" {
		t.Error(diff)
	}
}
