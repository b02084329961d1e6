package pipeline

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// RunName returns the name of an expert's run: <expert>-<first 8 digits of the
// key>. The name is ours only if the run's full key and expert UID match too.
func RunName(expert, key string) string { return expert + "-" + key[:min(8, len(key))] }

// JobName returns the name of a stage's attempt: <run>-<stage>-<attempt>. With
// an expert's name of 35 characters it leaves room for the index that an
// Indexed Job adds to its pods' host names.
func JobName(run string, stage v1alpha1.StageName, attempt int32) string {
	return fmt.Sprintf("%s-%s-%d", run, strings.ToLower(string(stage)), attempt)
}
