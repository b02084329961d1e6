package resources

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Annotations on the serving Deployment that complete the second copy of what
// is served, beside those of the API package.
const (
	servedModelKeyAnnotation   = "repoexpert.dev/served-model-key"
	servedEvaluationAnnotation = "repoexpert.dev/served-evaluation-key"
	servedScoreAnnotation      = "repoexpert.dev/served-score"
	servedTimeAnnotation       = "repoexpert.dev/served-time"
)

func servedAnnotations(served v1alpha1.ServedModel) map[string]string {
	return map[string]string{
		v1alpha1.ServedRunAnnotation:     served.RunName,
		v1alpha1.ServedCommitAnnotation:  served.Commit,
		v1alpha1.ServedModelAnnotation:   served.ModelDigest,
		v1alpha1.ServedVerdictAnnotation: served.VerdictDigest,
		servedModelKeyAnnotation:         served.ModelKey,
		servedEvaluationAnnotation:       served.EvaluationKey,
		servedScoreAnnotation:            served.Score,
		servedTimeAnnotation:             served.PromotedTime.UTC().Format(time.RFC3339),
	}
}

// ServedBy returns the model that a Deployment's annotations name, and whether
// they name one.
func ServedBy(deployment *appsv1.Deployment) (v1alpha1.ServedModel, bool) {
	a := deployment.Annotations
	served := v1alpha1.ServedModel{
		RunName:       a[v1alpha1.ServedRunAnnotation],
		Commit:        a[v1alpha1.ServedCommitAnnotation],
		ModelDigest:   a[v1alpha1.ServedModelAnnotation],
		VerdictDigest: a[v1alpha1.ServedVerdictAnnotation],
		ModelKey:      a[servedModelKeyAnnotation],
		EvaluationKey: a[servedEvaluationAnnotation],
		Score:         a[servedScoreAnnotation],
	}
	served.ShortCommit = served.Commit[:min(8, len(served.Commit))]
	if at, err := time.Parse(time.RFC3339, a[servedTimeAnnotation]); err == nil {
		served.PromotedTime = metav1.NewTime(at)
	}
	ok := served.RunName != "" && served.Commit != "" && served.ModelDigest != "" && served.ModelKey != "" && served.EvaluationKey != ""
	return served, ok
}
