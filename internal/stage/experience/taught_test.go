package experience

import (
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// A teacher's successes are kept under its name after the same verification; its
// failures are rejections, after as many attempts as the recipe gives.
func TestTeacher(t *testing.T) {
	library := os.DirFS(library)
	env := planned(t, library)
	server := teachertest.New()
	server.Otherwise = teachertest.Librarian(func(path string) ([]byte, error) { return fs.ReadFile(library, path) })
	endpoint := httptest.NewServer(server)
	defer endpoint.Close()
	env.Spec.TeacherURL = endpoint.URL + "/v1"
	env.Spec.Shards = 1
	env.Spec.Recipe.Experience.Units = []v1alpha1.Unit{
		{Name: v1alpha1.UnitContextualImplementation, Samples: 3}, {Name: v1alpha1.UnitSoftwareDesign, Samples: 1},
	}
	env.Spec.Recipe.Teacher = &v1alpha1.Teacher{
		Model: "wise", AttemptsPerTask: 2, MaxTokensPerTurn: 1000, ContextTokens: 20000, Concurrency: 1,
		RequestTimeout: metav1.Duration{Duration: time.Minute},
	}
	result, err := Run(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	samples, rejections := shard(t, env)
	if len(samples) < 3 {
		t.Fatalf("%d samples, %v", len(samples), result.Counts)
	}
	for _, sample := range samples {
		if sample.Meta.Provenance != "teacher:wise" || sample.Meta.Unit != v1alpha1.UnitContextualImplementation {
			t.Errorf("meta is %+v", sample.Meta)
		}
		if !strings.Contains(sample.Meta.Verification, "all pass with the submission") || sample.Meta.ContentHash != task.ContentHash(sample.Messages) {
			t.Errorf("meta is %+v", sample.Meta)
		}
	}
	reports := 0
	for _, rejection := range rejections {
		if rejection.Unit == v1alpha1.UnitSoftwareDesign {
			reports++
			if rejection.Code != "report-unresolved" {
				t.Errorf("an empty report is %+v", rejection)
			}
		}
	}
	if reports == 0 {
		t.Error("no report was tried")
	}
	// Every report was tried twice, one turn each; every body in four turns.
	bodies := 0
	for _, request := range server.Requests() {
		if fmt.Sprint(request.Body["model"]) != "wise" {
			t.Errorf("asked for %v", request.Body["model"])
		}
		if !strings.Contains(fmt.Sprint(request.Body["messages"]), "Explore the") {
			bodies++
		}
	}
	if got := len(server.Requests()) - bodies; got != 2*reports {
		t.Errorf("%d requests for %d reports in two attempts", got, reports)
	}
}
