package local

import "strings"

// flags are the flags that stand for fields of a class or an expert: stages name
// the fields in their messages.
var flags = []struct{ field, flag string }{
	{"experience.units", "--unit"},
	{"experience.minSamples", "--min-samples"},
	{"experience.testTimeout", "--test-timeout"},
	{"experience.commandTimeout", "--command-timeout"},
	{"training.maxLength", "--max-length"},
	{"evaluation.holdoutPercent", "--holdout-percent"},
	{"evaluation.holdoutCommits", "--holdout-commits"},
	{"evaluation.kinds", "--kind"},
	{"repository.include", "--include"},
	{"environment.test.paths", "--test-path"},
	{"environment.test.framework", "--framework"},
	{"apiKey", "--teacher-key-file, or the variable " + TeacherKeyVariable},
	{"teacher.secretRef", "--teacher-key-file, or the variable " + TeacherKeyVariable},
	{"teacher.budget", "budget in the file of --teacher"},
	{"teacher.url", "url in the file of --teacher"},
	{"teacher.model", "model in the file of --teacher"},
	{"teacher.sampling", "sampling in the file of --teacher"},
	{"environment.image", "the programs in PATH, and --python-path"},
}

// flagsFor says what stands for the fields that a message names.
func flagsFor(message string) string {
	var found []string
	for _, f := range flags {
		if strings.Contains(message, f.field) {
			found = append(found, f.field+" is "+f.flag)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return " (here " + strings.Join(found, ", ") + ")"
}
