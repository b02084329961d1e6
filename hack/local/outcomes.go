package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	locally "github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// Outcomes are what became of the candidates of a plan, by unit and task.
type Outcomes struct {
	attempts map[string]attempt
	// plan are the files of the plan.
	plan map[string][]byte
}

// Comparison says how far two outcomes of one commit agree.
type Comparison struct {
	// SamePlan says whether every file of the plans is the same, byte by byte.
	SamePlan bool
	// Tasks were run for both, OnlyOne for one of them alone.
	Tasks, OnlyOne int
	// Verdicts are the tasks with another verdict or reason, Texts the samples with
	// another text, apart from what Stable of internal/local leaves out.
	Verdicts, Texts []string
}

// Same says whether nothing differs.
func (c Comparison) Same() bool {
	return c.SamePlan && c.OnlyOne == 0 && len(c.Verdicts) == 0 && len(c.Texts) == 0
}

// String tells what was compared and the first differences.
func (c Comparison) String() string {
	plan := "another plan"
	if c.SamePlan {
		plan = "the same plan"
	}
	const shown = 5
	text := fmt.Sprintf("%s, %d tasks run in both, %d in one alone, %d with another verdict, %d with another text", plan, c.Tasks, c.OnlyOne, len(c.Verdicts), len(c.Texts))
	if differing := slices.Concat(c.Verdicts, c.Texts); len(differing) > 0 {
		text += " (" + strings.Join(differing[:min(shown, len(differing))], "; ") + ")"
	}
	return text
}

// Compare compares two outcomes.
func (o Outcomes) Compare(other Outcomes) Comparison {
	c := Comparison{SamePlan: maps.EqualFunc(o.plan, other.plan, bytes.Equal)}
	first, second := o.attempts, other.attempts
	for _, id := range slices.Sorted(maps.Keys(first)) {
		a := first[id]
		b, both := second[id]
		switch {
		case !both:
			c.OnlyOne++
			continue
		case a.code != b.code:
			c.Verdicts = append(c.Verdicts, fmt.Sprintf("%s: %s, then %s", id, a.verdict(), b.verdict()))
		case a.text != b.text:
			c.Texts = append(c.Texts, id)
		}
		c.Tasks++
	}
	c.OnlyOne += len(second) - c.Tasks
	return c
}

// Samples is the number of samples.
func (o Outcomes) Samples() int {
	n := 0
	for _, a := range o.attempts {
		if a.code == "" {
			n++
		}
	}
	return n
}

// ReadOutcomes reads the one plan and experience of an output folder, or of an
// expert's artifact volume.
func ReadOutcomes(out string) (o Outcomes, err error) {
	if o.plan, err = readPlan(out); err != nil {
		return o, err
	}
	o.attempts, err = readAttempts(out)
	return o, err
}

// attempt is what became of one candidate of one unit.
type attempt struct {
	// code of the rejection, "" for a sample; text of a sample.
	code, text string
}

func (a attempt) verdict() string {
	if a.code == "" {
		return "a sample"
	}
	return a.code
}

// readAttempts reads all shards of the one experience in an output folder.
func readAttempts(out string) (map[string]attempt, error) {
	attempts := map[string]attempt{}
	shards, err := filepath.Glob(filepath.Join(out, contract.ExperienceFolder, "*", "shard-*"))
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		samples, err := task.ReadFile[task.Sample](filepath.Join(shard, experience.SamplesFile))
		if err != nil {
			return nil, err
		}
		for _, sample := range samples {
			attempts[string(sample.Meta.Unit)+"/"+sample.Meta.TaskID] = attempt{text: stableText(sample.Messages)}
		}
		rejections, err := task.ReadFile[task.Rejection](filepath.Join(shard, experience.RejectionsFile))
		if err != nil {
			return nil, err
		}
		for _, rejection := range rejections {
			attempts[string(rejection.Unit)+"/"+rejection.TaskID] = attempt{code: rejection.Code}
		}
	}
	if len(attempts) == 0 {
		return nil, fmt.Errorf("%s holds no outcome of a task", out)
	}
	return attempts, nil
}

// stableText joins messages without their volatile parts.
func stableText(messages []task.Message) string {
	var text strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&text, "%s: %s\n", m.Role, locally.Stable(m.Content))
	}
	return text.String()
}

// readPlan reads the plan's files, but for the manifest, which holds times.
func readPlan(out string) (map[string][]byte, error) {
	folders, err := filepath.Glob(filepath.Join(out, contract.PlansFolder, "*"))
	if err != nil {
		return nil, err
	}
	if len(folders) != 1 {
		return nil, fmt.Errorf("%s holds %d plans, want 1", out, len(folders))
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(folders[0], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == artifact.ManifestName {
			return err
		}
		content, err := os.ReadFile(path)
		files[entry.Name()] = content
		return err
	})
	if len(files) == 0 {
		err = errors.Join(err, fmt.Errorf("%s holds an empty plan", out))
	}
	return files, err
}
