package report

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/gate"
)

// confidence of the intervals.
const confidence = 0.95

// NewScore returns the score of solved of tasks with Wilson's interval. Of no
// tasks nothing is known: the interval is all.
func NewScore(solved, tasks int) Score { return newScore(solved, tasks, 1) }

// newScore is the same of several tries at each task.
func newScore(solved, tasks, rollouts int) Score {
	s := Score{Solved: solved, Tasks: tasks, High: 100}
	if rollouts > 1 {
		s.Rollouts = rollouts
	}
	if tasks == 0 {
		return s
	}
	n, p := float64(tasks), float64(solved)/float64(tasks*rollouts)
	z := distuv.UnitNormal.Quantile(1 - (1-confidence)/2)
	center := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / (1 + z*z/n)
	s.Percent, s.Low, s.High = 100*p, 100*max(0, center-half), 100*min(1, center+half)
	return s
}

// NewKind returns the scores of a kind's record, with its groups and the
// comparisons of the candidate. Tasks that did not run count as not solved.
func NewKind(record v1alpha1.KindRecord) Kind {
	k := Kind{Name: record.Name, Groups: groupsOf(record)}
	if record.MajorityPermille > 0 {
		guess, majority := float64(record.GuessPermille)/10, float64(record.MajorityPermille)/10
		k.Guess, k.Majority = &guess, &majority
	}
	var candidate v1alpha1.ArmRecord
	for i, a := range record.Arms {
		arm := Arm{Name: a.Name, Score: scoreOf(a, all)}
		if len(k.Groups) > 0 {
			sum := 0.0
			for _, g := range k.Groups {
				sum += g.Arms[i].Percent
			}
			macro := sum / float64(len(k.Groups))
			arm.Macro = &macro
		}
		k.Arms = append(k.Arms, arm)
		if a.Name == v1alpha1.ArmCandidate {
			candidate = a
		}
	}
	for _, a := range record.Arms {
		if a.Name != v1alpha1.ArmCandidate && !isControl(a.Name) {
			k.Comparisons = append(k.Comparisons, compare(candidate, a))
		}
	}
	return k
}

// groupsOf scores the groups that have tasks.
func groupsOf(record v1alpha1.KindRecord) []Group {
	var groups []Group
	for i, name := range record.GroupNames {
		in := func(task int) bool { return task < len(record.Groups) && record.Groups[task] == 'A'+byte(i) }
		g := Group{Name: name}
		for _, a := range record.Arms {
			g.Arms = append(g.Arms, Arm{Name: a.Name, Score: scoreOf(a, in)})
		}
		if slices.ContainsFunc(g.Arms, func(a Arm) bool { return a.Tasks > 0 }) {
			groups = append(groups, g)
		}
	}
	return groups
}

func all(int) bool { return true }

func scoreOf(arm v1alpha1.ArmRecord, in func(task int) bool) Score {
	solved, tasks := 0, 0
	for i := range arm.Successes {
		if in(i) {
			tasks++
			solved += solvedAt(arm, i)
		}
	}
	return newScore(solved, tasks, rolloutsOf(arm))
}

func rolloutsOf(arm v1alpha1.ArmRecord) int { return max(1, int(arm.Rollouts)) }

// solvedAt is how many tries solved a task; none where it did not run.
func solvedAt(arm v1alpha1.ArmRecord, task int) int {
	if digit := arm.Successes[task]; digit >= '0' && digit <= '9' {
		return min(int(digit-'0'), rolloutsOf(arm))
	}
	return 0
}

// compare counts the tasks that one of two models solved in more of its tries. With
// one try each that is the pairing of McNemar's test, with several that of the sign
// test, which is the same on the signs.
func compare(candidate, other v1alpha1.ArmRecord) Comparison {
	c := Comparison{With: other.Name}
	differences := make([]int, min(len(candidate.Successes), len(other.Successes)))
	for i := range differences {
		// The models may have tried different often.
		won, had := solvedAt(candidate, i)*rolloutsOf(other), solvedAt(other, i)*rolloutsOf(candidate)
		switch {
		case won > had:
			differences[i] = 1
			c.Gained++
		case had > won:
			differences[i] = -1
			c.Lost++
		}
	}
	c.McNemar = gate.McNemar(differences)
	return c
}

// PerSolved fills in what a solved task took; nothing where none was solved.
func (e Effort) PerSolved(solved int) *Effort {
	if solved > 0 {
		seconds, tokens := e.Seconds/float64(solved), float64(e.PromptTokens+e.CompletionTokens)/float64(solved)
		e.SecondsPerSolved, e.TokensPerSolved = &seconds, &tokens
	}
	return &e
}
