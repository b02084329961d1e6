package curate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/snapshot"
)

const mit = `MIT License

Copyright (c) 2026 The Vault Authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`

// A tree's own licence comes before that of code which it carries.
func TestLicences(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		want  []Licence
	}{
		"none":                  {nil, []Licence{}},
		"the one of the tree":   {map[string]string{"LICENSE.txt": mit}, []Licence{{"LICENSE.txt", []string{"MIT"}, 99}}},
		"British spelling":      {map[string]string{"LICENCE": mit}, []Licence{{"LICENCE", []string{"MIT"}, 99}}},
		"none of the known":     {map[string]string{"COPYING": "Do as you like."}, []Licence{{"COPYING", []string{}, 0}}},
		"a name alone":          {map[string]string{"licences.py": "MIT = 1", "docs/licensing.md": "x", "COPYING.LESSER": "x"}, []Licence{{"COPYING.LESSER", []string{}, 0}}},
		"a path that writes on": {map[string]string{"a`|\n# b/LICENSE": mit, "<b>/LICENSE": mit}, []Licence{}},
		"too large to be one":   {map[string]string{"LICENSE": mit + strings.Repeat(" ", maxLicence)}, []Licence{}},
		"carried code is last":  {map[string]string{"a/LICENSE": mit, "LICENSE": mit, "a/b/LICENSE": mit}, []Licence{{"LICENSE", []string{"MIT"}, 99}, {"a/LICENSE", []string{"MIT"}, 99}, {"a/b/LICENSE", []string{"MIT"}, 99}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for path, content := range c.files {
				w.add(path, content)
			}
			got, err := licencesOf(w.snapshot(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("licences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyLicences(t *testing.T) {
	w := newWorld(t)
	for i := range 3 * maxLicences {
		w.add(fmt.Sprintf("vendor/%03d/LICENSE", i), mit)
	}
	w.add("LICENSE", mit)
	got, err := licencesOf(w.snapshot(t))
	if err != nil || len(got) != maxLicences || got[0].Path != "LICENSE" {
		t.Errorf("%d licences, %v: %v", len(got), err, got)
	}
}

// snapshot opens the sealed tree of a world.
func (w *world) snapshot(t testing.TB) *snapshot.Snapshot {
	t.Helper()
	w.sealInputs(t)
	place, err := w.env.Store.Path(w.env.Spec.Keys.Output("Fetch"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
