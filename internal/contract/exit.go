package contract

import "github.com/repoexpert/operator/api/v1alpha1"

// Exit codes of the worker. Codes below 40 are not used, so that a crash of
// the runtime or a shell is never taken for a verdict of ours.
const (
	ExitSucceeded      = 0
	ExitConfiguration  = 40
	ExitSource         = 41
	ExitData           = 42
	ExitRepositoryCode = 43
	ExitExternal       = 44
	ExitIntegrity      = 45
	ExitDeadline       = 46
	ExitUnknown        = 1
	exitKilled         = 137
)

var exitCodes = map[v1alpha1.FailureClass]int32{
	v1alpha1.Succeeded:             ExitSucceeded,
	v1alpha1.FailureConfiguration:  ExitConfiguration,
	v1alpha1.FailureSource:         ExitSource,
	v1alpha1.FailureData:           ExitData,
	v1alpha1.FailureRepositoryCode: ExitRepositoryCode,
	v1alpha1.FailureExternal:       ExitExternal,
	v1alpha1.FailureIntegrity:      ExitIntegrity,
	v1alpha1.FailureDeadline:       ExitDeadline,
	v1alpha1.FailureOutOfMemory:    exitKilled,
}

// ExitCode returns the exit code of a failure class; ExitUnknown for a class
// that only the manager gives.
func ExitCode(class v1alpha1.FailureClass) int32 {
	if code, ok := exitCodes[class]; ok {
		return code
	}
	return ExitUnknown
}

// ClassOfExit returns the failure class of an exit code.
func ClassOfExit(code int32) v1alpha1.FailureClass {
	for class, c := range exitCodes {
		if c == code {
			return class
		}
	}
	return v1alpha1.FailureUnknown
}
