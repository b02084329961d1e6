package evaluate

import (
	"context"
	"fmt"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/task"
)

// maxHeader bounds the header of one definition in a description, in bytes.
const maxHeader = 2000

// feature is a task of FeatureImplementation: the agent gets the tree without what a
// commit added, the commit's words, and what others call it by.
func (k *episodes) feature(ctx context.Context, t *tools, replay task.Replay) (job, string, error) {
	missing, err := t.broken(ctx, replay)
	if err != nil || missing.reason != "" {
		return job{}, missing.reason, err
	}
	grader := missing.Grader
	checked, reason, err := prepared(ctx, grader, missing.task, grader.CheckAbsent)
	if err != nil || reason != "" {
		return job{}, reason, err
	}
	j := repairing(grader, checked)
	j.commit, j.fresh = missing.commit, t.isFresh(missing)
	if j.text, err = description(missing.Ground, replay); err != nil {
		return job{}, "", err
	}
	reason, err = k.admit(ctx, &j, checked.Gold())
	return j, reason, err
}

// description says of what a replay takes back: for each definition, and each that is
// directly in it, name, file, and header with documentation.
func description(g owntree.Ground, replay task.Replay) (string, error) {
	var parts []string
	for _, added := range replay.Adds {
		content, err := g.Tree.Read(added.Path)
		if err != nil {
			return "", err
		}
		for _, module := range g.Inventory.Modules {
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
