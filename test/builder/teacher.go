package builder

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// MakeTeacher returns a teacher with a Secret, complete as a recipe has it.
func MakeTeacher() *v1alpha1.Teacher {
	return &v1alpha1.Teacher{
		URL: "https://api.example/v1", Model: "big/model-1",
		SecretRef:        &v1alpha1.LocalSecretReference{Name: "teacher-key"},
		Sampling:         &v1alpha1.TeacherSampling{Temperature: "1.0", TopP: "0.8", TopK: 20, RepetitionPenalty: "1.05"},
		MaxTokensPerTurn: 4096, ContextTokens: 48000, AttemptsPerTask: 2, Concurrency: 8,
		RequestTimeout: metav1.Duration{Duration: 10 * time.Minute},
		Budget:         v1alpha1.TeacherBudget{Tokens: 1_000_000},
	}
}
