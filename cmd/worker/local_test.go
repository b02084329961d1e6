package main

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// asWorker makes this test binary be the worker.
	asWorker = "REPOEXPERT_TEST_AS_WORKER"
	library  = "../../internal/language/python/testdata/library"
)

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// laptop is a machine with a checkout: a real library with a history.
type laptop struct {
	checkout string
	site     string
	temp     string
	cache    string
}

func newLaptop(t *testing.T) laptop {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	// The paths of sockets are bounded, and a test's own folder may be long.
	temp, err := os.MkdirTemp("", "laptop-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(temp); err != nil {
			t.Error(err)
		}
	})
	l := laptop{checkout: filepath.Join(t.TempDir(), "library"), site: site, temp: temp, cache: t.TempDir()}
	if err := os.CopyFS(l.checkout, os.DirFS(library)); err != nil {
		t.Fatal(err)
	}
	l.git(t, "init", "-q", "--initial-branch=main")
	l.commit(t, "first")
	l.write(t, "README.md", "A library for book shops.\n")
	l.commit(t, "second")
	return l
}

func (l laptop) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.checkout, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (l laptop) commit(t *testing.T, message string) {
	t.Helper()
	l.git(t, "add", "-A")
	l.git(t, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", message)
}

func (l laptop) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", l.checkout}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// worker is a worker process that has not been started, in a process group of
// its own as a shell's job is.
func (l laptop) worker(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asWorker+"=1", "TMPDIR="+l.temp, "XDG_CACHE_HOME="+l.cache, "SECRET_TOKEN=hunter2", "PYTHONPATH=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// units is small enough to be quick.
var units = []string{"--unit", "ContextualImplementation=2", "--unit", "SoftwareDesign=1", "--unit", "RepositoryRecall=1", "--unit", "EvolutionaryReplay=1", "--unit", "SemanticRuntimeAlignment=1"}

// patient keeps a busy machine from deciding what a command does.
var patient = []string{"--command-timeout", "30m", "--test-timeout", "30m"}

// stage is a worker that runs a stage on the checkout.
func (l laptop) stage(name, out string, more ...string) *exec.Cmd {
	return l.worker(slices.Concat([]string{name, "--local", l.checkout, "--out", out, "--python-path", l.site}, patient, units, more)...)
}

// verify is a worker that executes samples of an output again.
func (l laptop) verify(out string, more ...string) *exec.Cmd {
	return l.worker(slices.Concat([]string{"verify-dataset", "--in", out, "--python-path", l.site}, patient, more)...)
}

// finished runs a worker to its end and returns what it printed.
func finished(t *testing.T, cmd *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if failed := cmd.Run(); failed != nil {
		t.Fatalf("worker %v: %v\n%s%s", cmd.Args[1:], failed, err.String(), out.String())
	}
	return out.String(), err.String()
}

// failing runs a worker that must fail with an exit code and a message.
func failing(t *testing.T, code int, says string, cmd *exec.Cmd) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != code || !strings.Contains(stderr.String(), says) {
		t.Errorf("worker %v: %v, want exit code %d and %q\n%s", cmd.Args[1:], err, code, says, stderr.String())
	}
}

// interrupted runs a worker until it prints text and then sends a signal to its
// process group. It returns all that it printed to standard error.
func interrupted(t *testing.T, cmd *exec.Cmd, until string, signal syscall.Signal) string {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	sent := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		printed.WriteString(lines.Text() + "\n")
		if !sent && strings.Contains(lines.Text(), until) {
			sent = true
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !sent {
		t.Fatalf("the worker ended by itself: %v\n%s", err, printed.String())
	}
	return printed.String()
}

// contents are the files below the folders of an output, by path below it.
func contents(t *testing.T, out string, folders ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range folders {
		err := fs.WalkDir(os.DirFS(out), folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(filepath.Join(out, name))
			files[name] = string(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// verified is every sample of an output by its task: its messages and what
// verified it, durations and the like apart.
func verified(t *testing.T, out string) map[string]string {
	t.Helper()
	found, err := local.Find(out)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	err = found.Each(func(sample task.Sample) error {
		text := sample.Meta.Verification
		for _, message := range sample.Messages {
			text += "\n" + string(message.Role) + message.Loss + ": " + local.Stable(message.Content)
		}
		all[string(sample.Meta.Unit)+"/"+sample.Meta.TaskID] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The same commit and the same flags give the same plan, byte by byte, whatever
// lies in the checkout beside the commit; and a plan that is there is not made
// again.
func TestPlan(t *testing.T) {
	l := newLaptop(t)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	stdout, stderr := finished(t, l.stage("plan", first))
	for _, want := range []string{local.Notice, "Plan: made " + first} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if !strings.HasPrefix(stderr, local.Notice) {
		t.Errorf("the first line is not the notice:\n%s", stderr)
	}
	if !strings.Contains(stdout, "masks") || !strings.Contains(stdout, "Peak memory") {
		t.Errorf("stdout:\n%s", stdout)
	}
	l.write(t, "src/bookshop/prices.py", "raise SystemExit\n")
	l.write(t, "notes.txt", "not committed\n")
	_, stderr = finished(t, l.stage("plan", second))
	if !strings.Contains(stderr, "2 changes are not committed and are ignored:  M src/bookshop/prices.py, ?? notes.txt") {
		t.Errorf("stderr does not name what is not committed:\n%s", stderr)
	}
	if diff := cmp.Diff(contents(t, first, contract.PlansFolder), contents(t, second, contract.PlansFolder)); diff != "" {
		t.Error(diff)
	}
	if _, stderr = finished(t, l.stage("plan", first)); !strings.Contains(stderr, "Plan: reused "+first) {
		t.Errorf("a plan that is there is made again:\n%s", stderr)
	}
}

// What is interrupted, by a terminal or without notice, goes on at the next task
// and ends with the same verified samples as a run that nobody disturbed.
func TestExperience(t *testing.T) {
	l := newLaptop(t)
	whole, disturbed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "disturbed")
	stdout, _ := finished(t, l.stage("experience", whole))
	checkTable(t, stdout, verified(t, whole))

	shown := interrupted(t, l.stage("experience", disturbed), "Experience: 1 of", syscall.SIGINT)
	if !strings.Contains(shown, "interrupted: the same command goes on at the next task") {
		t.Errorf("an interrupt shows:\n%s", shown)
	}
	shown = interrupted(t, l.stage("experience", disturbed), "Experience: 1 of", syscall.SIGKILL)
	if !strings.Contains(shown, "shard 1 of 1 goes on after ") || !strings.Contains(shown, "Plan: reused") {
		t.Errorf("the second call shows:\n%s", shown)
	}
	stdout, _ = finished(t, l.stage("experience", disturbed))
	checkTable(t, stdout, verified(t, disturbed))
	if diff := cmp.Diff(verified(t, whole), verified(t, disturbed)); diff != "" {
		t.Error(diff)
	}

	t.Run("show", func(t *testing.T) { checkShow(t, l, whole) })
	t.Run("verify-dataset", func(t *testing.T) { checkVerify(t, l, whole) })
	t.Run("curate", func(t *testing.T) { checkCurate(t, l, whole) })
}

var row = regexp.MustCompile(`(?m)^ *(\w+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +`)

// checkTable holds the summary's rows against each other and the samples.
func checkTable(t *testing.T, stdout string, samples map[string]string) {
	t.Helper()
	rows := row.FindAllStringSubmatch(stdout, -1)
	if len(rows) != len(units)/2+1 {
		t.Fatalf("%d rows:\n%s", len(rows), stdout)
	}
	for _, r := range rows {
		candidates, run, notRun, sound, ok, rejected := number(t, r[2]), number(t, r[3]), number(t, r[4]), number(t, r[5]), number(t, r[6]), number(t, r[7])
		counted := 0
		for id := range samples {
			if r[1] == "all" || strings.HasPrefix(id, r[1]+"/") {
				counted++
			}
		}
		if candidates != notRun+run || run != rejected+ok || sound < ok || sound > run || ok != counted || ok == 0 {
			t.Errorf("%s does not add up with %d samples", r[0], counted)
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n := 0
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}

func checkShow(t *testing.T, l laptop, out string) {
	for id := range verified(t, out) {
		if !strings.HasPrefix(id, "ContextualImplementation/") {
			continue
		}
		stdout, _ := finished(t, l.worker("show", id, "--in", out))
		for _, want := range []string{id[len("ContextualImplementation/"):], "turn 1\n", "  $ grep", "returned 0", "verified  "} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s is shown without %q:\n%s", id, want, stdout)
			}
		}
		if strings.Contains(stdout, "\x1b") {
			t.Error("colours without a terminal")
		}
	}
	failing(t, contract.ExitUnknown, "no samples are below", l.worker("show", "mask"))
	failing(t, contract.ExitUnknown, "samples match", l.worker("show", "", "--in", out))
}

func checkVerify(t *testing.T, l laptop, out string) {
	stdout, _ := finished(t, l.verify(out, "--local", l.checkout, "--percent", "40"))
	if !strings.Contains(stdout, " 0 different\n") || strings.Contains(stdout, "RepositoryRecall") {
		t.Errorf("verify-dataset prints:\n%s", stdout)
	}
	forged := forge(t, out)
	failing(t, contract.ExitUnknown, "came out otherwise", l.verify(forged, "--percent", "100"))

	l.write(t, "README.md", "Another text.\n")
	other := filepath.Join(t.TempDir(), "other")
	l.commit(t, "third")
	finished(t, l.stage("plan", other))
	snapshots, err := filepath.Glob(filepath.Join(other, contract.SnapshotsFolder, "*"))
	if err != nil || len(snapshots) != 1 {
		t.Fatalf("%v, %v", snapshots, err)
	}
	failing(t, contract.ExitUnknown, "its tree is not the one", l.verify(out, "--snapshot", snapshots[0]))
	l.git(t, "reset", "-q", "--hard", "HEAD~1")
}

// forge is a copy of an output with one sample, in which an observation is not
// what was observed, sealed as if it were.
func forge(t *testing.T, out string) string {
	t.Helper()
	forged := filepath.Join(t.TempDir(), "forged")
	if err := os.CopyFS(forged, os.DirFS(out)); err != nil {
		t.Fatal(err)
	}
	store, err := artifact.Open(forged)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	found, err := local.Find(forged)
	if err != nil {
		t.Fatal(err)
	}
	var samples []task.Sample
	err = found.Each(func(sample task.Sample) error {
		for i, message := range sample.Messages {
			if len(samples) == 0 && strings.HasPrefix(message.Content, "<returncode>0") {
				sample.Messages[i].Content = "<returncode>0</returncode>\n<output>\nnever seen\n</output>"
				samples = append(samples, sample)
			}
		}
		return nil
	})
	manifest, _, lookupErr := store.Lookup(found.Folders[0])
	if err != nil || lookupErr != nil || len(samples) != 1 {
		t.Fatal(err, lookupErr, samples)
	}
	if err := store.Remove(found.Folders[0]); err != nil {
		t.Fatal(err)
	}
	draft, err := store.Begin(found.Folders[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := task.WriteFile(filepath.Join(draft.Path(), experience.SamplesFile), samples); err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Seal(manifest); err != nil {
		t.Fatal(err)
	}
	return forged
}

// words stands for the package transformers: a tokenizer with one token a word.
const words = `class AutoTokenizer:
    chat_template = "given"

    @classmethod
    def from_pretrained(cls, model):
        return cls()

    def apply_chat_template(self, messages, **options):
        tokens = [word for message in messages for word in message["content"].split()]
        return {"input_ids": tokens, "assistant_masks": [1] * len(tokens)}
`

func checkCurate(t *testing.T, l laptop, out string) {
	model, packages := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		filepath.Join(model, "config.json"): "{}", filepath.Join(model, "tokenizer.json"): "{}", filepath.Join(model, "tokenizer_config.json"): `{"chat_template":"given"}`,
		filepath.Join(model, "model.safetensors"): "weights", filepath.Join(packages, "transformers.py"): words,
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	failing(t, contract.ExitUnknown, "--model", l.stage("curate", out))
	cmd := l.stage("curate", out, "--model", model)
	cmd.Env = append(cmd.Env, "PYTHONPATH="+packages)
	stdout, stderr := finished(t, cmd)
	if !strings.Contains(stderr, "Experience: reused") {
		t.Errorf("samples that are there are made again:\n%s", stderr)
	}
	if !strings.Contains(stdout, "Curate") {
		t.Errorf("curate prints:\n%s", stdout)
	}
	found, err := local.Find(out)
	if err != nil || filepath.Base(found.Files[0]) != curate.DatasetFile {
		t.Fatalf("the newest samples are in %v, %v", found.Files, err)
	}
	if weights, err := filepath.Glob(filepath.Join(out, contract.BaseModelsFolder, "*", "*.safetensors")); err != nil || len(weights) > 0 {
		t.Errorf("weights were copied: %v, %v", weights, err)
	}
}

func TestRefusals(t *testing.T) {
	l := newLaptop(t)
	out := filepath.Join(t.TempDir(), "out")
	for says, args := range map[string][]string{
		"--local: name the folder":              {"plan"},
		"is no git repository":                  {"plan", "--local", t.TempDir()},
		`"Nose"`:                                {"plan", "--local", l.checkout, "--out", out, "--framework", "Nose"},
		"--unit Poetry is unknown":              {"plan", "--local", l.checkout, "--out", out, "--unit", "Poetry=1"},
		"want UNIT=SAMPLES":                     {"plan", "--local", l.checkout, "--out", out, "--unit", "SoftwareDesign"},
		"SoftwareDesign is named twice":         {"plan", "--local", l.checkout, "--out", out, "--unit", "SoftwareDesign=1", "--unit", "SoftwareDesign=2"},
		"want KIND=TASKS":                       {"plan", "--local", l.checkout, "--out", out, "--kind", "IssueResolution=many"},
		"--test-path \"../x\" is no path below": {"plan", "--local", l.checkout, "--out", out, "--test-path", "../x"},
		"--python-path /nowhere is no folder":   {"plan", "--local", l.checkout, "--out", out, "--python-path", "/nowhere"},
	} {
		failing(t, contract.ExitUnknown, says, l.worker(args...))
	}
	failing(t, contract.ExitData, "evaluation.holdoutCommits is --holdout-commits", l.stage("plan", out, "--holdout", "Frontier"))
	// What a stage says of a field is said of its flag too, and the exit code is that
	// of the pod.
	failing(t, contract.ExitRepositoryCode, "environment.test.paths is --test-path", l.stage("plan", out, "--test-path", "src"))
}
