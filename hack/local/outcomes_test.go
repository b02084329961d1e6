package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// outcomesOf writes an output folder with one sample, whose last message is text,
// and reads it.
func outcomesOf(t *testing.T, text string) Outcomes {
	t.Helper()
	out := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		place := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(place), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(contract.PlansFolder, "plan", "masks.jsonl"), "{}\n")
	write(filepath.Join(contract.PlansFolder, "plan", artifact.ManifestName), text)
	shard := filepath.Join(contract.ExperienceFolder, "key", "shard-0000")
	write(filepath.Join(shard, experience.RejectionsFile), "")
	sample := task.Sample{
		Messages: []task.Message{{Role: task.RoleUser, Content: text}},
		Meta:     task.Meta{Unit: v1alpha1.UnitContextualImplementation, TaskID: "mask-1"},
	}
	if err := task.WriteFile(filepath.Join(out, shard, experience.SamplesFile), []task.Sample{sample}); err != nil {
		t.Fatal(err)
	}
	outcomes, err := ReadOutcomes(out)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

// What differs between two executions and says nothing is no difference.
func TestCompareOutcomes(t *testing.T) {
	const observation = "FAIL\tgithub.com/spf13/cobra\t1.016s\n"
	cases := map[string]struct {
		other string
		same  bool
	}{
		"the same text":    {observation, true},
		"another duration": {"FAIL\tgithub.com/spf13/cobra\t0.005s\n", true},
		"another package":  {"FAIL\tgithub.com/spf13/pflag\t1.016s\n", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if comparison := outcomesOf(t, observation).Compare(outcomesOf(t, c.other)); comparison.Same() != c.same {
				t.Errorf("got %s", comparison)
			}
		})
	}
}
