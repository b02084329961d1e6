package history

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func identityOf(t *testing.T, r *repo, change Change) string {
	t.Helper()
	sources, err := r.open().Contents(t.Context(), change.Sources(kinds))
	if err != nil {
		t.Fatal(err)
	}
	return Identity(sources)
}

func TestIdentity(t *testing.T) {
	fault, fix := body(20, map[int]string{10: "if  fault:\n"}), body(20, map[int]string{10: "if fix:\n"})
	base := func(r *repo) string { return r.commit(edit{files: map[string]string{"a.py": fault, "b.py": fault}}) }
	original := newRepo(t)
	base(original)
	original.then("fix", map[string]string{"a.py": fix})
	want := identityOf(t, original, original.last())
	tests := map[string]struct {
		make func(r *repo)
		same bool
	}{
		"cherry-pick elsewhere": {func(r *repo) {
			base(r)
			r.then("before", map[string]string{"a.py": "first\n" + fault})
			r.then("fix", map[string]string{"a.py": "first\n" + fix})
		}, true},
		"other context": {func(r *repo) {
			r.commit(edit{files: map[string]string{"a.py": "if fault:\n"}})
			r.then("fix", map[string]string{"a.py": "if fix:\n"})
		}, true},
		"other white space": {func(r *repo) {
			r.commit(edit{files: map[string]string{"a.py": "\tif fault:\r\n"}})
			r.then("fix", map[string]string{"a.py": "\tif fix:\r\n\n\n"})
		}, true},
		"other folder": {func(r *repo) {
			r.commit(edit{files: map[string]string{"src/x/a.py": fault}})
			r.then("fix", map[string]string{"src/x/a.py": fix})
		}, true},
		"with other tests": {func(r *repo) {
			base(r)
			r.then("fix", map[string]string{"a.py": fix, "tests/a.py": "x\n", "NEWS": "x\n"})
		}, true},
		"revert of the revert": {func(r *repo) {
			base(r)
			for _, text := range []string{fix, fault, fix} {
				r.then("change", map[string]string{"a.py": text})
			}
		}, true},
		"merge of it": {func(r *repo) {
			root := base(r)
			side := r.commit(edit{parents: []string{root}, files: map[string]string{"a.py": fix}})
			main := r.commit(edit{parents: []string{root}, files: map[string]string{"c.py": "x\n"}})
			r.commit(edit{parents: []string{main, side}, files: map[string]string{"a.py": fix}})
		}, true},
		"revert": {func(r *repo) {
			base(r)
			r.then("fix", map[string]string{"a.py": fix})
			r.then("revert", map[string]string{"a.py": fault})
		}, false},
		"another file": {func(r *repo) {
			base(r)
			r.then("fix", map[string]string{"b.py": fix})
		}, false},
		"more files": {func(r *repo) {
			base(r)
			r.then("fix", map[string]string{"a.py": fix, "b.py": fix})
		}, false},
		"another text": {func(r *repo) {
			base(r)
			r.then("fix", map[string]string{"a.py": body(20, map[int]string{10: "if fixed:\n"})})
		}, false},
		"nothing": {func(r *repo) {
			base(r)
			r.then("blank", map[string]string{"a.py": fault + "\n\n"})
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			test.make(r)
			if got := identityOf(t, r, r.last()); (got == want) != test.same {
				t.Errorf("%s, the original's is %s", got, want)
			}
		})
	}
}

func TestMine(t *testing.T) {
	text := func(line string) string { return body(20, map[int]string{10: line}) }
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a.py": text("0\n"), "tests/a.py": "0\n"}})
	fix := func(n int) {
		r.then(fmt.Sprint("fix ", n), map[string]string{"a.py": text(fmt.Sprintln(n)), "tests/a.py": fmt.Sprintln(n)})
	}
	fix(1)
	r.then("docs", map[string]string{"NEWS": "x\n"})
	fix(2)
	r.then("back", map[string]string{"a.py": text("1\n")})
	r.then("again", map[string]string{"a.py": text("2\n"), "tests/a.py": "again\n"})
	r.then("large", map[string]string{"tests/a.py": "large\n", "b.py": "x\n"})
	r.then("larger", map[string]string{"a.py": text("2\n") + "x\n", "tests/a.py": "larger\n", "b.py": "y\n" + fmt.Sprintf("%01100000d\n", 0)})
	r.then("nothing", nil)
	fix(3)
	files := []string{"a.py", "b.py"}
	want := Funnel{Walked: 10, Verdicts: map[Verdict]int{
		FixCandidate: 2, Duplicate: 1, OverLimit: 1, NoSource: 1, NoTest: 1, NoSourceModified: 1, TooLarge: 1, EmptyChange: 1, RootCommit: 1,
	}}
	mining := Mining{Kinds: kinds, Walk: DefaultLimits(), Fix: DefaultFixLimits(), Candidates: 2, CoChanges: NewCoChanges(files, 5)}
	candidates, funnel, err := r.open().Mine(t.Context(), mining)
	if err != nil {
		t.Fatal(err)
	}
	if len(candidates) != 2 || candidates[0].Subject() != "fix 3" || candidates[1].Subject() != "again" || len(candidates[1].Identity) != 64 {
		t.Errorf("candidates are %+v", candidates)
	}
	total := 0
	for _, n := range funnel.Verdicts {
		total += n
	}
	if total != funnel.Walked {
		t.Errorf("%d changes were walked, %d judged", funnel.Walked, total)
	}
	// Among the two newest candidates none is there twice: once the limit is
	// reached no contents are compared.
	want.Verdicts[Duplicate], want.Verdicts[OverLimit] = 0, 2
	delete(want.Verdicts, Duplicate)
	if diff := cmp.Diff(want, funnel); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mining.Candidates, mining.CoChanges = 10, nil
	want.Verdicts = map[Verdict]int{
		FixCandidate: 3, Duplicate: 1, NoSource: 1, NoTest: 1, NoSourceModified: 1, TooLarge: 1, EmptyChange: 1, RootCommit: 1,
	}
	if candidates, funnel, err = r.open().Mine(t.Context(), mining); err != nil || len(candidates) != 3 {
		t.Errorf("%d candidates, error %v", len(candidates), err)
	}
	if diff := cmp.Diff(want, funnel); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// touching is a change of files by their current paths.
func touching(paths ...string) Change {
	var change Change
	for _, path := range paths {
		change.Files = append(change.Files, File{Path: "old/" + path, Current: path})
	}
	return change
}

func TestCoChanges(t *testing.T) {
	c := NewCoChanges([]string{"d", "c", "b", "a", "a", "alone"}, 3)
	for _, change := range []Change{
		touching("a", "b"), touching("b", "a"), touching("a", "b", "unknown"), touching("a"),
		touching("c", "d"), touching("c", "d", "b"),
		touching("a", "b", "c", "d"), // too many to say anything
		touching("a", "a"), touching("alone"), {},
	} {
		c.Add(change)
	}
	want := []Pair{
		{"a", "b", 3, 0.6}, {"c", "d", 2, 1}, {"b", "c", 1, 0.25}, {"b", "d", 1, 0.25},
	}
	if diff := cmp.Diff(want, c.Pairs(1, 0)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], c.Pairs(2, 0.5)); diff != "" {
		t.Errorf("firm pairs (-want +got):\n%s", diff)
	}
	groups := map[string]struct {
		support    int
		confidence float64
		want       [][]string
	}{
		"all":        {1, 0, [][]string{{"a", "b", "c", "d"}}},
		"support":    {2, 0, [][]string{{"a", "b"}, {"c", "d"}}},
		"confidence": {1, 0.9, [][]string{{"c", "d"}}},
		"none":       {4, 0, nil},
	}
	for name, test := range groups {
		if diff := cmp.Diff(test.want, c.Groups(test.support, test.confidence)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestGroupsDoNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := []string{"a", "b", "c", "d", "e", "f"}
		changes := rapid.SliceOf(rapid.SliceOfN(rapid.SampledFrom(files), 0, 4)).Draw(t, "changes")
		count := func(files []string, changes [][]string) *CoChanges {
			c := NewCoChanges(files, 3)
			for _, paths := range changes {
				c.Add(touching(paths...))
			}
			return c
		}
		one := count(files, changes)
		other := count(rapid.Permutation(files).Draw(t, "files"), rapid.Permutation(changes).Draw(t, "order"))
		support := rapid.IntRange(1, 4).Draw(t, "support")
		confidence := rapid.Float64Range(0, 1).Draw(t, "confidence")
		if diff := cmp.Diff(one.Pairs(support, confidence), other.Pairs(support, confidence)); diff != "" {
			t.Fatal(diff)
		}
		groups := one.Groups(support, confidence)
		if diff := cmp.Diff(groups, other.Groups(support, confidence)); diff != "" {
			t.Fatal(diff)
		}
		seen := map[string]bool{}
		for _, group := range groups {
			for _, path := range group {
				if seen[path] || len(group) < 2 {
					t.Fatalf("groups are %v", groups)
				}
				seen[path] = true
			}
		}
	})
}

// A walk that ends before a commit finds what came after it; the line of first
// parents says which commits those are.
func TestMineAfter(t *testing.T) {
	r := newRepo(t)
	ids := []string{r.commit(edit{files: map[string]string{"a.py": "0\n", "tests/a.py": "0\n"}})}
	for n := range 3 {
		text := fmt.Sprintf("%d\n", n+1)
		ids = append(ids, r.then("fix", map[string]string{"a.py": text, "tests/a.py": text}))
	}
	side := r.commit(edit{parents: []string{ids[0]}, files: map[string]string{"b.py": "x\n"}})
	merge := r.commit(edit{parents: []string{ids[3], side}, files: map[string]string{"b.py": "x\n"}})
	mining := Mining{Kinds: kinds, Walk: DefaultLimits(), Fix: DefaultFixLimits(), Candidates: 10, After: ids[1]}
	repository := r.open()
	found, funnel, err := repository.Mine(t.Context(), mining)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, candidate := range found {
		got = append(got, candidate.Commit)
	}
	if diff := cmp.Diff([]string{ids[3], ids[2]}, got); diff != "" || funnel.Walked != 3 {
		t.Errorf("%d commits walked (-want +got):\n%s", funnel.Walked, diff)
	}
	line, err := repository.Line(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{merge, ids[3], ids[2], ids[1]}, line); diff != "" {
		t.Errorf("the line (-want +got):\n%s", diff)
	}
	mining.After = side
	if _, _, err := repository.Mine(t.Context(), mining); err == nil {
		t.Error("a walk ends before a commit that it does not meet")
	}
}
