package experience

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// Whatever a kill, or a damaged volume, left of a journal: it is continued or
// begun anew, and what it then says is there the next time.
func FuzzJournal(f *testing.F) {
	inputs := map[string]string{"plans/x": "sha256:1"}
	whole := `{"inputs":{"plans/x":"sha256:1"}}` + "\n" + `{"unit":"SoftwareDesign","taskId":"a","rejection":{"unit":"SoftwareDesign","taskId":"a","code":"c"}}` + "\n"
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)-20]))
	f.Add([]byte(whole + whole))
	f.Add([]byte(`{"inputs":{"plans/x":"sha256:2"}}` + "\n"))
	f.Add([]byte("null\n{}\n"))
	f.Add([]byte("\x00\x00\x00\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, journalFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		j, same, err := openJournal(dir, inputs)
		if err != nil {
			t.Fatal(err)
		}
		if !same {
			return
		}
		if diff := cmp.Diff(inputs, j.entries[0].Inputs); diff != "" {
			t.Fatalf("the journal is of other inputs:\n%s", diff)
		}
		added := entry{Unit: v1alpha1.UnitSoftwareDesign, TaskID: "added", Rejection: &task.Rejection{Unit: v1alpha1.UnitSoftwareDesign, TaskID: "added", Code: "x"}}
		if err := j.add(added); err != nil {
			t.Fatal(err)
		}
		if err := j.file.Close(); err != nil {
			t.Fatal(err)
		}
		again, same, err := openJournal(dir, inputs)
		if err != nil || !same {
			t.Fatalf("it cannot be continued: same %v, %v", same, err)
		}
		defer again.file.Close()
		if diff := cmp.Diff(j.entries, again.entries, cmp.AllowUnexported(entry{})); diff != "" {
			t.Errorf("entries (-before +after):\n%s", diff)
		}
		if raw, err := os.ReadFile(filepath.Join(dir, journalFile)); err != nil || !bytes.HasSuffix(raw, []byte("\n")) {
			t.Errorf("the journal ends in a torn line, %v", err)
		}
	})
}
