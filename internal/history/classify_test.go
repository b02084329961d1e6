package history

import (
	"testing"
)

func TestClassify(t *testing.T) {
	source := File{Path: "a.py", Status: StatusModified, Added: 3, Deleted: 1, Regular: true}
	test := File{Path: "tests/test_a.py", Status: StatusModified, Added: 5, Regular: true}
	with := func(file File, change func(*File)) File {
		change(&file)
		return file
	}
	of := func(files ...File) Change {
		return Change{Commit: idA, Parent: idB, FileCount: len(files), Files: files}
	}
	docs := File{Path: "docs/picture.png", Status: StatusAdded, Binary: true, Regular: true}
	deletesOnly := with(source, func(f *File) { f.Added = 0 })
	tests := map[string]struct {
		change Change
		want   Verdict
	}{
		"fix":                             {of(source, test), FixCandidate},
		"fix with a new test file":        {of(source, with(test, func(f *File) { f.Status = StatusAdded })), FixCandidate},
		"fix by deleting":                 {of(deletesOnly, test), FixCandidate},
		"fix beside a picture":            {of(docs, source, test), FixCandidate},
		"fix in a merge":                  {Change{Commit: idA, Parent: idB, Merge: true, FileCount: 2, Files: []File{source, test}}, FixCandidate},
		"moved and modified":              {of(with(source, func(f *File) { f.Status, f.OldPath = StatusRenamed, "b.py" }), test), FixCandidate},
		"root":                            {Change{Commit: idA}, RootCommit},
		"empty":                           {of(), EmptyChange},
		"more files than the walk takes":  {Change{Commit: idA, Parent: idB, FileCount: 101}, TooManyFiles},
		"path outside":                    {of(source, test, File{Path: "../x", Regular: true}), InvalidPath},
		"path that is no text":            {of(source, test, File{Path: "\xff", Regular: true}), InvalidPath},
		"old path outside":                {of(source, test, File{Path: "x", OldPath: "/etc/x", Regular: true}), InvalidPath},
		"documentation":                   {of(docs, test), NoSource},
		"tests are no source":             {of(test), NoSource},
		"without test":                    {of(source), NoTest},
		"link among the tests":            {of(source, with(test, func(f *File) { f.Regular = false })), NotRegular},
		"binary test data":                {of(source, test, File{Path: "tests/data.bin", Binary: true, Regular: true}), BinaryFile},
		"source is new":                   {of(with(source, func(f *File) { f.Status = StatusAdded }), test), NoSourceModified},
		"source is moved alone":           {of(with(source, func(f *File) { f.Status, f.OldPath, f.Added, f.Deleted = StatusRenamed, "b.py", 0, 0 }), test), NoSourceModified},
		"mode alone":                      {of(with(source, func(f *File) { f.Added, f.Deleted = 0, 0 }), test), NoSourceModified},
		"deletion everywhere":             {of(deletesOnly, with(test, func(f *File) { f.Added, f.Deleted = 0, 5 })), NoTestAdded},
		"tests are deleted":               {of(source, with(test, func(f *File) { f.Status, f.Added, f.Deleted = StatusDeleted, 0, 5 })), NoTestAdded},
		"source files at the limit":       {of(source, source, test), FixCandidate},
		"source files beyond the limit":   {of(source, source, source, test), TooManySourceFiles},
		"source lines at the limit":       {of(with(source, func(f *File) { f.Added = 9 }), test), FixCandidate},
		"source lines beyond the limit":   {of(with(source, func(f *File) { f.Added = 10 }), test), TooManySourceLines},
		"test lines beyond the limit":     {of(source, with(test, func(f *File) { f.Added = 21 })), TooManyTestLines},
		"first reason wins: files, lines": {of(source, source, with(source, func(f *File) { f.Added = 99 }), test), TooManySourceFiles},
	}
	limits := FixLimits{SourceFiles: 2, SourceLines: 10, TestLines: 20}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Classify(test.change, kinds, limits); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
