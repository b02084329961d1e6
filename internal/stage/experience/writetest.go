package experience

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
)

const (
	// styleLines of a test file are read before a test is written.
	styleLines = 15
	// maxTestLines bounds a test that a script writes.
	maxTestLines = 100
)

// writeTest plays the script that writes a test for a bug and grades what it
// submits.
func (w *workshop) writeTest(ctx context.Context, b bug) (outcome, error) {
	th := w.testThoughts(b)
	s, ok := b.routes.Symptom(b.task)
	if !ok && (w.teacher == nil || b.replay.Issue == "") {
		return reject("no-route", "", 0), nil
	}
	if w.teacher != nil {
		return w.teachTest(ctx, b, b.issue(s, th))
	}
	known, code, err := w.knownTest(b, s, th)
	if err != nil || code != "" {
		return reject(code, "", 0), err
	}
	tries := []bool{false}
	if len(known.imports) > 0 && !known.appended && th.pick("recovery", 100) < recoveryPercent {
		tries = []bool{true, false}
	}
	var spent outcome
	for _, slip := range tries {
		made, err := w.writing(ctx, b, s, known, slip, th)
		made.cpu += spent.cpu
		spent = made
		if err != nil || !slip || made.sample != nil {
			return made, err
		}
		w.log.Info("slip left out", "task", b.replay.ID, "code", made.code)
	}
	return spent, nil
}

// writing plays one script and grades its submission.
func (w *workshop) writing(ctx context.Context, b bug, s symptom.Symptom, known knownTest, slip bool, th *thoughts) (outcome, error) {
	tree, err := w.agentTree(ctx, b.grader, b.task, nil)
	if err != nil {
		return outcome{}, err
	}
	writer := &testWriter{symptom: s, known: known, slip: slip, dialect: w.dialect}
	sc := writer.script(th)
	transcript, err := w.play(ctx, agent.WriteTestTask(b.issue(s, th)), tree, sc)
	cpu := transcript.CPU()
	if err != nil || sc.code != "" {
		return reject(sc.code, sc.detail, cpu), err
	}
	v, err := w.verifyWritten(ctx, b, transcript)
	cpu += v.cpu
	if err != nil || v.code != "" {
		return reject(v.code, v.detail, cpu), err
	}
	meta := b.testMeta()
	meta.Verification, meta.Recovered = v.verification, slip
	meta.ChangedLines, meta.CoveredLines = v.written.Changed, v.written.Covered
	return outcome{cpu: cpu, sample: w.sample(meta, transcript)}, nil
}

func (w *workshop) testThoughts(b bug) *thoughts {
	return &thoughts{seed: w.seed, id: "test\x00" + b.replay.ID}
}

// knownTest is a test that shows the bug, as the repository has it, and where a
// script puts it.
type knownTest struct {
	// text is the test; imports are what it needs in a new file.
	text    string
	imports []language.Import
	// source is the file that it is from, style that file as an agent sees it, nil
	// where it is hidden.
	source []byte
	style  []byte
	from   string
	// path is the file that it is written to, appended at its end or new; id the
	// test's id there.
	path     string
	appended bool
	id       string
}

// knownTest finds the text of the test that shows a symptom. The code says why a
// script cannot write it.
func (w *workshop) knownTest(b bug, s symptom.Symptom, th *thoughts) (knownTest, string, error) {
	file, name := language.SplitTest(s.Test)
	test, found := b.routes.Find(file, name)
	if !found {
		return knownTest{}, "test-unknown", nil
	}
	source, err := b.tree.Read(file)
	if err != nil {
		return knownTest{}, "", err
	}
	style, err := b.grader.AgentFile(b.task, file)
	if err != nil {
		return knownTest{}, "", err
	}
	k := knownTest{source: source, style: style, from: file}
	function := strings.ReplaceAll(name, ".", "::")
	text, ok := testText(source, test, b.routes, w.dialect)
	if class, _, isMethod := strings.Cut(name, "."); isMethod {
		// A second class of one name would hide the first one's tests.
		text = strings.Replace(text, class, class+"Reported", 1)
		function = strings.Replace(function, class, class+"Reported", 1)
	}
	lines := strings.Split(text, "\n")
	if !ok || len(lines) > maxTestLines {
		return k, "test-shape", nil
	}
	if code := writable(lines); code != "" {
		return k, code, nil
	}
	k.text, k.imports = text, importsOf(test.Module, text)
	helpers := usesHelpers(test, text)
	k.appended = style != nil && (helpers || th.pick("append", 2) == 0)
	k.path = file
	switch {
	case helpers && style == nil:
		return k, "test-needs-helpers", nil
	case !k.appended:
		k.path = path.Join(path.Dir(file), w.dialect.TestFileName("reported_"+strings.ToLower(s.Entry.Definition.SimpleName())))
	}
	k.id = k.path + "::" + function
	return k, "", nil
}

// testText is a test's text: of a method, under the header of its class.
func testText(source []byte, test symptom.Place, r *symptom.Routes, dialect language.Dialect) (string, bool) {
	text := strings.TrimRight(language.Text(source, test.Definition.StartLine, test.Definition.EndLine), "\n")
	class, _, isMethod := strings.Cut(test.Definition.Name, ".")
	if !isMethod {
		return text, true
	}
	owner, found := r.Find(test.Module.Path, class)
	if !found {
		return "", false
	}
	line := definitionLine(source, owner.Definition, dialect)
	header := strings.TrimRight(language.Text(source, line, line), "\n")
	return header + "\n" + text, strings.HasSuffix(header, ":")
}

// importsOf lists the imports at the top of a file whose names a text uses.
func importsOf(module language.Module, text string) []language.Import {
	said := map[string]bool{}
	symptom.Words(said, text)
	var needed []language.Import
	for _, i := range module.Imports {
		inside := slices.ContainsFunc(module.Definitions, func(d language.Definition) bool { return d.StartLine <= i.Line && i.Line <= d.EndLine })
		if !inside && said[boundName(i)] && !slices.ContainsFunc(needed, func(other language.Import) bool { return boundName(other) == boundName(i) }) {
			needed = append(needed, i)
		}
	}
	return needed
}

// boundName is the name that an import binds.
func boundName(i language.Import) string {
	switch {
	case i.Alias != "":
		return i.Alias
	case i.Name != "":
		return i.Name
	default:
		name, _, _ := strings.Cut(i.Module, ".")
		return name[strings.LastIndexByte(name, '/')+1:]
	}
}

// usesHelpers says whether a test's text names something else that its file
// defines.
func usesHelpers(test symptom.Place, text string) bool {
	said := map[string]bool{}
	symptom.Words(said, text)
	for _, definition := range test.Module.Definitions {
		own := definition.Name == test.Definition.Name || strings.HasPrefix(test.Definition.Name, definition.Name+".")
		if !own && !strings.Contains(definition.Name, ".") && said[definition.Name] {
			return true
		}
	}
	return false
}

// testWriter plans the turns that write a known test.
type testWriter struct {
	symptom symptom.Symptom
	known   knownTest
	// slip says that the first version lacks an import.
	slip    bool
	dialect language.Dialect
	rounds  int
}

func (t *testWriter) script(th *thoughts) *script {
	r := &repairer{symptom: t.symptom, dialect: t.dialect}
	steps := []step{r.find(t.symptom.Entry, true), r.showEntry(t.symptom.Entry), t.look}
	for range searches {
		steps = append(steps, t.missing)
	}
	steps = append(steps, t.causal, t.write, t.run)
	if t.slip {
		steps = append(steps, t.complete, t.run)
	}
	return &script{steps: append(steps, t.submit), seen: map[string]bool{}, thoughts: th}
}

// showEntry reads the beginning of the function in which a bug shows. Its lines
// are those that the search found.
func (r *repairer) showEntry(p symptom.Place) step {
	return func(s *script, last result) turn {
		start := 0
		for line, text := range numbered(strings.ReplaceAll(last.output, "./"+p.Module.Path+":", "")) {
			if strings.Contains(text, p.Definition.SimpleName()) && (start == 0 || abs(line-p.Definition.StartLine) < abs(start-p.Definition.StartLine)) {
				start = line
			}
		}
		if start == 0 {
			return s.fail("script-look", last.output)
		}
		end := start + min(wholeLines, p.Definition.EndLine-p.Definition.StartLine)
		command := fmt.Sprintf("sed -n '%d,%dp' %s", start, end, language.Quote(p.Module.Path))
		return turn{thought: s.thoughts.say("inspect", r.slots(p)...), command: command}
	}
}

func abs(n int) int { return max(n, -n) }

// look reads the beginning of the tests' file, or finds where tests are.
func (t *testWriter) look(s *script, _ result) turn {
	command := fmt.Sprintf("sed -n '1,%dp' %s", styleLines, language.Quote(t.known.from))
	if t.known.style == nil {
		command = "ls " + language.Quote(path.Dir(t.known.from)) + " | head -20"
	}
	return turn{thought: s.thoughts.say("test style", "{path}", t.known.from), command: command}
}

// unseen lists the names of the test that were in no observation yet; its own are
// its writer's to choose.
func (t *testWriter) unseen(s *script) []string {
	own := map[string]bool{}
	symptom.Words(own, t.known.id)
	return slices.DeleteFunc(t.dialect.ForeignNames(t.known.text), func(name string) bool { return s.seen[name] || own[name] })
}

func (t *testWriter) missing(s *script, _ result) turn {
	names := t.unseen(s)
	if len(names) == 0 {
		return turn{}
	}
	t.rounds++
	return searching(s, t.dialect, "more", names[:min(len(names), namesPerSearch)], "")
}

func (t *testWriter) causal(s *script, _ result) turn {
	all := len(t.dialect.ForeignNames(t.known.text))
	if unseen := t.unseen(s); 100*(all-len(unseen)) < causalPercent*all {
		return s.fail("not-causal", strings.Join(unseen, " "))
	}
	return turn{}
}

func (t *testWriter) write(s *script, _ result) turn {
	imports := t.known.imports
	if t.slip {
		imports = imports[1:]
	}
	return turn{thought: s.thoughts.say("write test"), command: t.writing(imports), slip: t.slip}
}

func (t *testWriter) writing(imports []language.Import) string {
	if t.known.appended {
		return fmt.Sprintf("cat >> %s <<'%s'\n\n\n%s\n%s", language.Quote(t.known.path), delimiter, t.known.text, delimiter)
	}
	text := t.dialect.TestFile(t.known.source, imports, t.known.text)
	return fmt.Sprintf("cat > %s <<'%s'\n%s\n%s", language.Quote(t.known.path), delimiter, strings.TrimRight(text, "\n"), delimiter)
}

func (t *testWriter) run(s *script, last result) turn {
	if last.code != 0 {
		return s.fail("script-edit", last.output)
	}
	return turn{thought: s.thoughts.say("expect failure"), command: t.dialect.TestCommand(t.known.id)}
}

// complete adds the import whose absence made the first run fail.
func (t *testWriter) complete(s *script, last result) turn {
	if last.code == 0 {
		return s.fail("slip-survived", last.output)
	}
	return turn{
		thought: s.thoughts.say("add import", "{error}", failureName(t.dialect, last.output)),
		command: t.writing(t.known.imports),
	}
}

func (t *testWriter) submit(s *script, last result) turn {
	if last.code != 1 {
		return s.fail("script-check", last.output)
	}
	return turn{thought: s.thoughts.say("shown"), command: agent.SubmitChange}
}
