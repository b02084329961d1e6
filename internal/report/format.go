package report

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// maxLabel bounds names in tables and plots, in bytes.
	maxLabel = 80
	// space does not break a number from its unit.
	space  = "\u00a0"
	absent = "not recorded"
	none   = "–"
)

func percent(value float64) string { return fmt.Sprintf("%.1f", value) + space + "%" }

// optional formats a value that may be absent.
func optional[T any](value *T, format func(T) string, otherwise string) string {
	if value == nil {
		return otherwise
	}
	return format(*value)
}

func whole(value float64) string { return fmt.Sprintf("%.0f", value) }

func decimal(value float64) string { return fmt.Sprintf("%.1f", value) }

// chance formats a p value.
func chance(p float64) string {
	if p < 0.001 {
		return "below 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// ratio is what was solved, of how many tries.
func ratio(s Score) string {
	if s.Rollouts <= 1 {
		return fmt.Sprintf("%d of %d", s.Solved, s.Tasks)
	}
	return fmt.Sprintf("%d of %d (%s, %d times each)", s.Solved, s.tries(), count(s.Tasks, "task", "tasks"), s.Rollouts)
}

func interval(s Score) string { return fmt.Sprintf("%.1f to %.1f", s.Low, s.High) + space + "%" }

func count(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// armTitle is an arm's name for people.
func armTitle(name v1alpha1.ArmName) string {
	switch name {
	case v1alpha1.ArmBase:
		return "Base model"
	case v1alpha1.ArmCandidate:
		return "Candidate"
	case v1alpha1.ArmServed:
		return "Served model"
	case v1alpha1.ArmAnchor:
		return "Anchor"
	case v1alpha1.ArmGold:
		return "Control: known answers"
	case v1alpha1.ArmNoop:
		return "Control: no answer"
	default:
		return shown(string(name), maxLabel)
	}
}

// armClass is the arm's class in the style sheet.
func armClass(name v1alpha1.ArmName) string {
	switch name {
	case v1alpha1.ArmBase, v1alpha1.ArmCandidate, v1alpha1.ArmServed:
		return string(name)
	default:
		return "other"
	}
}

func isControl(name v1alpha1.ArmName) bool {
	return name == v1alpha1.ArmGold || name == v1alpha1.ArmNoop
}

// kindTitle is a kind's name for people.
func kindTitle(name v1alpha1.KindName) string {
	switch name {
	case v1alpha1.KindCodebaseQA:
		return "Questions about the code"
	case v1alpha1.KindContextualImplementation:
		return "Writing a missing function"
	case v1alpha1.KindIssueResolution:
		return "Repairing a reported bug"
	case v1alpha1.KindTestGeneration:
		return "Writing a test for a bug"
	case v1alpha1.KindFeatureImplementation:
		return "Writing a feature"
	case v1alpha1.KindGeneralQuestions:
		return "General questions"
	default:
		return shown(string(name), maxLabel)
	}
}

// shortCommit is enough of a commit for people.
func shortCommit(commit string) string {
	const digits = 12
	return shown(commit[:min(len(commit), digits)], maxLabel)
}

// projectOf is the last part of a clone URL.
func projectOf(url string) string {
	name := strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], ".git")
	return shown(name, maxLabel)
}
