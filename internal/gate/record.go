package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// algorithm names the rules of this package. Raise it when a record could get
// another decision.
const algorithm = "looks/1"

// Decide applies the gate to a record of one answer a task, at one look.
// servedDigest is the manifest digest of the model that is served now, "" when
// none is. DecidedTime is left zero: the gate has no clock.
func Decide(spec v1alpha1.Gate, record v1alpha1.EvaluationRecord, servedDigest string) v1alpha1.Verdict {
	spec = withDefaults(spec)
	verdict := v1alpha1.Verdict{Decision: v1alpha1.DecisionReject, GateDigest: digest(algorithm, spec)}
	result := judgeRecord(spec, record, servedDigest)
	if result.Decision == Promote {
		verdict.Decision = v1alpha1.DecisionPromote
	}
	verdict.Reason = result.Reason
	verdict.Score, verdict.BaseScore, verdict.ServedScore = result.show(ArmCandidate), result.show(ArmBase), result.show(ArmServed)
	verdict.Digest = digest(verdict.GateDigest, record, servedDigest, verdict.Decision)
	return verdict
}

func judgeRecord(spec v1alpha1.Gate, record v1alpha1.EvaluationRecord, servedDigest string) Result {
	if err := checkAlpha(spec); err != nil {
		return Result{Decision: Reject, Reason: err.Error()}
	}
	evidence, err := FromRecord(record, servedDigest)
	if err != nil {
		return Result{Decision: Reject, Reason: bounded(err.Error())}
	}
	return Judge(FromSpec(spec), evidence)
}

// show is an arm's score as a verdict shows it; "" when there is none.
func (r Result) show(arm string) string {
	if score, there := r.Scores[arm]; there {
		return fmt.Sprintf("%.1f", score)
	}
	return ""
}

func checkAlpha(spec v1alpha1.Gate) error {
	if spec.AlphaPerMille < 1 || spec.AlphaPerMille > 499 {
		return fmt.Errorf("gate.alphaPerMille %d must lie between 1 and 499", spec.AlphaPerMille)
	}
	return nil
}

// withDefaults gives a gate that was left out the API's defaults. The API server
// fills them in only where the object gate is written.
func withDefaults(spec v1alpha1.Gate) v1alpha1.Gate {
	if spec.PrimaryKind == "" {
		spec.PrimaryKind = v1alpha1.KindContextualImplementation
		spec.MinGainPoints = cmp.Or(spec.MinGainPoints, 5)
	}
	spec.MarginPoints = cmp.Or(spec.MarginPoints, 10)
	spec.AlphaPerMille = cmp.Or(spec.AlphaPerMille, 50)
	spec.Floors = slices.Clone(spec.Floors)
	slices.SortFunc(spec.Floors, func(a, b v1alpha1.Floor) int { return cmp.Compare(a.Kind, b.Kind) })
	return spec
}

// FromSpec is a class's gate with one look at one answer a task.
func FromSpec(spec v1alpha1.Gate) Settings {
	spec = withDefaults(spec)
	s := Settings{
		PrimaryKind:   string(spec.PrimaryKind),
		MinGainPoints: int(spec.MinGainPoints),
		MarginPoints:  int(spec.MarginPoints),
		Looks:         OneLook(float64(spec.AlphaPerMille) / 1000),
	}
	for _, floor := range spec.Floors {
		s.Floors = append(s.Floors, Floor{Kind: string(floor.Kind), Points: int(floor.Points)})
	}
	return s
}

// FromRecord reads a record: one answer a task, and every task a cluster of its
// own. The stage that made it asked only what no trained model had seen. An error
// says what is malformed.
func FromRecord(record v1alpha1.EvaluationRecord, servedDigest string) (Evidence, error) {
	e := Evidence{Fingerprint: record.Fingerprint, Candidate: record.CandidateDigest, Served: servedDigest, Look: 1}
	if servedDigest != "" && servedDigest != record.CandidateDigest && record.CandidateDigest != "" && record.ServedDigest != servedDigest {
		return e, fmt.Errorf("evaluated against another model than the one served now: evaluate again")
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

func fromKind(record v1alpha1.EvaluationRecord, k v1alpha1.KindRecord) (Kind, error) {
	kind := Kind{Name: string(k.Name), Executable: executable(k.Name), Arms: map[string]Arm{}}
	tasks := 0
	for _, arm := range k.Arms {
		if arm.Name == v1alpha1.ArmCandidate {
			tasks = len(arm.Successes)
		}
	}
	if err := checkGroups(k, tasks); err != nil {
		return kind, err
	}
	clusters := make([]string, tasks)
	for i := range tasks {
		clusters[i] = fmt.Sprintf("%05d", i)
		task := Task{Cluster: clusters[i]}
		if k.Groups != "" {
			task.Group = k.Groups[i : i+1]
		}
		kind.Tasks = append(kind.Tasks, task)
	}
	digests := map[v1alpha1.ArmName]string{
		v1alpha1.ArmCandidate: record.CandidateDigest,
		v1alpha1.ArmServed:    record.ServedDigest,
	}
	for _, arm := range k.Arms {
		name := string(arm.Name)
		if _, twice := kind.Arms[name]; twice {
			return kind, fmt.Errorf("%s lists the arm %s twice", k.Name, name)
		}
		read := Arm{Digest: digests[arm.Name], Fingerprint: record.Fingerprint, HeldOut: clusters}
		for _, c := range []byte(arm.Successes) {
			read.Results = append(read.Results, count(c))
		}
		kind.Arms[name] = read
	}
	return kind, nil
}

// count reads a task's letter; any other than 0 and 1 is a task that did not run.
func count(letter byte) Count {
	switch letter {
	case '0':
		return Count{Rollouts: 1}
	case '1':
		return Count{Solved: 1, Rollouts: 1}
	}
	return Count{}
}

// executable says whether a kind is graded by running code: all but closed questions.
func executable(kind v1alpha1.KindName) bool {
	return kind != v1alpha1.KindCodebaseQA
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
