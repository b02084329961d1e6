package general

import (
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// Every question has one answer in one form, does not tell it, and is no example.
func TestQuestions(t *testing.T) {
	all := Questions(Count())
	if len(all) < 60 {
		t.Fatalf("%d questions; a floor of a kind needs more", len(all))
	}
	ids, texts := map[string]bool{}, map[string]bool{}
	for _, q := range slices.Concat(all, examples) {
		if q.Text == "" || texts[q.Text] {
			t.Errorf("%q is empty or asked twice", q.Text)
		}
		texts[q.Text] = true
		if q.Answer == "" || recall.Normalize(q.Answer) != q.Answer || len(strings.Fields(q.Answer)) != 1 {
			t.Errorf("%s: the answer %q is not one word in its normal form", q.Text, q.Answer)
		}
		words := strings.FieldsFunc(q.Text, func(r rune) bool { return strings.ContainsRune(" ,:?.", r) })
		if slices.Contains(words, q.Answer) && !strings.Contains(q.Text, " or ") {
			t.Errorf("%q tells its answer %q", q.Text, q.Answer)
		}
	}
	for _, q := range all {
		if q.ID == "" || ids[q.ID] || !slices.Contains(Groups, q.Group) {
			t.Errorf("%+v has an id of another one or no group", q)
		}
		ids[q.ID] = true
	}
}

func TestAnyNumberOfQuestionsHasAllGroups(t *testing.T) {
	for n, want := range map[int]int{-1: 0, 0: 0, 1: 1, 3: 3, 30: 30, Count(): Count(), Count() + 1: Count()} {
		got := Questions(n)
		if len(got) != want {
			t.Errorf("%d questions for %d", len(got), n)
		}
		counts := map[string]int{}
		for _, q := range got {
			counts[q.Group]++
		}
		for _, group := range Groups {
			if counts[group] < want/len(Groups) || counts[group] > want/len(Groups)+1 {
				t.Errorf("of %d questions %d are of %s", n, counts[group], group)
			}
		}
	}
	Questions(1)[0].Answer = "changed"
	if Questions(1)[0].Answer == "changed" {
		t.Error("a caller can change the questions")
	}
}

func TestPrompt(t *testing.T) {
	q := Questions(1)[0]
	messages := Prompt(q)
	if last := messages[len(messages)-1]; last.Role != task.RoleUser || last.Content != q.Text {
		t.Errorf("the prompt ends with %+v", last)
	}
	for i, message := range messages {
		if want := []task.Role{task.RoleUser, task.RoleAssistant}[(i+1)%2]; i > 0 && message.Role != want {
			t.Errorf("message %d is of %s, want %s", i, message.Role, want)
		}
		if i < len(messages)-1 && strings.Contains(message.Content, q.Text) {
			t.Errorf("message %d has the question", i)
		}
	}
}
