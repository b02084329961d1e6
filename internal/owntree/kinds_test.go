package owntree

import (
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestInScope(t *testing.T) {
	cases := map[string]struct {
		path             string
		include, exclude []string
		want             bool
	}{
		"no rules":                    {path: "src/a.py", want: true},
		"below an included folder":    {path: "src/a.py", include: []string{"src/"}, want: true},
		"an included file":            {path: "src/a.py", include: []string{"src/a.py"}, want: true},
		"the beginning of a name":     {path: "src/abc.py", include: []string{"src/a"}, want: false},
		"outside of what is included": {path: "tools/a.py", include: []string{"src", "lib"}, want: false},
		"excluded":                    {path: "src/vendor/a.py", exclude: []string{"src/vendor"}, want: false},
		"included and excluded":       {path: "src/vendor/a.py", include: []string{"src"}, exclude: []string{"src/vendor/"}, want: false},
		"the whole tree":              {path: "a.py", include: []string{"."}, want: true},
		"with a leading dot":          {path: "src/a.py", include: []string{"./src"}, want: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := InScope(c.path, v1alpha1.Repository{Include: c.include, Exclude: c.exclude}); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
