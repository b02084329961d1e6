package experience

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
)

// report submits what was seen.
func (e *explorer) report(s *script, _ result) turn {
	command := fmt.Sprintf("echo %s\ncat <<'%s'\n%s\n%s", agent.SubmitMarker, delimiter, e.text(), delimiter)
	return turn{thought: e.say(s, "report"), command: command}
}

func (e *explorer) text() string {
	isTest := func(path string) bool {
		return slices.Contains(e.component.Tests, path) || e.dialect.IsTestFile(path)
	}
	tests := slices.DeleteFunc(slices.Clone(e.users), func(path string) bool { return !isTest(path) })
	users := slices.DeleteFunc(slices.Clone(e.users), isTest)
	purpose := e.purpose
	if purpose == "" {
		purpose = "see its structure"
	}
	texts := []string{
		e.subject() + ": " + purpose,
		e.structure(),
		list(e.imports, "no imports"),
		list(users, "none shown"),
		e.interactions(users, tests),
		list(tests, "none shown"),
	}
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = agent.ReportHeadings[i] + ": " + text + "."
	}
	return joined(lines)
}

func (e *explorer) subject() string {
	file := e.component.AllFiles()[0]
	switch {
	case e.component.Name == "":
		return list(e.component.Files, "") + " change together"
	case e.several():
		return fmt.Sprintf("`%s`, %d files beside `%s`", e.short(), len(e.component.Files)-1, file)
	default:
		return "`" + e.short() + "` in `" + file + "`"
	}
}

// structure lists definitions, of several files by file.
func (e *explorer) structure() string {
	if !e.several() {
		return list(e.defined[e.component.Path], "no definitions")
	}
	var parts []string
	for _, file := range e.files() {
		if names := e.defined[file]; len(names) > 0 {
			parts = append(parts, "`"+file+"` with "+list(names, ""))
		}
	}
	if len(parts) == 0 {
		return "no definitions"
	}
	return strings.Join(parts, "; ")
}

func (e *explorer) interactions(users, tests []string) string {
	var seen []string
	if e.inside != "" {
		seen = append(seen, e.inside)
	}
	switch {
	case e.site != "":
		seen = append(seen, "used at `"+e.site+"`")
	case len(users) > 0:
		seen = append(seen, "`"+users[0]+"` relies on it")
	case len(tests) > 0:
		seen = append(seen, "only its tests call it")
	case len(seen) == 0:
		seen = append(seen, "the search shows no other code that calls it")
	}
	return strings.Join(seen, "; ")
}

// list writes names in back quotes.
func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
