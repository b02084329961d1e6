package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// noIDs compares files by all but the ids of their contents.
var noIDs = cmpopts.IgnoreFields(File{}, "Before", "After")

func regular(path string, status Status, added, deleted int) File {
	return File{Path: path, Current: path, Status: status, Added: added, Deleted: deleted, Regular: true}
}

func TestWhatOneCommitChanges(t *testing.T) {
	long := numbered("line", 20)
	base := map[string]string{"a.py": "one\ntwo\n", "long.py": long, "empty.py": "", "data.bin": "\x00\x01", "link": "a.py", "crlf.py": "a\r\nb\r\n"}
	tests := map[string]struct {
		edit edit
		want []File
	}{
		"nothing":          {edit{}, nil},
		"modified":         {edit{files: map[string]string{"a.py": "one\n2\nthree\n"}}, []File{regular("a.py", StatusModified, 2, 1)}},
		"added":            {edit{files: map[string]string{"b/c.py": "x\ny"}}, []File{regular("b/c.py", StatusAdded, 2, 0)}},
		"added, empty":     {edit{files: map[string]string{"b.py": ""}}, []File{regular("b.py", StatusAdded, 0, 0)}},
		"deleted":          {edit{deleted: []string{"a.py"}}, []File{regular("a.py", StatusDeleted, 0, 2)}},
		"ends of lines":    {edit{files: map[string]string{"crlf.py": "a\nb\r\n"}}, []File{regular("crlf.py", StatusModified, 1, 1)}},
		"mode alone":       {edit{files: map[string]string{"a.py": base["a.py"]}, modes: map[string]string{"a.py": "100755"}}, []File{regular("a.py", StatusModified, 0, 0)}},
		"moved":            {edit{files: map[string]string{"new.py": long}, deleted: []string{"long.py"}}, []File{{Path: "new.py", OldPath: "long.py", Current: "new.py", Status: StatusRenamed, Regular: true}}},
		"moved and edited": {edit{files: map[string]string{"new.py": long + "more\n"}, deleted: []string{"long.py"}}, []File{{Path: "new.py", OldPath: "long.py", Current: "new.py", Status: StatusRenamed, Added: 1, Regular: true}}},
		"binary":           {edit{files: map[string]string{"data.bin": "\x00\x02"}}, []File{{Path: "data.bin", Current: "data.bin", Status: StatusModified, Binary: true, Regular: true}}},
		"huge":             {edit{files: map[string]string{"huge.py": strings.Repeat("0123456\n", 1<<20)}}, []File{{Path: "huge.py", Current: "huge.py", Status: StatusAdded, Binary: true, Regular: true}}},
		"link":             {edit{files: map[string]string{"link": "long.py"}, modes: map[string]string{"link": "120000"}}, []File{{Path: "link", Current: "link", Status: StatusModified, Added: 1, Deleted: 1}}},
		"file becomes link": {edit{files: map[string]string{"a.py": "long.py"}, modes: map[string]string{"a.py": "120000"}},
			[]File{{Path: "a.py", Current: "a.py", Status: StatusRetyped, Added: 1, Deleted: 2}}},
		"submodule": {edit{files: map[string]string{"module": strings.Repeat("1", 40)}, modes: map[string]string{"module": "160000"}},
			[]File{{Path: "module", Current: "module", Status: StatusAdded, Added: 1}}},
		"attributes have no say": {edit{files: map[string]string{".gitattributes": "*.py binary diff=evil -diff\n", "a.py": "one\n"}},
			[]File{regular(".gitattributes", StatusAdded, 1, 0), regular("a.py", StatusModified, 0, 1)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			root := r.commit(edit{files: base, modes: map[string]string{"link": "120000"}})
			test.edit.parents = []string{root}
			id := r.commit(test.edit)
			got := r.last()
			if got.Commit != id || got.Parent != root || got.Merge || got.FileCount != paths(test.want) {
				t.Errorf("change is %+v", got)
			}
			if diff := cmp.Diff(test.want, got.Files, noIDs); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

// paths counts the paths that files have and had.
func paths(files []File) int {
	n := len(files)
	for _, file := range files {
		if file.OldPath != "" {
			n++
		}
	}
	return n
}

// A name cannot pass for a field, a message cannot pass for a commit.
func TestHostileNamesAndMessages(t *testing.T) {
	names := []string{
		"line\nbreak.py", "tab\tand space .py", `back\slash "quoted"`, "-option", ":100644 100644 " + strings.Repeat("a", 40), "end\n", "end",
		"1\t1\tfake", "\xff\xfe.py", "\x1b[31m.py", "é.py", strings.Repeat("d/", 500) + "deep.py",
	}
	files := map[string]string{}
	for _, name := range names {
		files[name] = "x\n"
	}
	message := "subject\n\n\n" + strings.Repeat("c", 40) + " " + strings.Repeat("d", 40) + "\n:100644 100644 fake\nend\n"
	r := newRepo(t)
	root := r.commit(edit{files: map[string]string{"a": "a\n"}})
	r.then(message, files)
	top := r.then("top", map[string]string{"a": "b\n"})
	all := r.changes(DefaultLimits())
	if len(all) != 3 || all[0].Commit != top || all[2].Commit != root || all[2].Parent != "" || all[2].FileCount != 0 {
		t.Fatalf("changes are %+v", all)
	}
	if got := strings.TrimSpace(all[1].Message); got != strings.TrimSpace(message) {
		t.Errorf("message is %q", got)
	}
	got := map[string]bool{}
	for _, file := range all[1].Files {
		got[file.Path] = file.Status == StatusAdded && file.Added == 1
	}
	for _, name := range names {
		if !got[name] {
			t.Errorf("%q is missing", name)
		}
	}
}

func TestMergesAreWholeChanges(t *testing.T) {
	r := newRepo(t)
	root := r.commit(edit{files: map[string]string{"a": "1\n"}})
	first := r.commit(edit{parents: []string{root}, files: map[string]string{"b": "1\n"}})
	second := r.commit(edit{parents: []string{first}, files: map[string]string{"b": "1\n2\n"}})
	other := r.commit(edit{parents: []string{root}, files: map[string]string{"c": "1\n"}})
	main := r.commit(edit{parents: []string{root}, files: map[string]string{"a": "2\n"}})
	merge := r.commit(edit{parents: []string{main, second}, files: map[string]string{"b": "1\n2\n"}})
	octopus := r.commit(edit{parents: []string{merge, other, second, first}, files: map[string]string{"c": "1\n"}})
	ours := r.commit(edit{parents: []string{octopus, first}})
	type line struct {
		Commit, Parent string
		Merge          bool
		Files          []File
	}
	var got []line
	for _, change := range r.changes(DefaultLimits()) {
		got = append(got, line{change.Commit, change.Parent, change.Merge, change.Files})
	}
	want := []line{
		{ours, octopus, true, nil},
		{octopus, merge, true, []File{regular("c", StatusAdded, 1, 0)}},
		{merge, main, true, []File{regular("b", StatusAdded, 2, 0)}},
		{main, root, false, []File{regular("a", StatusModified, 1, 1)}},
		{root, "", false, nil},
	}
	if diff := cmp.Diff(want, got, noIDs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessagesAndTimes(t *testing.T) {
	tests := map[string]struct {
		edit    edit
		message string
		subject string
		seconds int64
	}{
		"UTF-8":             {edit{message: "Grüße\n\nbody\n"}, "Grüße\n\nbody\n", "Grüße", 1_700_000_000},
		"Latin-1, declared": {edit{message: "Gr\xfc\xdfe", encoding: "ISO-8859-1"}, "Grüße", "Grüße", 1_700_000_000},
		"not UTF-8":         {edit{message: "Gr\xfc\xdfe"}, "Gr\uFFFDe", "Gr\uFFFDe", 1_700_000_000},
		"before 1970":       {edit{author: "0 +0000"}, "change", "change", 0},
		"beyond year 9999":  {edit{author: "99999999999999 +0000"}, "change", "change", latest},
		"longer than kept":  {edit{message: strings.Repeat("x", 40)}, strings.Repeat("x", 30), strings.Repeat("x", 30), 1_700_000_000},
		"cut in a letter":   {edit{message: strings.Repeat("x", 29) + "ü"}, strings.Repeat("x", 29) + "\uFFFD", strings.Repeat("x", 29) + "\uFFFD", 1_700_000_000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.commit(test.edit)
			limits := DefaultLimits()
			limits.MessageBytes = 30
			got := r.changes(limits)[0]
			if got.Message != test.message || got.Subject() != test.subject {
				t.Errorf("message %q, subject %q", got.Message, got.Subject())
			}
			if !got.Time.Equal(time.Unix(test.seconds, 0)) || got.Time.Location() != time.UTC {
				t.Errorf("time is %v", got.Time)
			}
			if _, err := got.Time.MarshalJSON(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLimitsOfAWalk(t *testing.T) {
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a": "0\n"}})
	many := map[string]string{}
	for i := range 500 {
		many[fmt.Sprintf("many/%d", i)] = "x\n"
	}
	r.then("many", many)
	for i := range 10 {
		r.then("few", map[string]string{"a": fmt.Sprintln(i + 1), "b": fmt.Sprintln(i)})
	}
	all := r.changes(Limits{Commits: 11, Files: 2, MessageBytes: 100})
	if len(all) != 11 {
		t.Fatalf("%d changes", len(all))
	}
	if last := all[10]; last.Files != nil || last.FileCount != 500 {
		t.Errorf("the large change has %d files of %d", len(last.Files), last.FileCount)
	}
	for _, change := range all[:10] {
		if len(change.Files) != 2 || change.FileCount != 2 {
			t.Errorf("a small change has %d files of %d", len(change.Files), change.FileCount)
		}
	}
}

func TestMovedFilesAreFollowedToTheHead(t *testing.T) {
	content := func(name string) string { return numbered(name, 20) }
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a": content("a"), "b": content("b")}})
	r.then("edit", map[string]string{"a": content("a") + "x\n", "b": content("b") + "x\n"})
	r.then("swap", map[string]string{"a": content("b") + "x\n", "b": content("a") + "x\n"})
	// A swap is two modified files to git: it follows names that went away.
	r.then("move", map[string]string{"src/a": content("b") + "x\n", "src/b": content("a") + "x\n"}, "a", "b")
	large := map[string]string{"lib/a": content("b") + "x\n", "lib/b": content("a") + "x\n"}
	for i := range 10 {
		large[fmt.Sprint("more/", i)] = fmt.Sprintln(i)
	}
	r.then("move with much else", large, "src/a", "src/b")
	limits := DefaultLimits()
	limits.Files = 5
	got := r.changes(limits)[3].Files
	want := []File{regular("a", StatusModified, 1, 0), regular("b", StatusModified, 1, 0)}
	want[0].Current, want[1].Current = "lib/a", "lib/b"
	if diff := cmp.Diff(want, got, noIDs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoves(t *testing.T) {
	m := moves{}
	m.add([][2]string{{"b", "c"}})
	m.add([][2]string{{"a", "b"}, {"c", "a"}})
	want := moves{"a": "c", "b": "c", "c": "a"}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAWalkEnds(t *testing.T) {
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a": "0\n"}})
	for i := range 5 {
		r.then("change", map[string]string{"a": fmt.Sprintln(i + 1)})
	}
	t.Run("when the caller stops", func(t *testing.T) {
		for _, err := range r.open().Changes(t.Context(), DefaultLimits()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
	})
	t.Run("with the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n := 0
		for _, err := range r.open().Changes(ctx, DefaultLimits()) {
			if n++; !errors.Is(err, context.Canceled) || n > 1 {
				t.Errorf("element %d, error %v", n, err)
			}
		}
	})
	t.Run("with an error where objects are missing", func(t *testing.T) {
		tree := r.git("", "rev-parse", "HEAD~3^{tree}")
		if err := os.Remove(filepath.Join(r.dir, "objects", tree[:2], tree[2:])); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range r.open().Changes(t.Context(), DefaultLimits()) {
			last = err
		}
		if last == nil {
			t.Error("no error")
		}
	})
}

func TestHeadsThatAreNone(t *testing.T) {
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a": "0\n"}})
	blob := r.git("x", "hash-object", "-w", "--stdin")
	for _, head := range []string{"", "--all", "HEAD", "main", "refs/heads/none", blob, strings.Repeat("1", 40), "refs/heads/snapshot --all"} {
		if repository, err := Open(t.Context(), r.dir, head); err == nil {
			t.Errorf("%q is the commit %s", head, repository.Head())
			_ = repository.Close()
		}
	}
}
