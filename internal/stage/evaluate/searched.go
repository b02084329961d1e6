package evaluate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// withSearch is the variant of CodebaseQA with search results in the prompt.
	withSearch     = "with search results"
	measuresSearch = "a part of the closed-book questions, asked with the lines of the repository that hold their names"
	// maxFound and maxFoundBytes bound the search results of one question,
	// maxFoundLine a line of them in bytes.
	maxFound      = 20
	maxFoundBytes = 2000
	maxFoundLine  = 160
)

// searched are questions with what a search finds: a model that was not trained, so
// asked, is what training must beat.
type searched struct {
	*questions
	results []string
}

// search finds lines for each of the questions.
func (e *evaluation) search(chosen []recall.Question, all *questions) (*searched, error) {
	place, err := e.env.Store.Path(e.env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	source, err := snapshot.Open(place)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	inventory, err := e.readInventory()
	if err != nil {
		return nil, err
	}
	part := *all
	part.asked, part.composed = chosen, nil
	s := &searched{questions: &part}
	for _, question := range chosen {
		found, err := linesWith(source, inventory, namesIn(question.Text))
		if err != nil {
			return nil, err
		}
		s.results = append(s.results, found)
	}
	return s, nil
}

// quotedName is what a question puts in back quotes.
var quotedName = regexp.MustCompile("`([^`]+)`")

// namesIn are the last parts of the names that a question quotes.
func namesIn(question string) []string {
	var names []string
	for _, match := range quotedName.FindAllStringSubmatch(question, -1) {
		names = append(names, match[1][strings.LastIndexByte(match[1], '.')+1:])
	}
	return names
}

// linesWith are the lines of source files that hold one of the names as a whole
// word, as grep shows them.
func linesWith(source grading.Source, inventory *language.Inventory, names []string) (string, error) {
	var found strings.Builder
	if len(names) == 0 {
		return "", nil
	}
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = regexp.QuoteMeta(name)
	}
	pattern, err := regexp.Compile(`\b(?:` + strings.Join(words, "|") + `)\b`)
	if err != nil {
		return "", err
	}
	lines := 0
	for _, module := range inventory.Modules {
		if module.IsTest {
			continue
		}
		content, err := source.Read(module.Path)
		if err != nil {
			return "", err
		}
		for n, line := range language.Lines(content) {
			if !pattern.Match(line) {
				continue
			}
			text := strings.ToValidUTF8(strings.TrimSpace(string(line[:min(len(line), maxFoundLine)])), "?")
			hit := fmt.Sprintf("%s:%d: %s\n", module.Path, n+1, text)
			if lines++; lines > maxFound || found.Len()+len(hit) > maxFoundBytes {
				return found.String(), nil
			}
			found.WriteString(hit)
		}
	}
	return found.String(), nil
}

// tasks implements kind.
func (s *searched) tasks() []item {
	items := s.questions.tasks()
	for i := range items {
		items[i].made = s.results[i]
	}
	return items
}

// try implements kind.
func (s *searched) try(ctx context.Context, who arm, number int) (attempt, error) {
	question := s.question(number)
	messages := slices.Clone(prompt(who.name, s.project, question))
	last := len(messages) - 1
	messages[last] = task.Message{Role: messages[last].Role, Content: "A search of the repository:\n" + s.results[number] + "\n" + messages[last].Content}
	return s.evaluation.question(ctx, who, question.Answer, messages)
}

// describe implements kind.
func (s *searched) describe(r *report.Kind) {
	s.questions.describe(r)
	r.Measures = measuresSearch
}
