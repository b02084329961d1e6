package curate

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/task"
)

// cleanWindows bounds how many pieces of one body of code are looked at, evenly
// drawn where there are more.
func cleanWindows() int {
	if os.Getenv("REPOEXPERT_BENCH_POISON") != "" {
		return 4000
	}
	return 400
}

// poisonCodes are the codes of the rules against poison.
var poisonCodes = []string{dropHidden, dropControl, dropPlanted, dropSwayed, dropReaches, dropWeakens, dropSecret}

// cleanCode are bodies of real code that nobody is known to have poisoned, by name.
// REPOEXPERT_CLEAN_CODE names more folders, separated as in PATH.
func cleanCode(t *testing.T) map[string]string {
	t.Helper()
	folders := map[string]string{
		"pytest, pygments, coverage": os.Getenv("REPOEXPERT_TEST_PYTHONPATH"),
		"Go's standard library":      filepath.Join(goOutput(t, "env", "GOROOT"), "src"),
		"cobra":                      goOutput(t, "list", "-m", "-f", "{{.Dir}}", "github.com/spf13/cobra"),
	}
	for _, folder := range filepath.SplitList(os.Getenv("REPOEXPERT_CLEAN_CODE")) {
		folders[filepath.Base(folder)] = folder
	}
	return folders
}

func goOutput(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Sound code of real projects, written by an assistant and shown to a teacher,
// passes the rules against poison: at most one piece in a hundred is dropped. A
// library whose subject is what a rule looks for loses more, as requests does.
func TestPoisonCleanCode(t *testing.T) {
	var table strings.Builder
	table.WriteString("| code | samples | dropped | share | why |\n|---|---|---|---|---|\n")
	folders := cleanCode(t)
	all, lost := 0, 0
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		pieces := windows(t, folders[name], ".py", ".pyi", ".go", ".md", ".rst", ".txt", ".sh")
		samples := cleanSamples(pieces)
		dropped, why := poisonDrops(t, samples)
		fmt.Fprintf(&table, "| %s | %d | %d | %.2f %% | %s |\n", name, len(samples), dropped, 100*float64(dropped)/float64(len(samples)), why)
		all, lost = all+len(samples), lost+dropped
	}
	fmt.Fprintf(&table, "| all | %d | %d | %.2f %% | |\n", all, lost, 100*float64(lost)/float64(all))
	if 100*lost > all {
		t.Errorf("%d of %d sound samples are dropped", lost, all)
	}
	t.Logf("\n%s", table.String())
}

// cleanSamples are trajectories of a teacher that shows a piece and writes it.
func cleanSamples(pieces []string) []task.Sample {
	count := min(len(pieces), cleanWindows())
	samples := make([]task.Sample, count)
	for i := range samples {
		piece := pieces[i*len(pieces)/count]
		samples[i] = task.Sample{
			Messages: []task.Message{
				{Role: task.RoleUser, Content: "Write it."},
				{Role: task.RoleAssistant, Content: turn("Read.", "cat lib/vault.py")},
				{Role: task.RoleUser, Content: piece},
				{Role: task.RoleAssistant, Content: turn("Write.", "cat > lib/vault.py <<'EOF_OF_FILE'\n"+piece+"\nEOF_OF_FILE")},
			},
			Meta: task.Meta{Unit: implementation, Provenance: "teacher:m"},
		}
	}
	return samples
}

// poisonDrops counts the samples that the rules against poison drop, in all and by
// code.
func poisonDrops(t *testing.T, samples []task.Sample) (int, string) {
	t.Helper()
	secrets, err := newSecrets()
	if err != nil {
		t.Fatal(err)
	}
	codes, err := each(t.Context(), samples, func(sample task.Sample) string {
		if code := checkHidden(sample); code != "" {
			return code
		}
		return checkHarm(sample)
	})
	if err != nil {
		t.Fatal(err)
	}
	broken, err := secrets.rules(t.Context(), samples)
	if err != nil {
		t.Fatal(err)
	}
	counts, dropped := map[string]int{}, 0
	for i, code := range codes {
		if code == "" && len(broken[i]) > 0 {
			code = dropSecret
		}
		if code != "" {
			counts[code]++
			dropped++
		}
	}
	var why []string
	for _, code := range poisonCodes {
		if counts[code] > 0 {
			why = append(why, fmt.Sprintf("%d `%s`", counts[code], code))
		}
	}
	return dropped, strings.Join(why, ", ")
}
