package experience

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/task"
)

const (
	outlined = 8
	headed   = 6
	sited    = 2
)

// reports are the attempts of SoftwareDesign.
func (w *workshop) reports(components []task.Component) []attempt {
	attempts := make([]attempt, len(components))
	for i, component := range components {
		attempts[i] = attempt{id: component.ID, run: func(ctx context.Context) (outcome, error) { return w.report(ctx, component) }}
	}
	return attempts
}

// report explores a component with real commands and checks the report.
func (w *workshop) report(ctx context.Context, component task.Component) (outcome, error) {
	tree, err := w.wholeTree(ctx)
	if err != nil {
		return outcome{}, err
	}
	e := &explorer{component: component}
	s := e.script(&thoughts{seed: w.seed, id: component.ID})
	transcript, err := w.play(ctx, agent.ReportTask(component.Kind, component.Name, component.Path), tree, s)
	cpu := transcript.CPU()
	if err != nil || s.code != "" {
		return reject(s.code, s.detail, cpu), err
	}
	if err := w.symbols.resolveReport(transcript.Submission, component.Path); err != nil {
		return reject("report-unresolved", err.Error(), cpu), nil
	}
	verification := fmt.Sprintf("%d commands executed; every cited file and symbol resolves", len(transcript.Commands))
	sample := w.sample(v1alpha1.UnitSoftwareDesign, component.ID, component.Cluster, component.Path, verification, transcript, false, cpu)
	return outcome{sample: sample, cpu: cpu}, nil
}

func (w *workshop) wholeTree(ctx context.Context) (agent.Tree, error) {
	if err := w.box.Remove(ctx, agentFolder); err != nil {
		return agent.Tree{}, err
	}
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

// explorer plans the turns that read a component, and reports what they showed.
type explorer struct {
	component task.Component
	// What the commands showed.
	symbols []string
	purpose string
	imports []string
	users   []string
	site    string
}

func (e *explorer) script(th *thoughts) *script {
	outline := []step{e.outline, e.outlined}
	head := []step{e.head, e.headed}
	imports := []step{e.importing, e.imported}
	users := []step{e.using, e.used}
	// The order of looking does not matter, so it varies.
	orders := [][][]step{
		{outline, head, imports, users}, {head, outline, users, imports},
		{outline, imports, head, users}, {imports, outline, head, users},
		{users, outline, head, imports}, {outline, users, imports, head},
	}
	steps := slices.Concat(orders[th.pick("order", len(orders))]...)
	if th.pick("site", 2) == 0 {
		steps = append(steps, e.looking, e.looked)
	}
	return &script{steps: append(steps, e.report), seen: map[string]bool{}, thoughts: th}
}

func (e *explorer) say(s *script, situation string) string {
	file := ""
	if len(e.users) > 0 {
		file = e.users[0]
	}
	return s.thoughts.say(situation, "{name}", "`"+e.short()+"`", "{path}", e.component.Path, "{file}", file)
}

// short is the name by which other files refer to the component.
func (e *explorer) short() string {
	return e.component.Name[strings.LastIndexByte(e.component.Name, '.')+1:]
}

func (e *explorer) outline(s *script, _ result) turn {
	command := fmt.Sprintf("grep -nE '^(class|def) ' %s | head -%d", quoted(e.component.Path), outlined)
	if e.component.Kind == "class" {
		command = fmt.Sprintf("sed -n '%d,%dp' %s | grep -E '^(class|    def) ' | head -%d",
			e.component.StartLine, e.component.EndLine, quoted(e.component.Path), outlined)
	}
	return turn{thought: e.say(s, "outline"), command: command}
}

// outlined reads the names of definitions.
func (e *explorer) outlined(s *script, last result) turn {
	for line := range strings.Lines(last.output) {
		tokens := scan(line)
		for i, token := range tokens[:max(0, len(tokens)-1)] {
			if token.text == "class" || token.text == "def" {
				e.symbols = append(e.symbols, tokens[i+1].text)
				break
			}
		}
	}
	if len(e.symbols) == 0 {
		return s.fail("script-outline", last.output)
	}
	return turn{}
}

// head views the first lines, and no line of a held-out body.
func (e *explorer) head(s *script, _ result) turn {
	start := e.component.StartLine
	end := min(start+headed-1, e.component.EndLine)
	for _, hidden := range e.component.HeldOut {
		if hidden.Start <= end && hidden.End >= start {
			end = hidden.Start - 1
		}
	}
	if end < start {
		return turn{}
	}
	return turn{thought: e.say(s, "head"), command: fmt.Sprintf("sed -n '%d,%dp' %s", start, end, quoted(e.component.Path))}
}

// headed takes the first sentence of the component's docstring: one that stands
// before any definition inside it.
func (e *explorer) headed(_ *script, last result) turn {
	before, text, found := strings.Cut(last.output, `"""`)
	inside := strings.Contains(before, "def ") || e.component.Kind == "module" && strings.Contains(before, "class ")
	if !found || inside {
		return turn{}
	}
	text, _, _ = strings.Cut(text, `"""`)
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n\n")
	text = strings.Join(strings.Fields(text), " ")
	sentence, _, whole := strings.Cut(text, ". ")
	if !whole {
		sentence = strings.TrimSuffix(sentence, ".")
	}
	if len(sentence) <= 160 && !strings.ContainsAny(sentence, "`\\|*") && !strings.Contains(sentence, delimiter) {
		e.purpose = sentence
	}
	return turn{}
}

func (e *explorer) importing(s *script, _ result) turn {
	return turn{thought: e.say(s, "imports"), command: fmt.Sprintf("grep -nE '^(from|import) ' %s | head -%d", quoted(e.component.Path), outlined)}
}

// imported reads the names of imported modules.
func (e *explorer) imported(_ *script, last result) turn {
	for line := range strings.Lines(last.output) {
		_, statement, _ := strings.Cut(line, ":")
		fields := strings.Fields(statement)
		if len(fields) < 2 {
			continue
		}
		name := strings.TrimSuffix(fields[1], ",")
		if !strings.HasPrefix(name, ".") && !slices.Contains(e.imports, name) {
			e.imports = append(e.imports, name)
		}
	}
	return turn{}
}

func (e *explorer) using(s *script, _ result) turn {
	pattern := e.short()
	if e.component.Kind == "module" {
		pattern = "(from|import) .*" + pattern
	}
	command := fmt.Sprintf("grep -rlwE '%s' --include='*.py' . | grep -vxF ./%s | sort | head -5", pattern, e.component.Path)
	return turn{thought: e.say(s, "users"), command: command}
}

func (e *explorer) used(_ *script, last result) turn {
	for line := range strings.Lines(last.output) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "./"); ok {
			e.users = append(e.users, path)
		}
	}
	return turn{}
}

func (e *explorer) looking(s *script, _ result) turn {
	if len(e.users) == 0 {
		return turn{}
	}
	return turn{
		thought: e.say(s, "site"),
		command: fmt.Sprintf("grep -nw %s %s | head -%d | cut -c-100", quoted(e.short()), quoted(e.users[0]), sited),
	}
}

// looked remembers the line of a usage.
func (e *explorer) looked(_ *script, last result) turn {
	if len(e.users) == 0 {
		return turn{}
	}
	for line := range numbered(last.output) {
		e.site = smaller(e.site, fmt.Sprintf("%s:%d", e.users[0], line))
	}
	return turn{}
}

func smaller(a, b string) string {
	if a == "" || len(b) < len(a) || len(a) == len(b) && b < a {
		return b
	}
	return a
}

// report submits what was seen.
func (e *explorer) report(s *script, _ result) turn {
	command := fmt.Sprintf("echo %s\ncat <<'%s'\n%s\n%s", agent.SubmitMarker, delimiter, e.text(), delimiter)
	return turn{thought: e.say(s, "report"), command: command}
}

func (e *explorer) text() string {
	tests := slices.DeleteFunc(slices.Clone(e.users), func(path string) bool { return !slices.Contains(e.component.Tests, path) })
	users := slices.DeleteFunc(slices.Clone(e.users), func(path string) bool { return slices.Contains(e.component.Tests, path) })
	purpose := e.purpose
	if purpose == "" {
		purpose = "it provides " + list(e.symbols[:min(2, len(e.symbols))], "nothing")
	}
	interactions := "the search shows no other code that calls it"
	switch {
	case e.site != "":
		interactions = "used at `" + e.site + "`"
	case len(users) > 0:
		interactions = "`" + users[0] + "` relies on it"
	case len(tests) > 0:
		interactions = "only its tests call it"
	}
	texts := []string{
		"`" + e.short() + "` in `" + e.component.Path + "`: " + purpose,
		list(e.symbols, "no definitions"),
		list(e.imports, "no imports"),
		list(users, "none found"),
		interactions,
		list(tests, "none found"),
	}
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = agent.ReportHeadings[i] + ": " + text + "."
	}
	return joined(lines)
}

// list writes names in back quotes.
func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
