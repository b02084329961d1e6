package owntree

import (
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
)

// Kinds tell files of any commit apart: as an inspected tree says, else by their
// names. inspected says of the files of that tree whether they are tests; nil where
// there is none. What is out of the repository's scope is no source file.
func Kinds(dialect language.Dialect, repository v1alpha1.Repository, inspected map[string]bool) history.Kinds {
	isTest := func(file string) bool {
		if test, known := inspected[file]; known {
			return test
		}
		folders := strings.Split(path.Dir(file), "/")
		return dialect.IsTestFile(file) || slices.Contains(folders, "tests") || slices.Contains(folders, "testdata")
	}
	isSource := func(file string) bool {
		matched, err := path.Match(dialect.SourceGlob(), path.Base(file))
		return err == nil && matched && InScope(file, repository)
	}
	return history.Kinds{IsTest: isTest, IsSource: isSource}
}

// InScope says whether experience is mined from a file: below one of the included
// folders, where any are named, and below no excluded one. An entry names a file or
// a folder, not the beginning of a name.
func InScope(path string, repository v1alpha1.Repository) bool {
	below := func(prefix string) bool {
		prefix = strings.TrimRight(strings.TrimPrefix(prefix, "./"), "/")
		return path == prefix || strings.HasPrefix(path, prefix+"/") || prefix == "."
	}
	included := len(repository.Include) == 0 || slices.ContainsFunc(repository.Include, below)
	return included && !slices.ContainsFunc(repository.Exclude, below)
}
