package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// uninformativePercent: a kind where every model is below it says nothing about
// any of them.
const uninformativePercent = 5

// executable says whether a kind is graded by running code, so that its gold and
// noop arms prove that the grading works.
func executable(kind v1alpha1.KindName) bool {
	return kind == v1alpha1.KindContextualImplementation
}

// kindResult is one kind of a record after its form was checked.
type kindResult struct {
	name   v1alpha1.KindName
	tasks  int
	groups string
	arms   map[v1alpha1.ArmName]string
}

// readKind checks the form of one kind's record: the arms that are needed are
// there, unique, of one length and complete, and the controls did what they must.
func readKind(record v1alpha1.KindRecord, needed []v1alpha1.ArmName) (kindResult, error) {
	result := kindResult{name: record.Name, groups: record.Groups, arms: map[v1alpha1.ArmName]string{}}
	for _, arm := range record.Arms {
		if _, twice := result.arms[arm.Name]; twice {
			return result, fmt.Errorf("%s lists the arm %s twice", record.Name, arm.Name)
		}
		result.arms[arm.Name] = arm.Successes
	}
	if executable(record.Name) {
		needed = append(slices.Clone(needed), v1alpha1.ArmGold, v1alpha1.ArmNoop)
	}
	result.tasks = len(result.arms[v1alpha1.ArmCandidate])
	for _, name := range needed {
		if err := result.checkArm(name); err != nil {
			return result, err
		}
	}
	if err := checkGroups(record, result.tasks); err != nil {
		return result, err
	}
	return result, result.checkControls()
}

func (k kindResult) checkArm(name v1alpha1.ArmName) error {
	successes, there := k.arms[name]
	switch {
	case !there || successes == "":
		return fmt.Errorf("%s has no results of the arm %s", k.name, name)
	case len(successes) != k.tasks:
		return fmt.Errorf("%s has %d tasks but %d results of the arm %s", k.name, k.tasks, len(successes), name)
	case strings.Trim(successes, "01") != "":
		return fmt.Errorf("%s has tasks that did not run in the arm %s", k.name, name)
	}
	return nil
}

func checkGroups(record v1alpha1.KindRecord, tasks int) error {
	if record.Groups == "" {
		return nil
	}
	if len(record.Groups) != tasks {
		return fmt.Errorf("%s has %d tasks but %d group letters", record.Name, tasks, len(record.Groups))
	}
	for _, letter := range []byte(record.Groups) {
		if letter < 'A' || int(letter-'A') >= len(record.GroupNames) {
			return fmt.Errorf("%s has the group letter %q without a name", record.Name, letter)
		}
	}
	return nil
}

func (k kindResult) checkControls() error {
	if !executable(k.name) {
		return nil
	}
	if strings.Contains(k.arms[v1alpha1.ArmGold], "0") {
		return fmt.Errorf("%s: the known answers do not solve all tasks, so its grading is broken", k.name)
	}
	if strings.Contains(k.arms[v1alpha1.ArmNoop], "1") {
		return fmt.Errorf("%s: tasks count as solved without an answer, so its grading is broken", k.name)
	}
	return nil
}

// score is the macro average over groups of one arm, in percent.
func (k kindResult) score(name v1alpha1.ArmName) float64 {
	type count struct{ solved, tasks int }
	counts := map[byte]count{}
	for i, success := range []byte(k.arms[name]) {
		letter := byte('A')
		if k.groups != "" {
			letter = k.groups[i]
		}
		c := counts[letter]
		c.tasks++
		if success == '1' {
			c.solved++
		}
		counts[letter] = c
	}
	sum := 0.0
	for letter := byte('A'); letter <= 'Z'; letter++ {
		if c := counts[letter]; c.tasks > 0 {
			sum += float64(c.solved) / float64(c.tasks)
		}
	}
	return 100 * sum / float64(max(1, len(counts)))
}

// differences pairs the candidate with a reference, task by task.
func (k kindResult) differences(reference v1alpha1.ArmName) []int {
	candidate, other := k.arms[v1alpha1.ArmCandidate], k.arms[reference]
	differences := make([]int, k.tasks)
	for i := range differences {
		differences[i] = int(candidate[i]) - int(other[i])
	}
	return differences
}

// informative says whether any model solves enough to tell models apart.
func (k kindResult) informative() bool {
	return slices.ContainsFunc(models, func(name v1alpha1.ArmName) bool {
		return k.arms[name] != "" && k.score(name) >= uninformativePercent
	})
}

var models = []v1alpha1.ArmName{v1alpha1.ArmBase, v1alpha1.ArmCandidate, v1alpha1.ArmServed}
