package evaluate

import (
	"context"
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	measuresFeatures = "what commits added in held-out functions, implemented by an agent from a description and graded by the commits' tests"
	// maxHeader bounds the header of one definition in a description, in bytes.
	maxHeader = 2000
)

// chooseFeatures is the kind FeatureImplementation: the agent gets the snapshot
// without what a commit added, the commit's words, and what others call it by.
func (e *evaluation) chooseFeatures(ctx context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	return e.chooseReplays(ctx, wanted, measuresFeatures, func(k *episodes, t *tools, replay task.Replay) (job, string, error) {
		missing, err := t.taskOf(replay)
		if err != nil {
			return job{}, "", err
		}
		checked, reason, err := prepared(ctx, t.grader, missing, t.grader.CheckAbsent)
		if err != nil || reason != "" {
			return job{}, reason, err
		}
		j := repairing(t.grader, checked)
		if j.text, err = t.feature(replay); err != nil {
			return job{}, "", err
		}
		j.fresh = t.taskIsFresh(checked)
		reason, err = k.admit(ctx, &j, checked.Gold())
		return j, reason, err
	})
}

// feature describes what a replay takes back: for each definition, and each that is
// directly in it, name, file, and header with documentation.
func (t *tools) feature(replay task.Replay) (string, error) {
	var parts []string
	for _, added := range replay.Adds {
		content, err := t.snapshot.Read(added.Path)
		if err != nil {
			return "", err
		}
		for _, module := range t.inventory.Modules {
			if module.Path != added.Path {
				continue
			}
			for _, d := range module.Definitions {
				if !d.Nested() && (d.Name == added.Name || strings.HasPrefix(d.Name, added.Name+".")) {
					parts = append(parts, header(content, module, d))
				}
			}
		}
	}
	return agent.FeatureTask(replay.Issue, parts), nil
}

// header is what a definition says before its body. One whose body begins in its
// first line is told by name.
func header(content []byte, module language.Module, d language.Definition) string {
	text := fmt.Sprintf("`%s` in %s", d.Name, module.Path)
	if d.BodyStartLine <= d.StartLine {
		return text
	}
	lines := strings.TrimRight(language.Text(content, d.StartLine, d.BodyStartLine-1), "\n")
	return text + ":\n```\n" + lines[:min(len(lines), maxHeader)] + "\n```"
}
