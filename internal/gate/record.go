package gate

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// algorithm names the rules of this package. Raise it when a record could get
// another decision.
const algorithm = "looks/2"

// FromRecord reads a record as evidence against what is served and anchored now.
// The stage that made it asked only what no trained model had seen. An error says
// what is malformed, or that the record is about other models.
func FromRecord(q Question) (Evidence, error) {
	record := q.Record
	e := Evidence{
		Fingerprint: record.Fingerprint,
		Candidate:   record.CandidateDigest, Served: q.Served, Anchor: q.Anchor,
		Look: int(look(record)),
	}
	if q.Plan != nil {
		e.PlannedGate, e.Retry = q.Plan.GateDigest, int(q.Plan.Retry)
	}
	for _, s := range q.Steps {
		e.Past = append(e.Past, Step{Loss: float64(s.Loss) / millionths, StdErr: float64(s.StandardError) / millionths})
	}
	if err := checkModels(q); err != nil {
		return e, err
	}
	for _, k := range record.Kinds {
		kind, err := fromKind(record, k)
		if err != nil {
			return e, fmt.Errorf("incomplete evaluation: %w", err)
		}
		e.Kinds = append(e.Kinds, kind)
	}
	return e, nil
}

// look is a record's look; a record that names none is of the first.
func look(record v1alpha1.EvaluationRecord) int32 { return cmp.Or(record.Look, 1) }

// checkModels says that a record compares with another model than there is now. A
// model is not compared with itself, nor the anchor where it serves.
func checkModels(q Question) error {
	candidate := q.Record.CandidateDigest
	switch {
	case candidate == "":
		return nil
	case q.Served != "" && q.Served != candidate && q.Record.ServedDigest != q.Served:
		return errors.New("evaluated against another model than the one served now: evaluate again")
	case q.Anchor != "" && q.Anchor != candidate && q.Anchor != q.Served && q.Record.AnchorDigest != q.Anchor:
		return errors.New("evaluated against another anchor than there is now: evaluate again")
	}
	return nil
}

// Score is an arm's score of a kind as the gate compares it, in percent: rollouts
// are averaged by task, tasks by cluster, clusters by group. Tasks that did not run
// count as not solved. It is false where the record is malformed.
func Score(k v1alpha1.KindRecord, name v1alpha1.ArmName) (percent float64, ok bool) {
	kind, err := fromKind(v1alpha1.EvaluationRecord{}, k)
	arm, there := kind.Arms[string(name)]
	if err != nil || !there || len(arm.Results) == 0 || len(arm.Results) != len(kind.Tasks) {
		return 0, false
	}
	for i := range arm.Results {
		arm.Results[i].Rollouts = max(1, arm.Results[i].Rollouts)
	}
	return newSample(kind).score(string(name)), true
}

func fromKind(record v1alpha1.EvaluationRecord, k v1alpha1.KindRecord) (Kind, error) {
	kind := Kind{Name: string(k.Name), Executable: Executable(k.Name), Greedy: !Executable(k.Name), Arms: map[string]Arm{}}
	tasks, err := tasksOf(k)
	if err != nil {
		return kind, err
	}
	kind.Tasks = tasks
	digests := map[v1alpha1.ArmName]string{
		v1alpha1.ArmCandidate: record.CandidateDigest,
		v1alpha1.ArmServed:    record.ServedDigest,
		v1alpha1.ArmAnchor:    record.AnchorDigest,
	}
	clusters := make([]string, len(tasks))
	for i, task := range tasks {
		clusters[i] = task.Cluster
	}
	for _, arm := range k.Arms {
		name := string(arm.Name)
		if _, twice := kind.Arms[name]; twice {
			return kind, fmt.Errorf("%s lists the arm %s twice", k.Name, name)
		}
		kind.Arms[name] = Arm{
			Digest: digests[arm.Name], Fingerprint: record.Fingerprint, HeldOut: clusters,
			Results: counts(arm), Usage: usage(arm.Usage),
		}
	}
	return kind, nil
}

// tasksOf reads what is known of each task. Their number is that of the candidate's
// results.
func tasksOf(k v1alpha1.KindRecord) ([]Task, error) {
	n := 0
	for _, arm := range k.Arms {
		if arm.Name == v1alpha1.ArmCandidate {
			n = len(arm.Successes)
		}
	}
	if err := checkTasks(k, n); err != nil {
		return nil, err
	}
	tasks := make([]Task, n)
	for i := range tasks {
		cluster := i
		if len(k.Clusters) > 0 {
			cluster = int(k.Clusters[i])
		}
		tasks[i].Cluster = fmt.Sprintf("%07d", cluster)
		if k.Groups != "" {
			tasks[i].Group = k.Groups[i : i+1]
		}
		tasks[i].Fresh = k.Fresh != "" && k.Fresh[i] == '1'
	}
	return tasks, nil
}

func checkTasks(k v1alpha1.KindRecord, tasks int) error {
	switch {
	case k.Groups != "" && len(k.Groups) != tasks:
		return fmt.Errorf("%s has %d tasks but %d group letters", k.Name, tasks, len(k.Groups))
	case len(k.Clusters) > 0 && len(k.Clusters) != tasks:
		return fmt.Errorf("%s has %d tasks but %d clusters", k.Name, tasks, len(k.Clusters))
	case k.Fresh != "" && len(k.Fresh) != tasks:
		return fmt.Errorf("%s has %d tasks but %d digits of freshness", k.Name, tasks, len(k.Fresh))
	}
	for _, letter := range []byte(k.Groups) {
		if letter < 'A' || int(letter-'A') >= len(k.GroupNames) {
			return fmt.Errorf("%s has the group letter %q without a name", k.Name, letter)
		}
	}
	return nil
}

// counts reads one digit a task; anything else is a task that did not run. A digit
// above the rollouts stays for the rules to refuse.
func counts(arm v1alpha1.ArmRecord) []Count {
	results := make([]Count, 0, len(arm.Successes))
	for _, c := range []byte(arm.Successes) {
		if c < '0' || c > '9' {
			results = append(results, Count{})
			continue
		}
		results = append(results, Count{Solved: int(c - '0'), Rollouts: int(cmp.Or(arm.Rollouts, 1))})
	}
	return results
}

func usage(u *v1alpha1.UsageRecord) Usage {
	if u == nil {
		return Usage{}
	}
	return Usage{Episodes: int(u.Episodes), Turns: int(u.Turns), FormatErrors: int(u.FormatErrors), Tokens: int(u.Tokens)}
}
