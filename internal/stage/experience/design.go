package experience

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// What a command shows at most, in lines: a sample must stay short.
	outlined = 5
	headed   = 5
	imported = 3
	used     = 4
	sited    = 1
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
	e := &explorer{component: component, dialect: w.dialect, modules: w.symbols.modules[component.Path]}
	s := e.script(&thoughts{seed: w.seed, id: component.ID})
	transcript, err := w.play(ctx, agent.ReportTask(component.Kind, component.Name, component.Path), tree, s)
	cpu := transcript.CPU()
	if err != nil || s.code != "" {
		return reject(s.code, s.detail, cpu), err
	}
	if err := w.symbols.resolveReport(transcript.Submission, component.Path); err != nil {
		return reject("report-unresolved", err.Error(), cpu), nil
	}
	meta := reportMeta(component)
	meta.Verification = reportVerification(transcript)
	return outcome{cpu: cpu, sample: w.sample(meta, transcript, cpu)}, nil
}

func reportMeta(component task.Component) task.Meta {
	return task.Meta{Unit: v1alpha1.UnitSoftwareDesign, TaskID: component.ID, Cluster: component.Cluster, Path: component.Path}
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
	dialect   language.Dialect
	// modules are those that the component's file imports.
	modules []string
	// What the commands showed.
	symbols []string
	purpose string
	imports []string
	users   []string
	site    string
}

// probe is one thing to look up: the command, and what to do with its output.
type probe struct {
	situation string
	command   func() string
	read      func(output string)
}

func (e *explorer) script(th *thoughts) *script {
	outline := probe{"outline", e.outline, e.outlined}
	head := probe{"head", e.head, e.headed}
	imports := probe{"imports", e.importing, e.imported}
	users := probe{"users", e.using, e.used}
	// The order of looking does not matter, nor what is looked up together.
	plans := [][][]probe{
		{{outline, head}, {imports, users}}, {{head, outline}, {users, imports}},
		{{imports, outline}, {head, users}}, {{head}, {outline, imports}, {users}},
		{{imports, head}, {outline, users}}, {{users}, {head, imports, outline}},
	}
	var steps []step
	for _, together := range plans[th.pick("plan", len(plans))] {
		steps = append(steps, e.looking(together), e.reading(together))
	}
	if th.pick("site", 2) == 0 {
		site := []probe{{"site", e.siting, e.sited}}
		steps = append(steps, e.looking(site), e.reading(site))
	}
	return &script{steps: append(steps, e.report), seen: map[string]bool{}, thoughts: th}
}

// looking runs the commands of some probes in one turn.
func (e *explorer) looking(together []probe) step {
	return func(s *script, _ result) turn {
		var commands []string
		for _, p := range together {
			if command := p.command(); command != "" {
				commands = append(commands, command)
			}
		}
		return turn{thought: e.say(s, together[0].situation), command: joined(commands)}
	}
}

// reading reads what the commands of some probes showed.
func (e *explorer) reading(together []probe) step {
	return func(_ *script, last result) turn {
		for _, p := range together {
			p.read(last.output)
		}
		return turn{}
	}
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
	return e.component.Name[strings.LastIndexAny(e.component.Name, "./")+1:]
}

// described is the component as commands name it.
func (e *explorer) described() language.Component {
	return language.Component{
		Class: e.component.Kind == "class", Path: e.component.Path, Name: e.short(),
		StartLine: e.component.StartLine, EndLine: e.component.EndLine,
	}
}

func (e *explorer) outline() string {
	return fmt.Sprintf("%s | head -%d", e.dialect.OutlineCommand(e.described()), outlined)
}

// outlined reads the names of definitions.
func (e *explorer) outlined(output string) {
	shown := map[string]bool{}
	words(shown, output)
	for _, symbol := range e.component.Symbols {
		name := symbol[strings.LastIndexByte(symbol, '.')+1:]
		if shown[name] && name != e.short() && !slices.Contains(e.symbols, name) {
			e.symbols = append(e.symbols, name)
		}
	}
}

// head views the beginning of the documentation, and no line of a held-out body.
func (e *explorer) head() string {
	last := e.component.EndLine
	for _, hidden := range e.component.HeldOut {
		if hidden.End >= e.component.StartLine {
			last = min(last, hidden.Start-1)
		}
	}
	return e.dialect.DocCommand(e.described(), headed, last)
}

// headed takes the first sentence of the component's documentation.
func (e *explorer) headed(output string) {
	sentence, found := e.dialect.Doc(e.described(), output)
	if found && len(sentence) <= 160 && !strings.ContainsAny(sentence, "`\\|*:") && !strings.Contains(sentence, delimiter) {
		e.purpose = sentence
	}
}

func (e *explorer) importing() string {
	return fmt.Sprintf("%s | head -%d", e.dialect.ImportsCommand(e.component.Path), imported)
}

// imported reads the names of imported modules.
func (e *explorer) imported(output string) {
	for _, module := range e.modules {
		named := regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(module) + `($|[^\w.])`)
		if named.MatchString(output) {
			e.imports = append(e.imports, module)
		}
	}
}

func (e *explorer) using() string {
	return fmt.Sprintf("grep -rlwE '%s' --include='%s' . | sort | head -%d", e.dialect.UsersPattern(e.described()), e.dialect.SourceGlob(), used)
}

// used reads the paths of files, without the component's own.
func (e *explorer) used(output string) {
	for line := range strings.Lines(output) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "./")
		if ok && path != e.component.Path && !slices.Contains(e.users, path) {
			e.users = append(e.users, path)
		}
	}
}

func (e *explorer) siting() string {
	if len(e.users) == 0 {
		return ""
	}
	return fmt.Sprintf("grep -nw %s %s | tail -%d | cut -c-80", language.Quote(e.short()), language.Quote(e.users[0]), sited)
}

// sited remembers the line of a usage.
func (e *explorer) sited(output string) {
	for line := range numbered(output) {
		e.site = smaller(e.site, fmt.Sprintf("%s:%d", e.users[0], line))
	}
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
	var tests, users []string
	for _, path := range e.users {
		if slices.Contains(e.component.Tests, path) || e.dialect.IsTestFile(path) {
			tests = append(tests, path)
		} else {
			users = append(users, path)
		}
	}
	purpose := e.purpose
	if purpose == "" {
		purpose = "see its structure"
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
		list(users, "none shown"),
		interactions,
		list(tests, "none shown"),
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
