package experience

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// What a command shows at most, in lines: a sample must stay short.
	outlined = 5
	headed   = 5
	imported = 3
	used     = 4
	tested   = 2
	sited    = 1
	// explored bounds the files of a component that are read, searched the symbols
	// that are searched for together.
	explored = 5
	searched = 3
)

// explorer plans the turns that read a component, and reports what they showed.
type explorer struct {
	component task.Component
	dialect   language.Dialect
	symbols   *symbols
	// What the commands showed: definitions by file, modules that are imported from
	// outside, and one import of the component's own, files that use it.
	defined map[string][]string
	purpose string
	imports []string
	inside  string
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
	e.defined = map[string][]string{}
	var steps []step
	for _, together := range e.plan(th) {
		steps = append(steps, e.looking(together), e.reading(together))
	}
	if e.several() || th.pick("site", 2) == 0 {
		site := []probe{{"site", e.siting, e.sited}}
		steps = append(steps, e.looking(site), e.reading(site))
	}
	return &script{steps: append(steps, e.report), seen: map[string]bool{}, thoughts: th}
}

// plan groups what is looked up together. The order does not matter for one file.
// Who uses several files is searched for by the names that their outline showed.
func (e *explorer) plan(th *thoughts) [][]probe {
	outline := probe{"outline", e.outline, e.outlined}
	head := probe{"head", e.head, e.headed}
	imports := probe{"imports", e.importing, e.imported}
	users := probe{"users", e.using, e.used}
	tests := probe{"tests", e.testing, e.used}
	plans := [][][]probe{
		{{outline, head}, {imports, users}}, {{head, outline}, {users, imports}},
		{{imports, outline}, {head, users}}, {{head}, {outline, imports}, {users}},
		{{imports, head}, {outline, users}}, {{users}, {head, imports, outline}},
	}
	if e.several() {
		plans = [][][]probe{
			{{outline, head}, {imports}, {users, tests}}, {{head, outline}, {tests, users}, {imports}},
			{{imports, outline}, {head}, {users, tests}}, {{head}, {outline}, {imports, tests}, {users}},
			{{outline, imports}, {users, tests}, {head}}, {{outline}, {users}, {tests, imports}, {head}},
		}
	}
	return plans[th.pick("plan", len(plans))]
}

func (e *explorer) several() bool { return len(e.component.Files) > 0 }

// files are those that are read.
func (e *explorer) files() []string {
	all := e.component.AllFiles()
	return all[:min(len(all), explored)]
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
	name := "`" + e.short() + "`"
	if e.component.Name == "" {
		name = "the group"
	}
	return s.thoughts.say(situation, "{name}", name, "{path}", e.component.Path, "{file}", file)
}

// short is the name by which other files refer to the component; of a subsystem,
// to its first file.
func (e *explorer) short() string {
	if e.component.Name == "" {
		return shortOf(e.symbols.name[e.component.Path])
	}
	return shortOf(e.component.Name)
}

// described is the component as commands name it.
func (e *explorer) described() language.Component {
	c := language.Component{
		Class: e.component.Kind == "class", Path: e.component.AllFiles()[0], Name: e.short(),
		StartLine: e.component.StartLine, EndLine: e.component.EndLine,
	}
	if e.several() {
		c.Files = e.files()
	}
	return c
}

func (e *explorer) outline() string {
	command := e.dialect.OutlineCommand(e.described())
	if e.several() {
		return command
	}
	return fmt.Sprintf("%s | head -%d", command, outlined)
}

// outlined reads the names of definitions; of several files, after their paths.
func (e *explorer) outlined(output string) {
	if !e.several() {
		e.define(e.component.Path, e.component.Symbols, output)
		return
	}
	for line := range strings.Lines(output) {
		file, text, _ := strings.Cut(line, ":")
		if slices.Contains(e.files(), file) {
			e.define(file, e.symbols.topLevel[file], text)
		}
	}
}

func (e *explorer) define(file string, symbols []string, text string) {
	shown := map[string]bool{}
	symptom.Words(shown, text)
	for _, symbol := range symbols {
		name := symbol[strings.LastIndexByte(symbol, '.')+1:]
		if shown[name] && name != e.short() && !slices.Contains(e.defined[file], name) {
			e.defined[file] = append(e.defined[file], name)
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
	if e.several() {
		return e.dialect.ImportsCommand(e.files()...)
	}
	return fmt.Sprintf("%s | head -%d", e.dialect.ImportsCommand(e.component.Path), imported)
}

// imported reads which modules the lines that were shown import.
func (e *explorer) imported(output string) {
	for line := range strings.Lines(output) {
		file := e.component.Path
		if e.several() {
			file, line, _ = strings.Cut(line, ":")
		}
		number, _, _ := strings.Cut(line, ":")
		at, err := strconv.Atoi(number)
		module := e.symbols.modules[file][at]
		switch {
		case err != nil || module == "" || !slices.Contains(e.files(), file):
		case e.own(module):
			e.inside = smaller(e.inside, "`"+file+"` imports `"+module+"`")
		case !slices.Contains(e.imports, module):
			e.imports = append(e.imports, module)
		}
	}
}

// own says whether a module is one of several that the component is made of.
func (e *explorer) own(module string) bool {
	return slices.ContainsFunc(e.component.Files, func(file string) bool { return e.symbols.name[file] == module })
}

// pattern matches lines that use the component: of several files, the most used of
// the symbols that were shown.
func (e *explorer) pattern() string {
	var names []string
	for _, site := range e.component.Sites {
		if len(names) < searched && e.shown(site.Name) && !slices.Contains(names, site.Name) {
			names = append(names, site.Name)
		}
	}
	if !e.several() || len(names) == 0 {
		return e.dialect.UsersPattern(e.described())
	}
	return strings.Join(names, "|")
}

func (e *explorer) shown(name string) bool {
	for _, names := range e.defined {
		if slices.Contains(names, name) {
			return true
		}
	}
	return name == e.short()
}

func (e *explorer) using() string {
	others := ""
	switch {
	case e.component.Kind == "package" && e.component.Path == ".":
		others = "grep '^./.*/' | "
	case e.component.Kind == "package":
		others = "grep -v " + language.Quote("^./"+e.component.Path+"/") + " | "
	case e.several():
		others = "grep -vxF"
		for _, file := range e.component.Files {
			others += " -e " + language.Quote("./"+file)
		}
		others += " | "
	}
	return fmt.Sprintf("grep -rlwE '%s' --include='%s' . | %ssort | head -%d", e.pattern(), e.dialect.SourceGlob(), others, used)
}

// testing finds the tests of several files, which are not among the first users.
func (e *explorer) testing() string {
	if len(e.component.Tests) == 0 {
		return ""
	}
	return fmt.Sprintf("grep -rlwE '%s' --include='%s' . | sort | head -%d", e.pattern(), e.dialect.TestFileName("*"), tested)
}

// used reads the paths of files that were found and really refer to the component:
// a search also finds comments, and other things of the same name.
func (e *explorer) used(output string) {
	for line := range strings.Lines(output) {
		file, ok := strings.CutPrefix(strings.TrimSpace(line), "./")
		refers := slices.Contains(e.component.Usages, file) || slices.Contains(e.component.Tests, file)
		if ok && refers && !slices.Contains(e.users, file) {
			e.users = append(e.users, file)
		}
	}
}

// use is the first use of a shown symbol in a shown file.
func (e *explorer) use() (task.Site, bool) {
	i := slices.IndexFunc(e.component.Sites, func(site task.Site) bool { return slices.Contains(e.users, site.Path) && e.shown(site.Name) })
	if i < 0 {
		return task.Site{}, false
	}
	return e.component.Sites[i], true
}

func (e *explorer) siting() string {
	use, found := e.use()
	if !found {
		return ""
	}
	return fmt.Sprintf("grep -nw %s %s | tail -%d | cut -c-80", language.Quote(use.Name), language.Quote(use.Path), sited)
}

// sited remembers the line of a usage.
func (e *explorer) sited(output string) {
	use, found := e.use()
	if _, shown := numbered(output)[use.Line]; found && shown {
		e.site = fmt.Sprintf("%s:%d", use.Path, use.Line)
	}
}

func smaller(a, b string) string {
	if a == "" || len(b) < len(a) || len(a) == len(b) && b < a {
		return b
	}
	return a
}
