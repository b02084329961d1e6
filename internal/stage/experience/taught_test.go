package experience

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

var taskFile = regexp.MustCompile(`in (\S+\.py) is missing`)

// reply is a teacher that knows the library: it puts the whole file of a missing
// body back, once it looked at it. It does nothing for other tasks.
func reply(library fs.FS, messages []any) string {
	said := func(i int) string { return fmt.Sprint(messages[i].(map[string]any)["content"]) }
	found := taskFile.FindStringSubmatch(said(1))
	turns := len(messages) / 2
	switch {
	case found == nil || turns > 2:
		return "THOUGHT: Hand it in.\n```bash\n" + agent.SubmitChange + "\n```"
	case turns == 1:
		return "THOUGHT: Look at it.\n```bash\ngrep -n NotImplemented " + found[1] + "\n```"
	}
	content, err := fs.ReadFile(library, found[1])
	if err != nil {
		return "THOUGHT: " + err.Error()
	}
	return "THOUGHT: Write it.\n```bash\nbase64 -d > " + found[1] + " <<'EOF'\n" + base64.StdEncoding.EncodeToString(content) + "\nEOF\n```"
}

// A teacher's successes are kept under its name after the same verification; its
// failures are rejections, after as many attempts as the recipe gives.
func TestTeacher(t *testing.T) {
	library := os.DirFS(library)
	env := planned(t, library)
	server := teachertest.New()
	server.Otherwise = func(e *teachertest.Exchange) {
		requests := server.Requests()
		teachertest.Answer(reply(library, requests[len(requests)-1].Body["messages"].([]any)))(e)
	}
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
	// Every report was tried twice, one turn each; every body in three turns.
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
