package experience

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// causalPercent of the foreign names of an edit must have been seen.
	causalPercent = 90
	// searches bounds the searches for names, namesPerSearch the names in one.
	searches       = 7
	namesPerSearch = 4
	// viewed bounds the lines of one view.
	viewed = 6
	// delimiter ends the text of an edit in the shell.
	delimiter = "EOF"
)

// slip is a wrong first edit and the command of the test that shows it.
type slip struct {
	// line of the body that is wrong, from 0; text is what it says instead.
	line    int
	text    string
	test    string
	command string
}

// shown is the command of the test that a task shows; empty without one.
func (s *slip) shown() string {
	if s == nil {
		return ""
	}
	return s.command
}

// shownTest returns a failing test that a task can name on a command line,
// without its parameters; empty when there is none.
func shownTest(failing []string) string {
	for _, id := range failing {
		name := language.TestFunction(id)
		if language.Quote(name) == name {
			return name
		}
	}
	return ""
}

// implementer plans the turns that put a known body back.
type implementer struct {
	task    grading.Masked
	dialect language.Dialect
	missingText
	wrong *slip
	// start is the line of the definition's name, as the masked file numbers it.
	start int
	// rounds counts the searches for missing names; nowhere are names that one through
	// the whole tree looked for: those that it finds are seen.
	rounds  int
	nowhere map[string]bool
	// atOnce says that edits are checked by the same command, repaired that the
	// slip was corrected.
	atOnce   bool
	repaired bool
}

func (i *implementer) script(th *thoughts) *script {
	i.nowhere = map[string]bool{}
	i.start = definitionLine(i.task.Original(), i.task.Definition, i.dialect) - i.dropped()
	// Most agents check in the command that edits; some look first.
	i.atOnce = th.pick("at once", 4) > 0
	steps := []step{i.look, i.read, i.uses}
	for range searches - 1 {
		steps = append(steps, i.missing)
	}
	if len(i.imports) > 0 {
		steps = append(steps, i.imported)
	}
	steps = append(steps, i.causal, i.write)
	for _, hunk := range i.imports {
		steps = append(steps, i.importing(hunk))
	}
	steps = append(steps, i.check)
	if i.wrong != nil {
		steps = append(steps, i.repair, i.check)
	}
	return &script{steps: append(steps, i.submit), seen: map[string]bool{}, thoughts: th}
}

// dropped is how many lines of imports the masked file lacks.
func (i *implementer) dropped() int { return i.task.Definition.BodyStartLine - i.gap }

// header is what stands before the gap: decorators, or a comment, where they are
// short, the name, and what documents it.
func (i *implementer) header() task.Lines {
	first := max(i.task.Definition.StartLine-i.dropped(), i.start-viewed)
	return task.Lines{Start: first, End: min(i.gap, i.start+viewed-1)}
}

// look finds the function: with what is around where that is short and the name is
// its alone, else its line and those of all placeholders.
func (i *implementer) look(s *script, _ result) turn {
	definition := i.dialect.DefinitionPattern(i.task.Definition)
	command := fmt.Sprintf("grep -nw -e '%s' -e '%s' %s", definition, i.dialect.Placeholder(), i.path())
	alone := strings.Count(string(i.task.Gap()), i.task.Definition.SimpleName()+"(") == 1
	if length := i.gap - i.start; length <= viewed && alone && s.thoughts.pick("look", 4) > 0 {
		around := fmt.Sprintf("-A%d", length)
		if above := i.start - i.header().Start; above > 0 {
			around = fmt.Sprintf("-B%d %s", above, around)
		}
		command = fmt.Sprintf("grep -nw %s '%s' %s", around, definition, i.path())
	}
	return turn{thought: s.thoughts.say("look", i.slots()...), command: command}
}

// read views the header if there is more of it than was shown; most agents search
// in the same command.
func (i *implementer) read(s *script, last result) turn {
	shown := numbered(last.output)
	if shown[i.start] == "" || shown[i.gap] == "" {
		return s.fail("script-look", last.output)
	}
	header := i.header()
	whole := true
	for n := header.Start; n <= header.End; n++ {
		_, there := shown[n]
		whole = whole && there
	}
	if whole {
		return turn{}
	}
	commands := []string{fmt.Sprintf("sed -n '%d,%dp' %s", header.Start, header.End, i.path())}
	if i.atOnce {
		symptom.Words(s.seen, language.Text(i.task.Gap(), header.Start, header.End))
		if search := i.uses(s, last); search.command != "" {
			commands = append(commands, search.command)
		}
	}
	return turn{thought: s.thoughts.say("read", i.slots()...), command: joined(commands)}
}

// uses searches once for what the body depends on: what the repository defines
// elsewhere first, then whatever else was not seen.
func (i *implementer) uses(s *script, _ result) turn {
	if i.rounds > 0 {
		return turn{}
	}
	var names []string
	elsewhere := false
	for _, use := range i.task.Mask.Uses {
		name := use.Name[strings.LastIndexByte(use.Name, '.')+1:]
		if !s.seen[name] && len(i.dialect.ForeignNames(name)) > 0 && !slices.Contains(names, name) {
			names = append(names, name)
			elsewhere = elsewhere || use.Path != i.task.Mask.Path
		}
	}
	for _, name := range i.unseen(s) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return turn{}
	}
	i.rounds++
	return i.search(s, "uses", names[:min(len(names), namesPerSearch)], elsewhere)
}

// missing searches for names that the body needs and that were not seen: in the
// file first, then everywhere. What is nowhere is not searched for again.
func (i *implementer) missing(s *script, _ result) turn {
	names := slices.DeleteFunc(i.unseen(s), func(name string) bool { return i.nowhere[name] })
	if len(names) == 0 || i.share(s) >= causalPercent {
		return turn{}
	}
	names = names[:min(len(names), namesPerSearch)]
	i.rounds++
	everywhere := i.rounds > 2
	for _, name := range names {
		i.nowhere[name] = everywhere
	}
	return i.search(s, "more", names, everywhere)
}

// search looks up the first line with each name, in the file or everywhere.
func (i *implementer) search(s *script, situation string, names []string, everywhere bool) turn {
	path := i.path()
	if everywhere {
		path = ""
	}
	return searching(s, i.dialect, situation, names, path)
}

// searching looks up the first line with each name, in a file, or in all source
// files where none is given.
func searching(s *script, dialect language.Dialect, situation string, names []string, file string) turn {
	find := "grep -nwm1 %s " + file
	if file == "" {
		find = "grep -rnwm1 %s --include='" + dialect.SourceGlob() + "' . | head -1"
	}
	command := fmt.Sprintf(find, names[0])
	if len(names) > 1 {
		command = fmt.Sprintf("for n in %s; do %s; done", strings.Join(names, " "), fmt.Sprintf(find, "$n"))
	}
	return turn{thought: s.thoughts.say(situation, "{words}", strings.Join(names, ", ")), command: command}
}

// foreign lists the names that the body and its imports need.
func (i *implementer) foreign() []string {
	names := i.dialect.ForeignNames(joined(i.body))
	for _, name := range i.dialect.ForeignNames(i.importText()) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// unseen lists the names of the edit that were in no observation yet.
func (i *implementer) unseen(s *script) []string {
	return slices.DeleteFunc(i.foreign(), func(name string) bool { return s.seen[name] })
}

// share is how many percent of the edit's foreign names were seen.
func (i *implementer) share(s *script) int {
	all := len(i.foreign())
	if all == 0 {
		return 100
	}
	return 100 * (all - len(i.unseen(s))) / all
}

// causal ends the script when the edit would need knowledge that nothing showed.
func (i *implementer) causal(s *script, _ result) turn {
	if i.share(s) < causalPercent {
		return s.fail("not-causal", strings.Join(i.unseen(s), " "))
	}
	return turn{}
}

func (i *implementer) slipped() []string {
	body := slices.Clone(i.body)
	body[i.wrong.line] = i.wrong.text
	return body
}

// write replaces the placeholder.
func (i *implementer) write(s *script, _ result) turn {
	body := i.body
	if i.wrong != nil {
		body = i.slipped()
	}
	command := edit(editWays[s.thoughts.pick("edit", len(editWays))], i.task.Mask.Path, i.hole(), body)
	if len(i.imports) == 0 {
		command = i.checked(command)
	}
	return turn{
		thought: s.thoughts.say("write", append(i.slots(), "{line}", strconv.Itoa(i.gap))...),
		command: command, slip: i.wrong != nil,
	}
}

// checked adds the check to the command of an edit where it is made at once.
func (i *implementer) checked(command string) string {
	if i.atOnce {
		return command + "\n" + i.checking()
	}
	return command
}

// checking is the shown test, or an import where none is shown.
func (i *implementer) checking() string {
	if i.wrong != nil {
		return i.wrong.command
	}
	return i.dialect.CheckCommand(i.task.Module)
}

// check runs the check of an edit that was made without.
func (i *implementer) check(s *script, last result) turn {
	if i.atOnce {
		return turn{}
	}
	if last.code != 0 {
		return s.fail("script-edit", last.output)
	}
	situation := "import"
	switch {
	case i.wrong != nil && i.repaired:
		situation = "retest"
	case i.wrong != nil:
		situation = "test"
	}
	return turn{thought: s.thoughts.say(situation, i.slots()...), command: i.checking()}
}

// repair corrects the one wrong line once the test failed.
func (i *implementer) repair(s *script, last result) turn {
	if last.code != 1 {
		return s.fail("slip-survived", last.output)
	}
	i.repaired = true
	line := i.gap + i.dropped() + i.wrong.line
	slots := append(i.slots(), "{line}", strconv.Itoa(line), "{error}", failureName(i.dialect, last.output))
	return turn{
		thought: s.thoughts.say("repair", slots...),
		command: i.checked(edit(0, i.task.Mask.Path, task.Lines{Start: line, End: line}, []string{i.body[i.wrong.line]})),
	}
}

func (i *implementer) submit(s *script, last result) turn {
	if last.code != 0 {
		return s.fail("script-check", last.output)
	}
	return turn{thought: s.thoughts.say("submit"), command: agent.SubmitChange}
}

// hole is the line of the placeholder.
func (i *implementer) hole() task.Lines { return task.Lines{Start: i.gap, End: i.gap} }

func (i *implementer) path() string { return language.Quote(i.task.Mask.Path) }

// slots fill the wordings.
func (i *implementer) slots() []string {
	return []string{"{name}", "`" + i.task.Definition.SimpleName() + "`", "{path}", i.task.Mask.Path}
}

// failureName is the kind of failure in a test's output.
func failureName(dialect language.Dialect, output string) string {
	if name := dialect.FailureName(output); name != "" {
		return name
	}
	return "a failure"
}
