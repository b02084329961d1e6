package recall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

func TestWordingsOfEvaluationAreNotTrained(t *testing.T) {
	subjects := map[string]string{"LRI": "size", "OneToOne.update": "max_size", "_first_sunday_on_or_after": "x"}
	for _, evaluated := range Kinds() {
		if len(frames[evaluated].training) < TrainingWordings || len(frames[evaluated].evaluation) < 2 {
			t.Errorf("%s has %d and %d wordings", evaluated, len(frames[evaluated].training), len(frames[evaluated].evaluation))
		}
		for _, wording := range frames[evaluated].evaluation {
			for _, trained := range Kinds() {
				for _, other := range frames[trained].training {
					for subject, parameter := range subjects {
						a, b := fill(wording, quote(subject), parameter), fill(other, quote(subject), parameter)
						if similarity(a, b) >= 0.5 {
							t.Errorf("%q and %q share %.2f of their words", a, b, similarity(a, b))
						}
					}
				}
			}
		}
	}
}

func TestWordingsNameWhatTheyAskFor(t *testing.T) {
	for kind, set := range frames {
		for _, wording := range append(append([]string(nil), set.training...), set.evaluation...) {
			if strings.Count(wording, "{s}") != 1 {
				t.Errorf("%s: %q must name the subject once", kind, wording)
			}
			if strings.Contains(wording, "{p}") != slices.Contains(withParameter, kind) {
				t.Errorf("%s: %q and the parameter", kind, wording)
			}
		}
	}
}

// withParameter are the kinds that ask about two names.
var withParameter = []Kind{DefaultValue, ImportSource, NextParameter, ParameterType}

func TestSimilarity(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want float64
	}{
		"equal":    {"Which file has `A`?", "which FILE has a", 1},
		"disjoint": {"one two", "three four", 0},
		"half":     {"one two three", "one two four", 0.5},
		"empty":    {"", "", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := similarity(test.a, test.b); got != test.want {
				t.Errorf("similarity is %v, want %v", got, test.want)
			}
		})
	}
}

func TestTrainingQuestions(t *testing.T) {
	facts := Select(randomFacts(rand.New(rand.NewPCG(1, 7)), 600), 50, 1)
	const passes, batch = TrainingWordings + 3, 12
	questions := TrainingQuestions(facts, passes, batch, 4)
	if len(questions) != passes*len(facts) {
		t.Fatalf("%d questions, want %d", len(questions), passes*len(facts))
	}
	texts := map[string]map[string]bool{}
	for pass := range passes {
		inPass := map[string]bool{}
		for _, question := range questions[pass*len(facts) : (pass+1)*len(facts)] {
			id := question.Facts[0]
			inPass[id] = true
			if texts[id] == nil {
				texts[id] = map[string]bool{}
			}
			texts[id][question.Text] = true
		}
		if len(inPass) != len(facts) {
			t.Errorf("pass %d asks %d of %d facts", pass, len(inPass), len(facts))
		}
	}
	for id, wordings := range texts {
		if len(wordings) != TrainingWordings {
			t.Errorf("fact %s is asked in %d wordings", id, len(wordings))
		}
	}
	if !cmp.Equal(questions, TrainingQuestions(facts, passes, batch, 4)) {
		t.Error("the same seed gives another order")
	}
}

func TestBatchesAreOfLikeLength(t *testing.T) {
	questions := make([]Question, 37)
	for i := range questions {
		questions[i] = Question{ID: fmt.Sprint(i), Text: strings.Repeat("x", (i*17)%37)}
	}
	const batch = 6
	got := batched(questions, batch, 1)
	for start := 0; start+batch <= len(got); start += batch {
		if spread := got[start+batch-1].length() - got[start].length(); spread > batch {
			t.Errorf("a batch spreads over %d", spread)
		}
	}
}

func TestEvaluationQuestions(t *testing.T) {
	facts := []Fact{
		{ID: "a", Kind: DefaultValue, Subject: "A.open", Parameter: "mode", Answer: `"r"`},
		{ID: "b", Kind: DefinitionFile, Subject: "A", Answer: "pkg/a.py"},
	}
	for i, question := range EvaluationQuestions(facts) {
		wording := frames[facts[i].Kind].evaluation[question.Wording]
		want := fill(wording, quote(facts[i].Subject), facts[i].Parameter)
		if question.Text != want || question.Answer != facts[i].Answer || question.Composed {
			t.Errorf("question %+v", question)
		}
		if diff := cmp.Diff([]task.Message{{Role: task.RoleUser, Content: want}}, ExpertPrompt(question)); diff != "" {
			t.Errorf("prompt (-want +got):\n%s", diff)
		}
	}
}

func TestCompose(t *testing.T) {
	facts := []Fact{
		{ID: "1", Kind: Bases, Subject: "Group", Answer: "Command"},
		{ID: "2", Kind: DefinitionFile, Subject: "Command", Answer: "pkg/core.py"},
		{ID: "3", Kind: Bases, Subject: "Command", Answer: "Base"},
		{ID: "4", Kind: DefinitionFile, Subject: "Other", Answer: "pkg/other.py"},
		{ID: "5", Kind: Callers, Subject: "f", Answer: "g"},
		{ID: "6", Kind: Callers, Subject: "g", Answer: "f"},
	}
	got := Compose(facts, 10)
	want := []Question{
		{ID: "1+2", Facts: []string{"1", "2"}, Kind: DefinitionFile, Composed: true, Text: "I want to edit the parent class of `Group`. What path should I open?", Answer: "pkg/core.py"},
		{ID: "1+3", Facts: []string{"1", "3"}, Kind: Bases, Composed: true, Text: "Methods missing in the parent class of `Group` come from another class. Its superclass?", Answer: "Base"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("compositions (-want +got):\n%s", diff)
	}
	if n := len(Compose(facts, 1)); n != 1 {
		t.Errorf("%d compositions over the limit of 1", n)
	}
}

func TestBasePrompt(t *testing.T) {
	question := EvaluationQuestions([]Fact{{ID: "x", Kind: Raises, Subject: "load", Answer: "KeyError"}})[0]
	messages := BasePrompt("boltons", question)
	if len(messages) != 8 {
		t.Fatalf("%d messages, want format, three examples and the question", len(messages))
	}
	if messages[0].Role != task.RoleSystem || !strings.Contains(messages[0].Content, "boltons") {
		t.Errorf("first message %+v", messages[0])
	}
	if messages[7].Content != question.Text {
		t.Errorf("last message %+v", messages[7])
	}
	for _, message := range messages {
		if strings.Contains(message.Content, question.Answer) {
			t.Errorf("%q tells the answer", message.Content)
		}
	}
}

func TestEveryKindHasThreeExamples(t *testing.T) {
	for _, kind := range Kinds() {
		if len(examples[kind]) != 3 {
			t.Errorf("%s has %d examples", kind, len(examples[kind]))
		}
	}
}
