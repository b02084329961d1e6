package export

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
)

const (
	// workdir is where an agent of Harbor finds the tree.
	workdir = "/app"
	// defaultSeconds bound what the evaluation did not bound.
	defaultSeconds = 3600
	// buildSeconds bound making the image.
	buildSeconds = 3600
	// maxTestFile bounds a test file that is put back, in bytes.
	maxTestFile = 16 << 20
)

// Harbor writes each task as a folder of the Harbor framework below out. source gives
// the tree of a task's commit, or the snapshot for one without; commands are those
// that run tests, by their ids: all must succeed.
func Harbor(ctx context.Context, out string, tasks Tasks, source func(commit string) (grading.Source, error), commands func(ids []string) []string) error {
	if len(tasks.Tasks) == 0 {
		return ErrNothing
	}
	f, err := newFolder(out)
	if err != nil {
		return err
	}
	defer f.root.Close()
	for _, t := range tasks.Tasks {
		id, err := InstanceID(t.Kind, t.ID)
		if err != nil {
			return err
		}
		tree, err := source(t.Commit)
		if err != nil {
			return fmt.Errorf("the tree of the task %s: %w", id, err)
		}
		if err := writeTask(ctx, f, id, tasks, t, tree, commands); err != nil {
			return fmt.Errorf("write the task %s: %w", id, err)
		}
	}
	return nil
}

func writeTask(ctx context.Context, f folder, id string, tasks Tasks, t Task, source grading.Source, commands func([]string) []string) error {
	if err := writeTree(ctx, f, path.Join(id, "environment", "tree"), source, t.Edits); err != nil {
		return err
	}
	files, ids := graded(t)
	for _, file := range files {
		content, err := source.Read(file)
		if err != nil {
			return err
		}
		if len(content) > maxTestFile {
			return fmt.Errorf("the test file %.200q has %d bytes", file, len(content))
		}
		if err := f.write(path.Join(id, "tests", "files", file), 0o644, content); err != nil {
			return err
		}
	}
	return errors.Join(
		f.write(path.Join(id, "task.toml"), 0o644, []byte(configuration(id, tasks, t))),
		f.write(path.Join(id, "instruction.md"), 0o644, []byte(t.Instruction+"\n")),
		f.write(path.Join(id, "environment", "Dockerfile"), 0o644, []byte(dockerfile(tasks))),
		f.write(path.Join(id, "tests", "test.sh"), 0o755, []byte(verifier(files, commands(ids)))),
		f.write(path.Join(id, "solution", "gold.diff"), 0o644, []byte(t.Gold)),
		f.write(path.Join(id, "solution", "solve.sh"), 0o755, []byte("#!/bin/sh\nset -e\nfolder=$(cd \"$(dirname \"$0\")\" && pwd)\ncd \"${TREE:-"+workdir+"}\"\ngit apply \"$folder/gold.diff\"\n")),
	)
}

// writeTree writes the regular files of the snapshot with the task's edits.
func writeTree(ctx context.Context, f folder, below string, source grading.Source, edits grading.Edits) error {
	content, err := grading.Overlay(ctx, source, edits)
	if err != nil {
		return err
	}
	defer content.Close()
	reader := tar.NewReader(content)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		if header.Typeflag != tar.TypeReg || !fs.ValidPath(header.Name) {
			return fmt.Errorf("the tree holds %.200q, which is no regular file below it", header.Name)
		}
		mode := fs.FileMode(0o644)
		if header.Mode&0o111 != 0 {
			mode = 0o755
		}
		err = f.copy(path.Join(below, header.Name), mode, func(w io.Writer) error {
			_, err := io.Copy(w, reader)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// graded are the tests that grade a task, and their files.
func graded(t Task) (files, ids []string) {
	ids = slices.Concat(t.FailToPass, t.PassToPass)
	for _, id := range ids {
		file, _ := language.SplitTest(id)
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files), ids
}

// Commands run tests of a framework as the evaluation does, by their ids: pytest's
// without the repository's own options, which make failures of warnings; Go's by
// whole functions.
func Commands(framework v1alpha1.TestFramework, dialect language.Dialect) func(ids []string) []string {
	if framework == v1alpha1.TestPytest {
		return func(ids []string) []string {
			command := "python3 -m pytest --rootdir=. --override-ini=addopts= -Wdefault --disable-warnings -p no:cacheprovider -p no:randomly " +
				"-p no:threadexception -p no:unraisableexception -q"
			for _, id := range ids {
				command += " " + language.Quote("./"+id)
			}
			return []string{command}
		}
	}
	return func(ids []string) []string {
		var commands []string
		for _, id := range ids {
			if command := dialect.TestCommand(language.TestFunction(id)); !slices.Contains(commands, command) {
				commands = append(commands, command)
			}
		}
		return commands
	}
}

// opening of a verifier: it finds code as the evaluation does, in the tree before an
// installed copy of it, then what a set-up installed.
const opening = `#!/bin/sh
# Writes 1 where all tests pass, else 0.
tests=$(cd "$(dirname "$0")" && pwd)
logs=${LOGS:-/logs/verifier}
mkdir -p "$logs"
echo 0 > "$logs/reward.txt"
cd "${TREE:-` + workdir + `}" || exit 0
PYTHONPATH=$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}
for folder in ` + contract.EnvironmentPath + `/lib/python*/site-packages ` + contract.EnvironmentPath + `/site-packages ` + contract.EnvironmentPath + `; do
  [ ! -d "$folder" ] || PYTHONPATH=$PYTHONPATH:$folder
done
export PYTHONPATH
[ ! -d ` + contract.EnvironmentPath + "/" + contract.GoModulesFolder + ` ] || export GOMODCACHE=` + contract.EnvironmentPath + "/" + contract.GoModulesFolder + `
`

// verifier puts the tests in their places and runs them.
func verifier(files, commands []string) string {
	var script strings.Builder
	script.WriteString(opening)
	for _, file := range files {
		fmt.Fprintf(&script, "mkdir -p %s && rm -rf %s && cp \"$tests\"/files/%s %s || exit 0\n",
			language.Quote("./"+path.Dir(file)), language.Quote("./"+file), language.Quote(file), language.Quote("./"+file))
	}
	for _, command := range commands {
		script.WriteString("( " + command + " ) || exit 0\n")
	}
	script.WriteString("echo 1 > \"$logs/reward.txt\"\n")
	return script.String()
}

// dockerfile makes the tree in the image of the repository's environment, with one
// commit for history.
func dockerfile(tasks Tasks) string {
	var text strings.Builder
	fmt.Fprintf(&text, "FROM %s\nUSER root\nENV GIT_CONFIG_GLOBAL=/dev/null\nCOPY tree/ %s/\nWORKDIR %s\n", oneLine(tasks.Environment.Image), workdir, workdir)
	for _, command := range tasks.Environment.Setup {
		// Strings always marshal.
		form, _ := json.Marshal([]string{"sh", "-c", "mkdir -p " + contract.EnvironmentPath + "\n" + command})
		fmt.Fprintf(&text, "RUN %s\n", form)
	}
	text.WriteString("RUN rm -rf .git && git init -q . && git add -A -f . && git -c user.name=snapshot -c user.email=snapshot@localhost commit -q --allow-empty -m snapshot\n")
	return text.String()
}

// oneLine keeps a value from beginning another instruction.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func configuration(id string, tasks Tasks, t Task) string {
	seconds := func(value int64) string {
		if value <= 0 {
			value = defaultSeconds
		}
		return strconv.FormatInt(value, 10) + ".0"
	}
	return "version = \"1.0\"\n\n[metadata]\n" +
		"name = " + quoted(id) + "\n" +
		"category = " + quoted(string(t.Kind)) + "\n" +
		"repository = " + quoted(tasks.Repository) + "\n" +
		"commit = " + quoted(cmp.Or(t.Commit, tasks.Commit)) + "\n" +
		"\n[verifier]\ntimeout_sec = " + seconds(tasks.TestSeconds) +
		"\n\n[agent]\ntimeout_sec = " + seconds(tasks.AgentSeconds) +
		"\n\n[environment]\nbuild_timeout_sec = " + strconv.Itoa(buildSeconds) + ".0\nallow_internet = false\n"
}

// quoted is a basic string of TOML, which has JSON's escapes for what must be
// escaped.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, "?") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
