package history

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func reader(text string) *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(text), 16) }

func TestListsThatAreCutOrWrong(t *testing.T) {
	commit := idA + " " + idB + "\x001\x00message\n\x00\x00\n"
	file := ":100644 100644 " + idA + " " + idB + " M\x00a\x00"
	tests := map[string]struct {
		log, diff string
		want      error
	}{
		"nothing":                {want: io.EOF},
		"commit alone":           {log: commit},
		"whole":                  {log: commit + file, diff: file + "1\t2\ta\x00end\n"},
		"no id":                  {log: "x y\x00", want: errFormat},
		"no parent's id":         {log: idA + " y\x00", want: errFormat},
		"cut after the id":       {log: idA + "\x00", want: io.ErrUnexpectedEOF},
		"cut in the message":     {log: idA + "\x001\x00mess", want: io.ErrUnexpectedEOF},
		"cut in a file":          {log: commit + ":100644", want: io.ErrUnexpectedEOF},
		"cut before a path":      {log: commit + file[:len(file)-2], want: io.ErrUnexpectedEOF},
		"empty path":             {log: commit + ":100644 100644 " + idA + " " + idB + " M\x00\x00", want: errFormat},
		"unknown status":         {log: commit + ":100644 100644 " + idA + " " + idB + " Q\x00a\x00", want: errFormat},
		"short ids":              {log: commit + ":100644 100644 abc def M\x00a\x00", want: errFormat},
		"no end":                 {log: commit, diff: file, want: io.ErrUnexpectedEOF},
		"cut in the end":         {log: commit, diff: file + "en", want: io.ErrUnexpectedEOF},
		"another end":            {log: commit, diff: file + "emd\n", want: errFormat},
		"too many files":         {log: commit, diff: strings.Repeat(file, 4) + "end\n", want: errFormat},
		"counts without a file":  {log: commit, diff: file + "1\t2\tb\x00end\n", want: errFormat},
		"counts of another form": {log: commit, diff: file + "1 2 a\x00end\n", want: errFormat},
		"counts below 0":         {log: commit, diff: file + "-1\t2\ta\x00end\n", want: errFormat},
		"counts beyond numbers":  {log: commit, diff: file + "99999999999\t2\ta\x00end\n", want: errFormat},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := readCommit(reader(test.log), DefaultLimits())
			if err == nil && test.diff != "" {
				_, err = readFiles(reader(test.diff), 3)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func FuzzReadCommit(f *testing.F) {
	f.Add(idA + " " + idB + " " + idA + "\x001\x00message\n\x00\x00\n:100644 100644 " + idA + " " + idB + " R100\x00a\x00b\x00")
	f.Add(idA + "\x00-1\x00\xff\x00\x00")
	f.Fuzz(func(t *testing.T, text string) {
		r := reader(text)
		for range 100 {
			change, renames, err := readCommit(r, Limits{MessageBytes: 50})
			if err != nil {
				return
			}
			if !isID(change.Commit) || len(change.Message) > 150 || !utf8.ValidString(change.Message) || change.FileCount < 2*len(renames) {
				t.Errorf("%+v", change)
			}
			if _, err := change.Time.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzReadFiles(f *testing.F) {
	raw := ":100644 100644 " + idA + " " + idB
	f.Add(raw + " M\x00a\x00" + raw + " R051\x00b\x00c\x00" + "1\t2\ta\x00-\t-\t\x00b\x00c\x00end\n")
	f.Add(raw + " T\x00a\x001\t1\ta\x00end\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := readFiles(reader(text), 10)
		if err != nil {
			return
		}
		if len(files) > 10 {
			t.Errorf("%d files", len(files))
		}
		for _, file := range files {
			if file.Path == "" || len(file.Path) > maxPath || file.Added < 0 || file.Deleted < 0 ||
				file.Before != "" && !isID(file.Before) || file.After != "" && !isID(file.After) || (file.OldPath != "") != (file.Status == StatusRenamed) {
				t.Errorf("%+v", file)
			}
		}
	})
}

func FuzzParseHunk(f *testing.F) {
	f.Add("@@ -1,2 +3 @@ def f():", "a\nb\nc", "d\n")
	f.Add("@@ -0,0 +999999999,999999999 @@", "", "")
	f.Fuzz(func(t *testing.T, line, before, after string) {
		hunk, err := parseHunk(line)
		if err != nil {
			return
		}
		content := Content{Before: []byte(before), After: []byte(after), Hunks: []Hunk{hunk}}
		if len(content.Added(hunk)) > hunk.AfterLines || len(content.Deleted(hunk)) > hunk.BeforeLines {
			t.Errorf("%q: more lines than %+v", line, hunk)
		}
		if len(Identity([]Content{content})) != 64 {
			t.Error("no identity")
		}
	})
}

func FuzzParseListing(f *testing.F) {
	f.Add("100644 blob " + idA + "\ta.py\x00120000 blob " + idA + "\tlink\x00160000 commit " + idA + "\tm\x00")
	f.Add("100755 blob " + idA + "\t../a\x00")
	f.Fuzz(func(t *testing.T, listing string) {
		tree, err := parseListing(listing)
		if err != nil {
			return
		}
		for _, entry := range tree.Files() {
			if entry.invalid() || !isID(entry.ID) || !tree.Has(entry.Path) {
				t.Errorf("%+v", entry)
			}
		}
	})
}

func (e Entry) invalid() bool { return File{Path: e.Path}.invalid() && len(e.Path) != maxPath }

func FuzzBlobSize(f *testing.F) {
	f.Add(idA + " blob 12\n")
	f.Add(idA + " missing\n")
	f.Fuzz(func(t *testing.T, line string) {
		if size, err := blobSize(line, idA); err == nil && (size < 0 || !strings.HasPrefix(strings.TrimSpace(line), idA)) {
			t.Errorf("%q has size %d", line, size)
		}
	})
}
