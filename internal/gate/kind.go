package gate

import (
	"fmt"
	"slices"
)

// checkKind says what makes a kind's results unusable: an arm that is missing,
// partial, of another evaluation or model, or trained on a task; or controls that
// did not do what they must.
func (j *judgement) checkKind(k Kind) error {
	if len(k.Tasks) == 0 {
		return fmt.Errorf("%s has no tasks", k.Name)
	}
	needed := j.models
	if k.Executable {
		needed = append(slices.Clone(needed), ArmGold, ArmNoop)
	}
	for _, name := range needed {
		if err := j.checkArm(k, name); err != nil {
			return err
		}
	}
	if !k.Executable {
		return nil
	}
	if slices.ContainsFunc(k.Arms[ArmGold].Results, func(c Count) bool { return c.Solved < c.Rollouts }) {
		return fmt.Errorf("%s: the known answers do not solve all tasks, so its grading is broken", k.Name)
	}
	if slices.ContainsFunc(k.Arms[ArmNoop].Results, func(c Count) bool { return c.Solved > 0 }) {
		return fmt.Errorf("%s: tasks count as solved without an answer, so its grading is broken", k.Name)
	}
	return nil
}

func (j *judgement) checkArm(k Kind, name string) error {
	arm, there := k.Arms[name]
	switch {
	case !there || len(arm.Results) == 0:
		return fmt.Errorf("%s has no results of the arm %s", k.Name, name)
	case len(arm.Results) != len(k.Tasks):
		return fmt.Errorf("%s has %d tasks but %d results of the arm %s", k.Name, len(k.Tasks), len(arm.Results), name)
	case arm.Fingerprint != j.evidence.Fingerprint:
		return fmt.Errorf("%s has results of the arm %s from another evaluation", k.Name, name)
	case j.digest(name) != "" && arm.Digest != j.digest(name):
		return fmt.Errorf("%s has results of another model in the arm %s", k.Name, name)
	}
	if err := j.checkCounts(k, name, arm.Results); err != nil {
		return err
	}
	if j.digest(name) == "" {
		return nil
	}
	return checkHeldOut(k, name, arm.HeldOut)
}

func (j *judgement) checkCounts(k Kind, arm string, results []Count) error {
	least := j.look.Rollouts
	if k.Greedy || arm == ArmGold || arm == ArmNoop {
		least = 1
	}
	for _, c := range results {
		if c.Rollouts < least {
			return fmt.Errorf("%s has tasks that did not run in the arm %s", k.Name, arm)
		}
		if c.Solved < 0 || c.Solved > c.Rollouts {
			return fmt.Errorf("%s has tasks with %d of %d solved in the arm %s", k.Name, c.Solved, c.Rollouts, arm)
		}
	}
	return nil
}

func checkHeldOut(k Kind, arm string, clusters []string) error {
	heldOut := make(map[string]bool, len(clusters))
	for _, cluster := range clusters {
		heldOut[cluster] = true
	}
	for _, task := range k.Tasks {
		if !heldOut[task.Cluster] {
			return fmt.Errorf("%s asks about %q, which the arm %s was not kept from", k.Name, task.Cluster, arm)
		}
	}
	return nil
}

// digest is the model that a trained arm must be; "" for the other arms.
func (j *judgement) digest(arm string) string {
	switch arm {
	case ArmCandidate:
		return j.evidence.Candidate
	case ArmServed:
		return j.evidence.Served
	case ArmAnchor:
		return j.evidence.Anchor
	}
	return ""
}
