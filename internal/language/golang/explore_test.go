package golang

import (
	"os/exec"
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

func TestExploringCommands(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"shop/shop.go": "// Copyright\n\n// Package shop sells books. It is\n// small.\npackage shop\n\nimport (\n\t\"fmt\"\n\tstr \"strings\"\n)\n\nvar names = []string{\n\t\"one\",\n}\n\n" +
			"// Shelf holds books\n// in order.\ntype Shelf struct {\n\tbooks []string\n}\n\nfunc (s *Shelf) Add(book string) {\n\ts.books = append(s.books, str.ToUpper(fmt.Sprint(book)))\n}\n\nfunc (s Shelves[T]) Add() {}\n",
		"user/user.go": "package user\n\nimport \"example.com/m/shop\"\n\nvar _ shop.Shelf\n",
		"none/none.go": "package none\n\n// shop and Shelves\nvar shop = \"x shop\"\n",
	} {
		write(t, folder+"/"+name, text)
	}
	d := New().Dialect()
	file := language.Component{Path: "shop/shop.go", Name: "shop"}
	both := language.Component{Path: "shop/shop.go", Files: []string{"shop/shop.go", "user/user.go"}}
	shelf := language.Component{Class: true, Path: "shop/shop.go", Name: "Shelf", StartLine: 16, EndLine: 20}
	using := func(c language.Component) string {
		return "grep -rlwE '" + d.UsersPattern(c) + "' --include='*.go' . | sort"
	}
	cases := map[string]struct{ command, want string }{
		"what a file declares":       {d.OutlineCommand(file), "type Shelf struct {\nfunc (s *Shelf) Add(book string) {\nfunc (s Shelves[T]) Add() {}\n"},
		"methods of a type":          {d.OutlineCommand(shelf), "func (s *Shelf) Add(book string) {\n"},
		"imports":                    {d.ImportsCommand(file.Path), "8:\t\"fmt\"\n9:\tstr \"strings\"\n"},
		"what several files declare": {d.OutlineCommand(both), "shop/shop.go:type Shelf struct {\nshop/shop.go:func (s *Shelf) Add(book string) {\nshop/shop.go:func (s Shelves[T]) Add() {}\n"},
		"imports of several files":   {d.ImportsCommand(both.Files...), "shop/shop.go:8:\t\"fmt\"\nshop/shop.go:9:\tstr \"strings\"\nuser/user.go:3:import \"example.com/m/shop\"\n"},
		"comment of several files":   {d.DocCommand(both, 2, 99), "// Package shop sells books. It is\n// small.\n"},
		"a package's comment":        {d.DocCommand(file, 2, 99), "// Package shop sells books. It is\n// small.\n"},
		"a type's comment":           {d.DocCommand(shelf, 9, 17), "// Shelf holds books\n// in order.\n"},
		"users of a package":         {using(file), "./user/user.go\n"},
		"users of a type":            {using(shelf), "./shop/shop.go\n./user/user.go\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			command := exec.Command("sh", "-c", c.command)
			command.Dir = folder
			got, err := command.Output()
			if string(got) != c.want || err != nil {
				t.Errorf("%s: got %q, %v", c.command, got, err)
			}
		})
	}
	if command := d.DocCommand(shelf, 9, 15); command != "" {
		t.Errorf("a comment that is hidden is shown by %s", command)
	}
}

func TestDoc(t *testing.T) {
	file, shelf := language.Component{Name: "shop"}, language.Component{Class: true, Name: "Shelf"}
	cases := map[string]struct {
		component language.Component
		output    string
		want      string
	}{
		"a package":             {file, "type Shelf struct {\n// Package shop sells books. It is small.\n", "Package shop sells books"},
		"a type":                {shelf, "// Shelf holds books\n// in order.\ntype Shelf struct {\n", "Shelf holds books in order"},
		"a type in a group":     {shelf, "\t// Shelf holds books\n\tShelf struct {\n", "Shelf holds books"},
		"another name":          {shelf, "// Shelves are many.\ntype Shelf struct {\n", ""},
		"shown in part":         {shelf, "// Shelf holds\n", ""},
		"shown to its sentence": {shelf, "// Shelf holds books.\n// It\n", "Shelf holds books"},
		"nothing":               {shelf, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := New().Dialect().Doc(c.component, c.output)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}
