package contract_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Only the manager gives these: no exit code may stand for one of them.
var managersClasses = []v1alpha1.FailureClass{
	v1alpha1.FailureDisrupted, v1alpha1.FailureInfrastructure, v1alpha1.FailureCancelled,
}

// The codes are written out: a worker of another release has them too.
var codes = map[v1alpha1.FailureClass]int32{
	v1alpha1.Succeeded:             0,
	v1alpha1.FailureUnknown:        1,
	v1alpha1.FailureConfiguration:  40,
	v1alpha1.FailureSource:         41,
	v1alpha1.FailureData:           42,
	v1alpha1.FailureRepositoryCode: 43,
	v1alpha1.FailureExternal:       44,
	v1alpha1.FailureIntegrity:      45,
	v1alpha1.FailureDeadline:       46,
	v1alpha1.FailureOutOfMemory:    137,
}

func TestExitCodesAndClassesMatchOneToOne(t *testing.T) {
	for class, code := range codes {
		if got := contract.ExitCode(class); got != code {
			t.Errorf("ExitCode(%s) = %d, want %d", class, got, code)
		}
		if got := contract.ClassOfExit(code); got != class {
			t.Errorf("ClassOfExit(%d) = %s, want %s", code, got, class)
		}
	}
}

func TestManagersClassesHaveNoCodeOfTheirOwn(t *testing.T) {
	for _, class := range append(managersClasses, "", "Invented") {
		if got := contract.ExitCode(class); got != contract.ExitUnknown {
			t.Errorf("ExitCode(%q) = %d, want %d", class, got, contract.ExitUnknown)
		}
	}
}

// Whatever a process ends with, it gets a class that workers have, and only the
// code of that class gives it.
func TestNoExitClaimsAManagersClass(t *testing.T) {
	check := func(t rapid.TB, code int32) {
		class := contract.ClassOfExit(code)
		if slices.Contains(managersClasses, class) {
			t.Fatalf("exit code %d claims %s", code, class)
		}
		if class != v1alpha1.FailureUnknown && contract.ExitCode(class) != code {
			t.Fatalf("exit code %d is taken for %s, whose code is %d", code, class, contract.ExitCode(class))
		}
	}
	for code := range int32(256) {
		check(t, code)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Int32().Draw(t, "code")) })
}

func TestEndsOfOthersAreNoVerdict(t *testing.T) {
	tests := map[string]int32{
		"panic of Go": 2, "wrong use of a shell": 2, "the code below ours": 39, "the code above ours": 47,
		"not executable": 126, "not found": 127, "aborted": 134, "segmentation fault": 139, "terminated": 143,
		"container without a code": 255, "killed process of os/exec": -1,
	}
	for name, code := range tests {
		t.Run(name, func(t *testing.T) {
			if got := contract.ClassOfExit(code); got != v1alpha1.FailureUnknown {
				t.Errorf("exit code %d is taken for %s", code, got)
			}
		})
	}
}
