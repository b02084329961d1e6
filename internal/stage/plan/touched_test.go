package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/golang"
)

const shelf = `package shop

func open() {
	unlock()
}

func (s *Shelf) Add(b Book) {
	s.books = append(s.books, b)
	s.count++
}

func (s *Shelf[T]) AddAll() {
	s.count = 0
}
`

// A change of the past belongs to the functions that its lines are in, methods
// among them: else a held-out method would be trained by its own fix.
func TestTouched(t *testing.T) {
	m := &mine{adapter: golang.New(), byPath: map[string][]function{}}
	for _, definition := range []language.Definition{
		{Name: "open", Kind: language.KindFunction}, {Name: "Shelf.Add", Kind: language.KindMethod}, {Name: "Shelf.AddAll", Kind: language.KindMethod},
	} {
		m.byPath["shop.go"] = append(m.byPath["shop.go"], function{id: definition.Name, definitions: []language.Definition{definition}})
	}
	tests := map[string]struct {
		hunks []history.Hunk
		want  []string
	}{
		"a function's body":    {[]history.Hunk{{AfterStart: 4, AfterLines: 1}}, []string{"open"}},
		"a method's body":      {[]history.Hunk{{AfterStart: 8, AfterLines: 2}}, []string{"Shelf.Add"}},
		"lines were removed":   {[]history.Hunk{{AfterStart: 12, AfterLines: 0}}, []string{"Shelf.AddAll"}},
		"over two functions":   {[]history.Hunk{{AfterStart: 4, AfterLines: 4}}, []string{"open", "Shelf.Add"}},
		"two places":           {[]history.Hunk{{AfterStart: 4, AfterLines: 1}, {AfterStart: 13, AfterLines: 1}}, []string{"open", "Shelf.AddAll"}},
		"above all functions":  {[]history.Hunk{{AfterStart: 1, AfterLines: 1}}, nil},
		"after the last line":  {[]history.Hunk{{AfterStart: 99, AfterLines: 1}}, []string{"Shelf.AddAll"}},
		"before the first one": {[]history.Hunk{{AfterStart: 0, AfterLines: 0}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := m.touched([]history.Content{{File: history.File{Current: "shop.go"}, After: []byte(shelf), Hunks: test.hunks}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	empty := history.Content{File: history.File{Current: "shop.go"}, After: []byte(strings.Repeat("\n", 3)), Hunks: []history.Hunk{{AfterStart: 2, AfterLines: 1}}}
	if got := m.touched([]history.Content{empty}); got != nil {
		t.Errorf("got %v in a file without functions", got)
	}
}
