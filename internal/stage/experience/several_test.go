package experience

import (
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// checkSeveralFiles demands a report on the package and on the files that change
// together, which names several of their files, and that no report's commands
// showed a held-out body.
func checkSeveralFiles(t *testing.T, samples []task.Sample, components []task.Component, heldOut []task.HeldOut) {
	t.Helper()
	reported := map[string]bool{}
	for _, component := range components {
		i := slices.IndexFunc(samples, func(s task.Sample) bool { return s.Meta.TaskID == component.ID })
		if i < 0 || len(component.Files) == 0 {
			continue
		}
		reported[component.Kind] = true
		report := samples[i].Messages[len(samples[i].Messages)-1].Content
		named := 0
		for _, file := range component.Files {
			if strings.Contains(report, "`"+file+"`") {
				named++
			}
		}
		if named < 2 || samples[i].Meta.Path != "" {
			t.Errorf("%s of %v (path %q): %s", component.Kind, component.Files, samples[i].Meta.Path, report)
		}
	}
	if !reported["package"] || !reported["subsystem"] {
		t.Errorf("reports of several files: %v", reported)
	}
	for _, sample := range samples {
		if sample.Meta.Unit != v1alpha1.UnitSoftwareDesign {
			continue
		}
		for _, message := range sample.Messages {
			for _, hidden := range heldOut {
				if strings.Contains(message.Content, mark(hidden.Path, hidden.Name)) {
					t.Errorf("a report shows the body of %s: %s", hidden.Name, message.Content)
				}
			}
		}
	}
}
