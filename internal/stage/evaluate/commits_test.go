package evaluate

import "testing"

func TestNewerThan(t *testing.T) {
	line := []string{"e", "d", "c", "b", "a"}
	tests := map[string]struct {
		trained []string
		want    int
		told    bool
	}{
		"one commit":                 {[]string{"c"}, 2, true},
		"the newest of several":      {[]string{"a", "c", "b"}, 2, true},
		"the head":                   {[]string{"e"}, 0, true},
		"the first commit":           {[]string{"a"}, 4, true},
		"not on the line":            {[]string{"x"}, 0, false},
		"one of them is not":         {[]string{"a", "x"}, 0, false},
		"a model that does not tell": {nil, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, told := newerThan(line, test.trained); told != test.told || got != test.want {
				t.Errorf("got %d, %t", got, told)
			}
		})
	}
	c := commits{line: line, unseen: 2}
	for commit, want := range map[string]bool{"e": true, "d": true, "c": false, "a": false, "x": false} {
		if got := c.isUnseen(commit); got != want {
			t.Errorf("commit %s is unseen: %t", commit, got)
		}
	}
}
