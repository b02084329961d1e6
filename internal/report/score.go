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

// newScore is the same for several rollouts of each task. Its interval is that of
// as many tasks: more rollouts of them are no more tasks.
func newScore(solved, tasks, rollouts int) Score {
	s := Score{Solved: solved, Tasks: tasks, High: 100}
	if rollouts > 1 {
		s.Rollouts = rollouts
	}
	if tasks == 0 {
		return s
	}
	n, p := float64(tasks), min(1, float64(solved)/float64(tasks*rollouts))
	z := distuv.UnitNormal.Quantile(1 - (1-confidence)/2)
	center := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / (1 + z*z/n)
	s.Percent, s.Low, s.High = 100*p, 100*max(0, center-half), 100*min(1, center+half)
	return s
}

// NewKind returns the scores of a kind's record, with its groups and the
// comparisons of the candidate. Tasks that did not run count as not solved.
func NewKind(record v1alpha1.KindRecord) Kind {
	k := Kind{Name: record.Name, Protocol: record.Protocol, Groups: groupsOf(record)}
	if record.MajorityPermille > 0 {
		guess, majority := float64(record.GuessPermille)/10, float64(record.MajorityPermille)/10
		k.Guess, k.Majority = &guess, &majority
	}
	var candidate v1alpha1.ArmRecord
	for _, a := range record.Arms {
		arm := Arm{Name: a.Name, Score: scoreOf(a, all)}
		if macro, ok := gate.Score(record, a.Name); ok && (len(k.Groups) > 0 || len(record.Clusters) > 0) {
			arm.Macro = &macro
		}
		k.Arms = append(k.Arms, arm)
		if a.Name == v1alpha1.ArmCandidate {
			candidate = a
		}
	}
	if candidate.Name == "" {
		return k
	}
	for _, a := range record.Arms {
		if a.Name == v1alpha1.ArmBase || a.Name == v1alpha1.ArmServed || a.Name == v1alpha1.ArmAnchor {
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

// tries is what Solved is counted of.
func (s Score) tries() int { return s.Tasks * max(1, s.Rollouts) }

func scoreOf(arm v1alpha1.ArmRecord, in func(task int) bool) Score {
	solved, tasks := 0, 0
	for i := range len(arm.Successes) {
		if in(i) {
			tasks++
			solved += solvedOf(arm, i)
		}
	}
	return newScore(solved, tasks, int(max(1, arm.Rollouts)))
}

// solvedOf is how many rollouts solved a task; 0 where it did not run.
func solvedOf(arm v1alpha1.ArmRecord, task int) int {
	if c := arm.Successes[task]; c >= '0' && c <= '9' {
		return int(c - '0')
	}
	return 0
}

// compare counts tasks that one of two models solved more often.
func compare(candidate, other v1alpha1.ArmRecord) Comparison {
	c := Comparison{With: other.Name}
	differences := make([]int, min(len(candidate.Successes), len(other.Successes)))
	for i := range differences {
		// Models that were tried unequally often are compared by their shares.
		won, had := solvedOf(candidate, i)*int(max(1, other.Rollouts)), solvedOf(other, i)*int(max(1, candidate.Rollouts))
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
