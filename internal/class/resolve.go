package class

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Error says why no class, or no recipe, applies.
type Error struct {
	// Reason is a documented condition reason.
	Reason string
	// Message names the field, its value and the remedy.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Resolve returns the class of a name, or the one default class for the empty
// name. The error is an *Error with reason ClassNotFound or
// MultipleDefaultClasses.
func Resolve(name string, classes []v1alpha1.ExpertClass) (*v1alpha1.ExpertClass, error) {
	if name != "" {
		return byName(name, classes)
	}
	defaults := Defaults(classes)
	switch len(defaults) {
	case 1:
		return byName(defaults[0], classes)
	case 0:
		return nil, &Error{Reason: v1alpha1.ReasonClassNotFound, Message: fmt.Sprintf(
			"spec.className is empty and no ExpertClass is the default: set spec.className to one of %s, or annotate one class with %s=true",
			list(names(classes)), v1alpha1.DefaultClassAnnotation)}
	default:
		return nil, &Error{Reason: v1alpha1.ReasonMultipleDefaultClasses, Message: fmt.Sprintf(
			"spec.className is empty and ExpertClasses %s are all annotated %s=true: leave the annotation on one, or set spec.className",
			list(defaults), v1alpha1.DefaultClassAnnotation)}
	}
}

// Defaults returns the sorted names of the classes that are marked as default.
func Defaults(classes []v1alpha1.ExpertClass) []string {
	var marked []string
	for i := range classes {
		if IsDefault(&classes[i]) {
			marked = append(marked, classes[i].Name)
		}
	}
	slices.Sort(marked)
	return marked
}

// IsDefault says whether a class is marked as default. A class on its way out
// no longer counts.
func IsDefault(c *v1alpha1.ExpertClass) bool {
	return c.Annotations[v1alpha1.DefaultClassAnnotation] == "true" && c.DeletionTimestamp.IsZero()
}

func byName(name string, classes []v1alpha1.ExpertClass) (*v1alpha1.ExpertClass, error) {
	for i := range classes {
		if classes[i].Name == name {
			return &classes[i], nil
		}
	}
	return nil, &Error{Reason: v1alpha1.ReasonClassNotFound, Message: fmt.Sprintf(
		"spec.className: ExpertClass %q does not exist: create it, or name one of %s", name, list(names(classes)))}
}

func names(classes []v1alpha1.ExpertClass) []string {
	all := make([]string, 0, len(classes))
	for i := range classes {
		all = append(all, classes[i].Name)
	}
	slices.Sort(all)
	return all
}

// maxListed bounds what a message lists.
const maxListed = 8

func list(items []string) string {
	if len(items) == 0 {
		return "(none exists)"
	}
	if len(items) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:maxListed], ", "), len(items)-maxListed)
	}
	return strings.Join(items, ", ")
}
