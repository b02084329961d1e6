package class

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Recipe merges an expert, its class and its overrides into what a run's
// stages read. The error is an *Error with reason InvalidClass or
// OverrideNotAllowed.
func Recipe(expert *v1alpha1.RepoExpert, class *v1alpha1.ExpertClass) (v1alpha1.Recipe, error) {
	spec, err := Effective(class)
	if err != nil {
		return v1alpha1.Recipe{}, err
	}
	if err := allowed(expert, class); err != nil {
		return v1alpha1.Recipe{}, err
	}
	recipe := v1alpha1.Recipe{
		Repository:       *expert.Spec.Repository.DeepCopy(),
		Environment:      *expert.Spec.Environment.DeepCopy(),
		BaseModel:        spec.BaseModel,
		Images:           spec.Images,
		Experience:       spec.Experience,
		Teacher:          spec.Teacher,
		Training:         spec.Training,
		Evaluation:       spec.Evaluation,
		Engine:           spec.Serving.Engine,
		EngineDevice:     spec.Serving.Device,
		ProbeQuestions:   spec.Serving.ProbeQuestions,
		Pods:             spec.Pods,
		NetworkIsolation: spec.NetworkIsolation,
	}
	if o := expert.Spec.Overrides; o != nil {
		if o.Shards != nil {
			recipe.Experience.Shards = *o.Shards
		}
		if o.Seed != nil {
			recipe.Experience.Seed, recipe.Training.Seed = *o.Seed, *o.Seed
		}
	}
	return recipe, nil
}

// Serving merges how an expert is served: unlike a recipe it applies at once.
// The error is an *Error with reason InvalidClass or OverrideNotAllowed.
func Serving(expert *v1alpha1.RepoExpert, class *v1alpha1.ExpertClass) (v1alpha1.Serving, error) {
	spec, err := Effective(class)
	if err != nil {
		return v1alpha1.Serving{}, err
	}
	if err := allowed(expert, class); err != nil {
		return v1alpha1.Serving{}, err
	}
	serving := spec.Serving
	if o := expert.Spec.Overrides; o != nil && o.Replicas != nil {
		serving.Replicas = *o.Replicas
	}
	return serving, nil
}

// Effective returns a class's spec as it applies: checked, and with the schema's
// defaults in the parts that were left out as a whole, where the API server
// does not default.
func Effective(class *v1alpha1.ExpertClass) (v1alpha1.ExpertClassSpec, error) {
	spec := *class.Spec.DeepCopy()
	complete(&spec)
	if problems := problems(&spec); len(problems) > 0 {
		return spec, &Error{Reason: v1alpha1.ReasonInvalidClass, Message: fmt.Sprintf(
			"ExpertClass %q is not usable: %s", class.Name, strings.Join(problems, "; "))}
	}
	return spec, nil
}

// Teacher returns a teacher as it applies where a class has it: checked, and with
// the schema's defaults. The error names the fields.
func Teacher(given v1alpha1.Teacher) (v1alpha1.Teacher, error) {
	spec := v1alpha1.ExpertClassSpec{Teacher: given.DeepCopy()}
	completeTeacher(spec.Teacher)
	if problems := teacherProblems(&spec); len(problems) > 0 {
		return *spec.Teacher, errors.New(strings.Join(problems, "; "))
	}
	return *spec.Teacher, nil
}

// allowed checks that the class opens what the expert overrides.
func allowed(expert *v1alpha1.RepoExpert, class *v1alpha1.ExpertClass) error {
	o := expert.Spec.Overrides
	if o == nil {
		return nil
	}
	for _, field := range []struct {
		name v1alpha1.OverrideName
		set  bool
	}{
		{v1alpha1.OverrideShards, o.Shards != nil},
		{v1alpha1.OverrideReplicas, o.Replicas != nil},
		{v1alpha1.OverrideSeed, o.Seed != nil},
	} {
		if field.set && !slices.Contains(class.Spec.AllowedOverrides, field.name) {
			return &Error{Reason: v1alpha1.ReasonOverrideNotAllowed, Message: fmt.Sprintf(
				"spec.overrides.%[1]s is set, but ExpertClass %[2]q does not list %[1]s in allowedOverrides: remove spec.overrides.%[1]s or choose another class",
				field.name, class.Name)}
		}
	}
	return nil
}
