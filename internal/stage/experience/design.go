package experience

import (
	"context"
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/task"
)

// reports are the attempts of SoftwareDesign.
func (w *workshop) reports(components []task.Component) []attempt {
	attempts := make([]attempt, len(components))
	for i, component := range components {
		attempts[i] = attempt{unit: v1alpha1.UnitSoftwareDesign, id: component.ID, run: func(ctx context.Context) (outcome, error) { return w.report(ctx, component) }}
	}
	return attempts
}

// report explores a component with real commands and checks the report.
func (w *workshop) report(ctx context.Context, component task.Component) (outcome, error) {
	if w.teacher != nil {
		return w.teachReport(ctx, component)
	}
	tree, err := w.wholeTree(ctx)
	if err != nil {
		return outcome{}, err
	}
	e := &explorer{component: component, dialect: w.dialect, symbols: w.symbols}
	s := e.script(&thoughts{seed: w.seed, id: component.ID})
	transcript, err := w.play(ctx, reportTask(component), tree, s)
	cpu := transcript.CPU()
	if err != nil || s.code != "" {
		return reject(s.code, s.detail, cpu), err
	}
	if err := w.symbols.resolveReport(transcript.Submission, component.AllFiles()); err != nil {
		return reject("report-unresolved", err.Error(), cpu), nil
	}
	meta := reportMeta(component)
	meta.Verification = reportVerification(transcript)
	return outcome{cpu: cpu, sample: w.sample(meta, transcript)}, nil
}

func reportMeta(component task.Component) task.Meta {
	return task.Meta{Unit: v1alpha1.UnitSoftwareDesign, TaskID: component.ID, Cluster: component.Cluster, Path: fileOf(component)}
}

// reportTask is the text of a component's task.
func reportTask(component task.Component) string {
	if component.Name == "" {
		files := component.Files
		last := len(files) - 1
		return agent.ReportTask("the files " + strings.Join(files[:last], ", ") + " and " + files[last] + ", which change together")
	}
	return agent.ReportTask(fmt.Sprintf("the %s `%s` in %s", component.Kind, component.Name, component.Path))
}

// fileOf is the one file that a component is in; empty for one in several.
func fileOf(component task.Component) string {
	if len(component.Files) > 0 {
		return ""
	}
	return component.Path
}

func (w *workshop) wholeTree(ctx context.Context) (agent.Tree, error) {
	content, err := grading.Overlay(ctx, w.snapshot, nil)
	if err != nil {
		return agent.Tree{}, err
	}
	tree, err := agent.PrepareTree(ctx, w.box, agentFolder, content)
	if closeErr := content.Close(); err == nil {
		err = closeErr
	}
	return tree, err
}
