package class

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/gate"
)

// MinPollInterval is the shortest time between two looks at a reference.
const MinPollInterval = time.Second

// Validate returns an *Error with reason InvalidClass when the class
// contradicts itself or breaks a rule that the schema cannot state.
func Validate(class *v1alpha1.ExpertClass) error {
	_, err := Effective(class)
	return err
}

// problems lists what is wrong with a completed spec, in a fixed order.
func problems(spec *v1alpha1.ExpertClassSpec) []string {
	var found []string
	for _, check := range []func(*v1alpha1.ExpertClassSpec) []string{
		imageProblems, experienceProblems, teacherProblems, trainingProblems, evaluationProblems, holdoutProblems, looksProblems, servingProblems, storageProblems, timeProblems, podProblems,
	} {
		found = append(found, check(spec)...)
	}
	return found
}

func imageProblems(spec *v1alpha1.ExpertClassSpec) []string {
	var found []string
	if spec.Images.Trainer == "" {
		found = append(found, "images.trainer is empty: name an image with the trainer")
	}
	if spec.Images.Engine == "" {
		found = append(found, "images.engine is empty: name an image with the engine")
	}
	return found
}

func experienceProblems(spec *v1alpha1.ExpertClassSpec) []string {
	if len(spec.Experience.Units) == 0 {
		return []string{"experience.units is empty: list at least one unit, else nothing is learned"}
	}
	return nil
}

// maxRequestTimeout of a teacher: a hung request must not take a shard's day.
const maxRequestTimeout = time.Hour

func teacherProblems(spec *v1alpha1.ExpertClassSpec) []string {
	t := spec.Teacher
	if t == nil {
		return nil
	}
	var found []string
	if timeout := t.RequestTimeout.Duration; timeout < time.Second || timeout > maxRequestTimeout {
		found = append(found, fmt.Sprintf("teacher.requestTimeout %s is not between %s and %s", timeout, time.Second, maxRequestTimeout))
	}
	if p := t.Sampling.TopP; p != "" && (decimal(p) <= 0 || decimal(p) > 1) {
		found = append(found, fmt.Sprintf("teacher.sampling.topP %s is not above 0 and at most 1: it is a probability", p))
	}
	if p := t.Sampling.RepetitionPenalty; p != "" && decimal(p) <= 0 {
		found = append(found, fmt.Sprintf("teacher.sampling.repetitionPenalty %s is not above 0: 1 changes nothing", p))
	}
	cost := t.Budget.Cost
	switch {
	case cost == nil:
	case decimal(cost.Limit) <= 0:
		found = append(found, fmt.Sprintf("teacher.budget.cost.limit %s allows no request: raise it", cost.Limit))
	case decimal(cost.PromptPrice) <= 0 && decimal(cost.CompletionPrice) <= 0:
		found = append(found, "teacher.budget.cost has no price above 0 and would never be reached: set promptPrice and completionPrice, or bound tokens instead")
	}
	return found
}

func trainingProblems(spec *v1alpha1.ExpertClassSpec) []string {
	high, low := decimal(spec.Training.LearningRate), decimal(spec.Training.MinLearningRate)
	if low > high {
		return []string{fmt.Sprintf("training.minLearningRate %s is above training.learningRate %s: lower it",
			spec.Training.MinLearningRate, spec.Training.LearningRate)}
	}
	return nil
}

// decimal reads what the schema's pattern has already accepted.
func decimal(d v1alpha1.Decimal) float64 {
	f, err := strconv.ParseFloat(string(d), 64)
	if err != nil {
		return 0
	}
	return f
}

func evaluationProblems(spec *v1alpha1.ExpertClassSpec) []string {
	var found []string
	asked := map[v1alpha1.KindName]v1alpha1.EvaluationKind{}
	for _, k := range spec.Evaluation.Kinds {
		asked[k.Name] = k
		if k.MinimumTasks > k.Tasks {
			found = append(found, fmt.Sprintf("evaluation.kinds[%s].minimumTasks %d is above its tasks %d: lower it or ask more", k.Name, k.MinimumTasks, k.Tasks))
		}
	}
	primary, ok := asked[spec.Gate.PrimaryKind]
	switch need := gate.MinimumTasks(spec.Gate); {
	case !ok:
		found = append(found, fmt.Sprintf("gate.primaryKind %s is not among evaluation.kinds: add it there or choose another one", spec.Gate.PrimaryKind))
	case primary.Name == v1alpha1.KindGeneralQuestions:
		found = append(found, "gate.primaryKind GeneralQuestions says nothing of what was learned: choose another kind, and set gate.floors for this one")
	case int(primary.Tasks) < need:
		found = append(found, fmt.Sprintf(
			"evaluation.kinds[%s].tasks %d cannot support a promotion at gate.marginPoints %d and gate.alphaPerMille %d: ask at least %d, or widen the margin",
			primary.Name, primary.Tasks, spec.Gate.MarginPoints, spec.Gate.AlphaPerMille, need))
	}
	for _, floor := range spec.Gate.Floors {
		if _, ok := asked[floor.Kind]; !ok {
			found = append(found, fmt.Sprintf("gate.floors[%s] is a floor for a kind that evaluation.kinds does not ask: add the kind or remove the floor", floor.Kind))
		}
	}
	return found
}

// holdoutProblems: a protocol of commits needs kinds whose tasks commits give, and
// enough commits for them.
func holdoutProblems(spec *v1alpha1.ExpertClassSpec) []string {
	e := spec.Evaluation
	if e.Holdout == v1alpha1.HoldoutTasks {
		if e.HoldoutCommits > 0 {
			return []string{fmt.Sprintf("evaluation.holdoutCommits %d says nothing with evaluation.holdout Tasks: remove it, or choose Frontier or Prequential", e.HoldoutCommits)}
		}
		return nil
	}
	var found []string
	asked := false
	for _, k := range e.Kinds {
		ofCommits := slices.Contains(v1alpha1.CommitKinds, k.Name)
		asked = asked || ofCommits
		if ofCommits && e.Holdout == v1alpha1.HoldoutFrontier && k.MinimumTasks > e.HoldoutCommits {
			found = append(found, fmt.Sprintf("evaluation.kinds[%s].minimumTasks %d is above evaluation.holdoutCommits %d, each of which gives one task at most: lower it or keep more from training",
				k.Name, k.MinimumTasks, e.HoldoutCommits))
		}
	}
	if !asked {
		found = append(found, fmt.Sprintf("evaluation.holdout %s takes tasks from commits, but evaluation.kinds has none of IssueResolution, TestGeneration and FeatureImplementation: add one or choose Tasks", e.Holdout))
	}
	need := gate.MinimumTasks(spec.Gate)
	if e.Holdout == v1alpha1.HoldoutFrontier && slices.Contains(v1alpha1.CommitKinds, spec.Gate.PrimaryKind) && int(e.HoldoutCommits) < need {
		found = append(found, fmt.Sprintf(
			"evaluation.holdoutCommits %d cannot support a promotion on gate.primaryKind %s at gate.marginPoints %d and gate.alphaPerMille %d: keep at least %d from training, or widen the margin",
			e.HoldoutCommits, spec.Gate.PrimaryKind, spec.Gate.MarginPoints, spec.Gate.AlphaPerMille, need))
	}
	return found
}

// looksProblems: greedy answers to the same question are the same, so that another
// look at them would spend level and show nothing new.
func looksProblems(spec *v1alpha1.ExpertClassSpec) []string {
	switch g := spec.Gate; {
	case g.Looks != v1alpha1.LooksThree:
		return nil
	case !gate.Executable(g.PrimaryKind):
		return []string{fmt.Sprintf("gate.looks Three asks each task again, but answers of gate.primaryKind %s are greedy: set gate.looks to One or choose an executable kind", g.PrimaryKind)}
	case spec.Evaluation.Agent.Sampling == v1alpha1.SamplingGreedy:
		return []string{"gate.looks Three asks each task again, but evaluation.agent.sampling is Greedy: set it to Paper or gate.looks to One"}
	}
	return nil
}

func servingProblems(spec *v1alpha1.ExpertClassSpec) []string {
	if s := spec.Serving; s.ProbeAgreement > s.ProbeQuestions {
		return []string{fmt.Sprintf("serving.probeAgreement %d is above serving.probeQuestions %d: no pod would ever be ready", s.ProbeAgreement, s.ProbeQuestions)}
	}
	return nil
}

func storageProblems(spec *v1alpha1.ExpertClassSpec) []string {
	if spec.Storage.Size.Sign() <= 0 {
		return []string{fmt.Sprintf("storage.size %s is not positive", spec.Storage.Size.String())}
	}
	return nil
}

func timeProblems(spec *v1alpha1.ExpertClassSpec) []string {
	var found []string
	for _, d := range []struct {
		field string
		value time.Duration
		least time.Duration
	}{
		{"experience.commandTimeout", spec.Experience.CommandTimeout.Duration, time.Second},
		{"experience.testTimeout", spec.Experience.TestTimeout.Duration, time.Second},
		{"serving.rollDeadline", spec.Serving.RollDeadline.Duration, time.Second},
		{"retrain.pollInterval", spec.Retrain.PollInterval.Duration, MinPollInterval},
		{"retrain.minInterval", spec.Retrain.MinInterval.Duration, 0},
	} {
		if d.value < d.least {
			found = append(found, fmt.Sprintf("%s %s is below %s", d.field, d.value, d.least))
		}
	}
	return found
}

func podProblems(spec *v1alpha1.ExpertClassSpec) []string {
	var found []string
	for _, role := range []struct {
		name  string
		shape v1alpha1.PodShape
	}{
		{"worker", spec.Pods.Worker}, {"sandbox", spec.Pods.Sandbox}, {"trainer", spec.Pods.Trainer}, {"engine", spec.Pods.Engine},
	} {
		for _, problem := range shapeProblems(role.shape) {
			found = append(found, "pods."+role.name+"."+problem)
		}
	}
	return found
}

// reservedMounts are the places that the operator mounts itself; a tool volume
// over, above or below one of them would replace what stages trust.
var reservedMounts = []string{"/artifacts", "/dev", "/environment", "/proc", "/repoexpert", "/secrets", "/sources", "/sys", "/tmp", "/workspace"}

const ownPrefix = "repoexpert.dev"

func shapeProblems(shape v1alpha1.PodShape) []string {
	var found []string
	for _, resource := range slices.Sorted(maps.Keys(shape.Resources.Requests)) {
		request := shape.Resources.Requests[resource]
		if limit, ok := shape.Resources.Limits[resource]; ok && request.Cmp(limit) > 0 {
			found = append(found, fmt.Sprintf("resources.requests.%s %s is above its limit %s", resource, request.String(), limit.String()))
		}
	}
	found = append(found, labelProblems("labels", shape.Labels)...)
	found = append(found, labelProblems("nodeSelector", shape.NodeSelector)...)
	for _, v := range shape.ToolVolumes {
		if mountTaken(v.MountPath) {
			found = append(found, fmt.Sprintf("toolVolumes[%s].mountPath %s is not free: choose a folder of its own outside %s", v.Name, v.MountPath, strings.Join(reservedMounts, ", ")))
		}
	}
	for _, e := range shape.Env {
		if strings.HasPrefix(e.Name, "REPOEXPERT_") {
			found = append(found, fmt.Sprintf("env[%s] starts with REPOEXPERT_, which the operator keeps for itself", e.Name))
		}
	}
	return found
}

func labelProblems(field string, labels map[string]string) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		prefix, _, _ := strings.Cut(key, "/")
		switch {
		case field == "labels" && prefix == ownPrefix:
			found = append(found, fmt.Sprintf("%s[%s] is a label that the operator keeps for itself", field, key))
		case len(validation.IsQualifiedName(key)) > 0, len(validation.IsValidLabelValue(labels[key])) > 0:
			found = append(found, fmt.Sprintf("%s[%s] with value %q is not a valid label", field, key, labels[key]))
		}
	}
	return found
}

func mountTaken(mount string) bool {
	clean := path.Clean(mount)
	if clean != strings.TrimSuffix(mount, "/") || clean == "/" {
		return true
	}
	return slices.ContainsFunc(reservedMounts, func(taken string) bool {
		return clean == taken || strings.HasPrefix(clean, taken+"/") || strings.HasPrefix(taken, clean+"/")
	})
}
