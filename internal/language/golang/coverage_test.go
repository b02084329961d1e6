package golang

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

func TestExecuted(t *testing.T) {
	code := &tree{module: "example.com/m", sources: map[string][]byte{"a.go": []byte("1\n2\n3\n4\n5\n6\n"), "b/b.go": []byte("1\n2\n")}}
	const mode = "mode: set\n"
	cases := map[string]struct {
		profile string
		want    map[string][]int
		refused bool
	}{
		"blocks":               {profile: mode + "example.com/m/a.go:1.10,3.2 2 1\nexample.com/m/a.go:3.2,5.2 1 0\nexample.com/m/b/b.go:2.1,2.3 1 4\n", want: map[string][]int{"a.go": {1, 2, 3}, "b/b.go": {2}}},
		"other files":          {profile: mode + "example.com/other/a.go:1.1,1.2 1 1\nexample.com/m/gone.go:1.1,1.2 1 1\nexample.com/m/../a.go:1.1,1.2 1 1\n"},
		"nothing executed":     {profile: mode + "example.com/m/a.go:1.10,3.2 2 0\n"},
		"no profile":           {},
		"no mode":              {profile: "example.com/m/a.go:1.10,3.2 2 1\n", refused: true},
		"lines after the end":  {profile: mode + "example.com/m/a.go:1.1,2000000000.2 2 1\n", refused: true},
		"lines in wrong order": {profile: mode + "example.com/m/a.go:3.1,2.2 2 1\n", refused: true},
		"no numbers":           {profile: mode + "example.com/m/a.go:a.b,c.d e f\n", refused: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lines, err := executed([]byte(c.profile), code)
			if (err != nil) != c.refused {
				t.Fatal(err)
			}
			got := map[string][]int{}
			for file, set := range lines {
				for n := 1; n < 10; n++ {
					if set[n] {
						got[file] = append(got[file], n)
					}
				}
			}
			if len(got)+len(c.want) > 0 {
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("lines (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func FuzzExecuted(f *testing.F) {
	code := &tree{module: "m", sources: map[string][]byte{"a.go": []byte("1\n2\n3\n")}}
	f.Add([]byte("mode: set\nm/a.go:1.1,3.2 1 1\nm/a.go:2.1,2.2 1 1\n"))
	f.Fuzz(func(t *testing.T, profile []byte) {
		lines, err := executed(profile, code)
		if err != nil {
			return
		}
		for file, set := range lines {
			if file != "a.go" || len(set) > 4 {
				t.Errorf("%s has %d lines", file, len(set))
			}
		}
	})
}

func TestGrouped(t *testing.T) {
	c := &collector{coverage: &language.Coverage{Files: map[string][]language.CoverageGroup{}}, lines: map[string]map[int][]int{}}
	c.add("a", map[string]map[int]bool{"x.go": {1: true, 2: true}})
	c.add("b", map[string]map[int]bool{"x.go": {2: true, 3: true, 5: true}, "y.go": {1: true}})
	want := &language.Coverage{Tests: []string{"a", "b"}, Files: map[string][]language.CoverageGroup{
		"x.go": {{Lines: []int{1}, Tests: []int{0}}, {Lines: []int{2}, Tests: []int{0, 1}}, {Lines: []int{3, 5}, Tests: []int{1}}},
		"y.go": {{Lines: []int{1}, Tests: []int{1}}},
	}}
	if diff := cmp.Diff(want, c.grouped()); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}
