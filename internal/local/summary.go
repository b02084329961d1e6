package local

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// Names of Experience's counts, after the unit's.
const (
	countCandidates = ".candidates"
	countRun        = ".run"
	countVerified   = ".verified"
	countKept       = ".kept"
	countCPU        = ".cpuMillis"
)

// unitOf returns the unit that a count with this ending belongs to.
func unitOf(count, ending string) (v1alpha1.UnitName, bool) {
	name, ok := strings.CutSuffix(count, ending)
	return v1alpha1.UnitName(name), ok && name != "" && !strings.Contains(name, ".")
}

// UnitFigures is what became of the candidates of one unit.
type UnitFigures struct {
	Unit v1alpha1.UnitName `json:"unit"`
	// Candidates are all of the plan; those that were run became a sample or were
	// rejected.
	Candidates int64 `json:"candidates"`
	Run        int64 `json:"run"`
	Samples    int64 `json:"samples"`
	// Verified are those whose task was shown to be sound, whatever became of its
	// trajectory: every sample, and tasks whose trajectory was rejected where
	// Experience counts those.
	Verified int64 `json:"verified"`
	// Rejected counts the rejected ones by code.
	Rejected map[string]int64 `json:"rejected,omitempty"`
	// Dropped counts the samples that Curate left out, by code; Kept are the
	// others. Both mean something only if Curated.
	Curated bool             `json:"curated"`
	Dropped map[string]int64 `json:"dropped,omitempty"`
	Kept    int64            `json:"kept"`
	// CPU is what the tasks used in the sandbox, rejected ones included, in
	// nanoseconds.
	CPU time.Duration `json:"cpu"`
}

// check says which figures contradict each other.
func (f UnitFigures) check() error {
	rejected, dropped := sum(f.Rejected), sum(f.Dropped)
	switch {
	case f.Run > f.Candidates:
		return fmt.Errorf("%s: %d of %d candidates were run", f.Unit, f.Run, f.Candidates)
	case f.Run != f.Samples+rejected:
		return fmt.Errorf("%s: %d were run, but %d are samples and %d rejected", f.Unit, f.Run, f.Samples, rejected)
	case f.Verified > f.Run:
		return fmt.Errorf("%s: %d were run, but %d verified", f.Unit, f.Run, f.Verified)
	case f.Curated && f.Samples != f.Kept+dropped:
		return fmt.Errorf("%s: %d samples, but %d kept and %d dropped", f.Unit, f.Samples, f.Kept, dropped)
	}
	return nil
}

func sum(counts map[string]int64) int64 {
	var total int64
	for _, n := range counts {
		total += n
	}
	return total
}

// Summary is what a session made.
type Summary struct {
	// Units are those that Experience counted, by name; none before it ran.
	Units []UnitFigures `json:"units,omitempty"`
	// Bugs are those that EvolutionaryReplay and SemanticRuntimeAlignment work on, by
	// where they come from.
	Bugs []BugFigures `json:"bugs,omitempty"`
	// Plan are the plan's counts.
	Plan map[string]int64 `json:"plan,omitempty"`
	// Stages that ran, in order, with what each cost.
	Stages []StageFigures `json:"stages"`
	// Teacher names the teacher and what it used of its budget for these samples, ""
	// without one.
	Teacher string `json:"teacher,omitempty"`
	// PeakMemory of this process, in bytes.
	PeakMemory int64 `json:"peakMemory"`
}

// StageFigures is what one stage cost in this session.
type StageFigures struct {
	Name   v1alpha1.StageName `json:"name"`
	Reused bool               `json:"reused,omitempty"`
	Usage  Usage              `json:"usage"`
}

// Summarize reads the sealed outputs of the stages that ran. Figures that
// contradict each other are an error.
func (s *Session) Summarize() (Summary, error) {
	var summary Summary
	var err error
	if summary.PeakMemory, err = PeakMemory(); err != nil {
		return summary, err
	}
	for _, ran := range s.run.Status.Stages {
		summary.Stages = append(summary.Stages, StageFigures{ran.Name, s.results[ran.Name].Reused, s.usage[ran.Name]})
	}
	if manifest, _, err := s.store.Lookup(s.output(v1alpha1.StagePlan)); err == nil {
		summary.Plan = manifest.Counts
	}
	if _, ran := s.results[v1alpha1.StageExperience]; !ran {
		return summary, nil
	}
	if t := s.run.Spec.Recipe.Teacher; t != nil {
		summary.Teacher = t.Model + ", " + s.teacherUsed
	}
	units := map[v1alpha1.UnitName]*UnitFigures{}
	place, err := s.store.Path(s.output(v1alpha1.StagePlan))
	if err != nil {
		return summary, err
	}
	bugs, err := readBugs(place)
	if err != nil {
		return summary, err
	}
	for i := range s.run.Spec.Recipe.Experience.Shards {
		if err := s.addShard(units, bugs, stage.ShardFolder(s.output(v1alpha1.StageExperience), i)); err != nil {
			return summary, err
		}
	}
	summary.Bugs = bugs.list()
	if _, ran := s.results[v1alpha1.StageCurate]; ran {
		if err := s.addCard(units); err != nil {
			return summary, err
		}
	}
	summary.Units, err = s.checked(units)
	return summary, err
}

// checked lists the units in order, without those that nobody asked for.
// Experience counts all units that it knows.
func (s *Session) checked(units map[v1alpha1.UnitName]*UnitFigures) ([]UnitFigures, error) {
	var list []UnitFigures
	for _, name := range slices.Sorted(maps.Keys(units)) {
		if !s.asked(name) && units[name].Run == 0 {
			continue
		}
		units[name].Verified = max(units[name].Verified, units[name].Samples)
		if err := units[name].check(); err != nil {
			return nil, fmt.Errorf("the figures do not add up: %w", err)
		}
		list = append(list, *units[name])
	}
	return list, nil
}

func (s *Session) asked(name v1alpha1.UnitName) bool {
	return slices.ContainsFunc(s.run.Spec.Recipe.Experience.Units, func(unit v1alpha1.Unit) bool { return unit.Name == name })
}

// addShard adds what a shard counted, and holds it against its files.
func (s *Session) addShard(units map[v1alpha1.UnitName]*UnitFigures, bugs *bugs, folder string) error {
	manifest, _, err := s.store.Lookup(folder)
	if err != nil {
		return err
	}
	place, err := s.store.Path(folder)
	if err != nil {
		return err
	}
	samples, err := task.ReadFile[task.Sample](filepath.Join(place, experience.SamplesFile))
	if err != nil {
		return err
	}
	rejections, err := task.ReadFile[task.Rejection](filepath.Join(place, experience.RejectionsFile))
	if err != nil {
		return err
	}
	addCounts(units, manifest.Counts)
	var kept int64
	for name, count := range manifest.Counts {
		if _, ok := unitOf(name, countKept); ok {
			kept += count
		}
	}
	if kept != int64(len(samples)) {
		return fmt.Errorf("the figures do not add up: %s counts %d samples and holds %d", folder, kept, len(samples))
	}
	for _, sample := range samples {
		figures(units, sample.Meta.Unit).Samples++
		bugs.addSample(sample)
	}
	for _, rejection := range rejections {
		figures(units, rejection.Unit).Rejected[rejection.Code]++
		bugs.addRejection(rejection)
	}
	return nil
}

func figures(units map[v1alpha1.UnitName]*UnitFigures, name v1alpha1.UnitName) *UnitFigures {
	if units[name] == nil {
		units[name] = &UnitFigures{Unit: name, Rejected: map[string]int64{}, Dropped: map[string]int64{}}
	}
	return units[name]
}

func addCounts(units map[v1alpha1.UnitName]*UnitFigures, counts map[string]int64) {
	for name, count := range counts {
		if unit, ok := unitOf(name, countCandidates); ok {
			figures(units, unit).Candidates += count
		}
		if unit, ok := unitOf(name, countRun); ok {
			figures(units, unit).Run += count
		}
		if unit, ok := unitOf(name, countVerified); ok {
			figures(units, unit).Verified += count
		}
		if unit, ok := unitOf(name, countCPU); ok {
			figures(units, unit).CPU += time.Duration(count) * time.Millisecond
		}
	}
}

// addCard adds what Curate dropped and kept.
func (s *Session) addCard(units map[v1alpha1.UnitName]*UnitFigures) error {
	place, err := s.store.Path(s.output(v1alpha1.StageCurate))
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(place, curate.CardData))
	if err != nil {
		return err
	}
	var card curate.Card
	if err := json.Unmarshal(content, &card); err != nil {
		return fmt.Errorf("%s: %w", curate.CardData, err)
	}
	for _, unit := range card.Units {
		f := figures(units, unit.Name)
		f.Curated, f.Kept = true, int64(unit.Kept)
		for code, n := range unit.Dropped {
			f.Dropped[code] += int64(n)
		}
	}
	return nil
}
