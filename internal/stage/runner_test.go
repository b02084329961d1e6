package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

// pod is what a stage's container has: a volume, sockets, a termination log.
type pod struct {
	runner   Runner
	spec     contract.StageSpec
	store    *artifact.Store
	out, log *bytes.Buffer
}

func key(digit string) string { return strings.Repeat(digit, 64) }

func newPod(t *testing.T, name v1alpha1.StageName) *pod {
	t.Helper()
	volume := t.TempDir()
	store, err := artifact.Open(volume)
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{store: store, out: &bytes.Buffer{}, log: &bytes.Buffer{}}
	p.spec = contract.StageSpec{
		Version: contract.Version, Stage: name, Namespace: "team", Expert: "click", Run: "click-1", Attempt: 3,
		Commit: strings.Repeat("c", 40), DeadlineSeconds: 3600, Shards: 2, Inputs: map[string]string{},
		Keys: contract.Keys{
			Snapshot: key("1"), BaseModel: key("2"), Environment: key("3"), Plan: key("4"),
			Experience: key("5"), Dataset: key("6"), Model: key("7"), Evaluation: key("8"),
		},
	}
	p.runner = Runner{
		Stages: map[v1alpha1.StageName]Func{}, Artifacts: volume, Sockets: t.TempDir(),
		TerminationLog: filepath.Join(t.TempDir(), "termination-log"), Out: p.out, Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}
	return p
}

// does makes a function the pod's stage.
func (p *pod) does(stage Func) *pod {
	p.runner.Stages[p.spec.Stage] = stage
	return p
}

// seals is a stage that seals its output. It counts its calls in the output.
func (p *pod) seals(calls *int) *pod {
	return p.does(func(_ context.Context, env Env) (contract.StageResult, error) {
		*calls++
		counts := map[string]int64{"calls": int64(*calls)}
		digest, err := seal(env.Store, env.Spec.Keys.Output(env.Spec.Stage), fmt.Sprint("content ", *calls), env.Spec.Inputs, counts)
		return contract.StageResult{ManifestDigest: digest, Counts: counts}, err
	})
}

func seal(store *artifact.Store, folder, content string, inputs map[string]string, counts map[string]int64) (string, error) {
	draft, err := store.Begin(folder)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(draft.Path(), "content"), []byte(content), 0o600); err != nil {
		return "", err
	}
	return draft.Seal(artifact.Manifest{Inputs: inputs, Counts: counts})
}

// input seals an output of an earlier stage and makes it an input.
func (p *pod) input(t *testing.T, folder, content string) {
	t.Helper()
	digest, err := seal(p.store, folder, content, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.spec.Inputs[folder] = digest
}

// run runs the pod's stage and reads the result as the manager does.
func (p *pod) run(t *testing.T) (int, contract.StageResult) {
	t.Helper()
	specification, err := contract.EncodeSpec(p.spec)
	if err != nil {
		t.Fatal(err)
	}
	code := p.runner.Run(t.Context(), specification)
	raw, err := os.ReadFile(p.runner.TerminationLog)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > contract.MaxResultBytes {
		t.Errorf("the result has %d bytes", len(raw))
	}
	result, err := contract.ParseResult(raw)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if result.Stage != p.spec.Stage || result.Run != "click-1" || result.Attempt != 3 {
		t.Errorf("the result is of stage %s, run %s, attempt %d", result.Stage, result.Run, result.Attempt)
	}
	return code, result
}

// ends runs the pod's stage, which must fail with an exit code.
func (p *pod) ends(t *testing.T, code int, class v1alpha1.FailureClass, says string) contract.StageResult {
	t.Helper()
	got, result := p.run(t)
	if got != code || result.Class != class || !strings.Contains(result.Message, says) || result.ManifestDigest != "" {
		t.Errorf("exit code %d, result %+v; want %d, %s and %q", got, result, code, class, says)
	}
	return result
}

// untouched fails the test where its stage runs.
func untouched(t *testing.T) Func {
	return func(context.Context, Env) (contract.StageResult, error) {
		t.Error("the stage ran")
		return contract.StageResult{}, errors.New("unwanted")
	}
}

func TestBrokenSpecifications(t *testing.T) {
	tests := map[string]struct {
		change func(*contract.StageSpec)
		raw    string
		says   string
	}{
		"no JSON":              {raw: "{", says: "stage specification"},
		"empty":                {raw: " ", says: "stage specification"},
		"flood":                {raw: strings.Repeat("x", 1<<20), says: "the limit is"},
		"flood as name":        {change: func(s *contract.StageSpec) { s.Run, s.Commit = strings.Repeat("r", 50_000), "main" }, says: "is no commit"},
		"another release":      {change: func(s *contract.StageSpec) { s.Version = 99 }, says: "use worker and manager of one release"},
		"unknown stage":        {change: func(s *contract.StageSpec) { s.Stage = "Dream" }, says: `unknown stage "Dream"`},
		"no run":               {change: func(s *contract.StageSpec) { s.Run = "" }, says: "no run or attempt"},
		"no attempt":           {change: func(s *contract.StageSpec) { s.Attempt = 0 }, says: "no run or attempt"},
		"branch as commit":     {change: func(s *contract.StageSpec) { s.Commit = "main" }, says: "is no commit"},
		"no deadline":          {change: func(s *contract.StageSpec) { s.DeadlineSeconds = 0 }, says: "no deadline"},
		"key as path":          {change: func(s *contract.StageSpec) { s.Keys.Plan = "../../x" }, says: "is no key"},
		"input outside":        {change: func(s *contract.StageSpec) { s.Inputs = map[string]string{"../x": "sha256:" + key("a")} }, says: `input "../x"`},
		"input without digest": {change: func(s *contract.StageSpec) { s.Inputs = map[string]string{"plans/x": ""} }, says: `input "plans/x"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, v1alpha1.StageCurate)
			p.does(untouched(t))
			specification := test.raw
			if test.change != nil {
				test.change(&p.spec)
				raw, err := json.Marshal(p.spec)
				if err != nil {
					t.Fatal(err)
				}
				specification = string(raw)
			}
			if code := p.runner.Run(t.Context(), specification); code != 40 {
				t.Errorf("exit code %d", code)
			}
			// The log quotes.
			if !strings.Contains(strings.ReplaceAll(p.log.String(), `\`, ""), test.says) {
				t.Errorf("log %q lacks %q", p.log, test.says)
			}
		})
	}
}

// A person sees what the manager reads, not the log.
func TestAnotherReleaseIsToldToTheManager(t *testing.T) {
	p := newPod(t, v1alpha1.StageCurate).does(untouched(t))
	p.spec.Version = 99
	p.ends(t, 40, v1alpha1.FailureConfiguration, "version 99, this worker reads 0 and 1: use worker and manager of one release")
}

func TestAStageThatThisWorkerLacks(t *testing.T) {
	newPod(t, v1alpha1.StageCurate).ends(t, 40, v1alpha1.FailureConfiguration, "this worker has no stage Curate: use worker and manager of one release")
}

func TestEnds(t *testing.T) {
	tests := map[string]struct {
		err   error
		code  int
		class v1alpha1.FailureClass
		says  string
	}{
		"configuration":   {Fail(v1alpha1.FailureConfiguration, nil, "field %q", "x"), 40, v1alpha1.FailureConfiguration, `field "x"`},
		"source":          {Fail(v1alpha1.FailureSource, nil, "gone"), 41, v1alpha1.FailureSource, "gone"},
		"data":            {Fail(v1alpha1.FailureData, nil, "few"), 42, v1alpha1.FailureData, "few"},
		"repository code": {Fail(v1alpha1.FailureRepositoryCode, nil, "red"), 43, v1alpha1.FailureRepositoryCode, "red"},
		"external":        {Fail(v1alpha1.FailureExternal, nil, "busy"), 44, v1alpha1.FailureExternal, "busy"},
		"integrity":       {Fail(v1alpha1.FailureIntegrity, nil, "broken"), 45, v1alpha1.FailureIntegrity, "broken"},
		"wrapped":         {fmt.Errorf("outer: %w", Fail(v1alpha1.FailureData, nil, "few")), 42, v1alpha1.FailureData, "few"},
		"inner deadline":  {fmt.Errorf("ask: %w", context.DeadlineExceeded), 46, v1alpha1.FailureDeadline, "ask"},
		"stopped":         {context.Canceled, 1, v1alpha1.FailureUnknown, "canceled"},
		"anything else":   {errors.New("odd"), 1, v1alpha1.FailureUnknown, "odd"},
		// The manager gives this class itself: to it the exit code says Unknown.
		"infrastructure": {Fail(v1alpha1.FailureInfrastructure, nil, "lost"), 1, v1alpha1.FailureInfrastructure, "lost"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			newPod(t, v1alpha1.StageCurate).does(func(context.Context, Env) (contract.StageResult, error) {
				// What a stage returns beside an error does not count.
				return contract.StageResult{Class: v1alpha1.Succeeded, ManifestDigest: "sha256:" + key("a")}, test.err
			}).ends(t, test.code, test.class, test.says)
		})
	}
}

func TestACauseIsLoggedAndNotReported(t *testing.T) {
	p := newPod(t, v1alpha1.StageCurate).does(func(context.Context, Env) (contract.StageResult, error) {
		return contract.StageResult{}, Fail(v1alpha1.FailureExternal, errors.New("CANARY"), "the service is busy")
	})
	if result := p.ends(t, 44, v1alpha1.FailureExternal, "the service is busy"); strings.Contains(result.Message, "CANARY") {
		t.Errorf("message %q", result.Message)
	}
	if !strings.Contains(p.log.String(), "CANARY") {
		t.Errorf("log %q lacks the cause", p.log)
	}
}

func TestSuccess(t *testing.T) {
	p := newPod(t, v1alpha1.StageFetch)
	want := contract.StageResult{
		Version: contract.Version, Stage: v1alpha1.StageFetch, Run: "click-1", Attempt: 3, Class: v1alpha1.Succeeded,
		ManifestDigest: "sha256:" + key("a"), BaseModelDigest: "sha256:" + key("b"), Counts: map[string]int64{"files": 7},
		Sealed: map[v1alpha1.StageName]string{v1alpha1.StagePlan: "sha256:" + key("c")},
	}
	var env Env
	p.does(func(_ context.Context, e Env) (contract.StageResult, error) {
		env = e
		return contract.StageResult{ManifestDigest: want.ManifestDigest, BaseModelDigest: want.BaseModelDigest, Counts: want.Counts, Sealed: want.Sealed}, nil
	})
	code, got := p.run(t)
	if diff := cmp.Diff(want, got); diff != "" || code != 0 {
		t.Errorf("exit code %d, result (-want +got):\n%s", code, diff)
	}
	if env.Agent != nil || env.Grader != nil {
		t.Error("Fetch got a sandbox")
	}
}

func TestSuccessWithoutAnOutputIsNone(t *testing.T) {
	newPod(t, v1alpha1.StageCurate).does(func(context.Context, Env) (contract.StageResult, error) {
		return contract.StageResult{Class: v1alpha1.Succeeded, Counts: map[string]int64{"samples": 9}}, nil
	}).ends(t, 1, v1alpha1.FailureUnknown, "stage Curate succeeded without a sealed output")
}

func TestResultsFitTheTerminationLog(t *testing.T) {
	long := newPod(t, v1alpha1.StageCurate).does(func(context.Context, Env) (contract.StageResult, error) {
		return contract.StageResult{}, Fail(v1alpha1.FailureData, nil, "ende \xff\x00%s", strings.Repeat("ü\n\"", 10_000))
	})
	if result := long.ends(t, 42, v1alpha1.FailureData, "ende"); len(result.Message) > 512 {
		t.Errorf("message of %d bytes", len(result.Message))
	}
	counts := map[string]int64{}
	for i := range 500 {
		counts[fmt.Sprintf("count-%03d", i)] = int64(i)
	}
	digest := "sha256:" + key("a")
	many := newPod(t, v1alpha1.StageCurate).does(func(context.Context, Env) (contract.StageResult, error) {
		return contract.StageResult{ManifestDigest: digest, Counts: counts}, nil
	})
	if code, result := many.run(t); code != 0 || result.ManifestDigest != digest {
		t.Errorf("exit code %d, result %+v", code, result)
	}
}

func TestAResultThatCannotBeWritten(t *testing.T) {
	calls := 0
	p := newPod(t, v1alpha1.StageCurate).seals(&calls)
	p.runner.TerminationLog = t.TempDir()
	specification, err := contract.EncodeSpec(p.spec)
	if err != nil {
		t.Fatal(err)
	}
	if code := p.runner.Run(t.Context(), specification); code != contract.ExitUnknown || calls != 1 {
		t.Errorf("exit code %d after %d calls", code, calls)
	}
}

func TestAVolumeThatIsNotThere(t *testing.T) {
	p := newPod(t, v1alpha1.StageCurate).does(untouched(t))
	p.runner.Artifacts = filepath.Join(p.runner.Artifacts, "none")
	p.ends(t, 1, v1alpha1.FailureUnknown, "artifact volume")
}

// The clock is the bubble's: an hour takes no time.
func TestDeadline(t *testing.T) {
	tests := map[string]Func{
		"stage that heeds it": func(ctx context.Context, _ Env) (contract.StageResult, error) {
			<-ctx.Done()
			return contract.StageResult{}, ctx.Err()
		},
		"stage that calls it otherwise": func(ctx context.Context, _ Env) (contract.StageResult, error) {
			<-ctx.Done()
			return contract.StageResult{}, Fail(v1alpha1.FailureExternal, ctx.Err(), "the service does not answer")
		},
	}
	for name, stage := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				newPod(t, v1alpha1.StageCurate).does(stage).ends(t, 46, v1alpha1.FailureDeadline, "the stage ran out of its own time limit")
				if took := time.Since(start); took != time.Hour {
					t.Errorf("it ended after %s", took)
				}
			})
		})
	}
}

func TestInputsMustBeWhatTheRunRecorded(t *testing.T) {
	plan := "plans/" + key("4")
	tests := map[string]func(*testing.T, *pod) error{
		"another digest": func(_ *testing.T, p *pod) error { p.spec.Inputs[plan] = "sha256:" + key("a"); return nil },
		"missing":        func(_ *testing.T, p *pod) error { return p.store.Remove(plan) },
		"not sealed":     func(_ *testing.T, p *pod) error { return os.Remove(p.file(plan, artifact.ManifestName)) },
		"cut":            func(_ *testing.T, p *pod) error { return os.Truncate(p.file(plan, "content"), 1) },
		"one file less":  func(_ *testing.T, p *pod) error { return os.Remove(p.file(plan, "content")) },
		"one file more":  func(_ *testing.T, p *pod) error { return os.WriteFile(p.file(plan, "more"), nil, 0o600) },
		"a link": func(_ *testing.T, p *pod) error {
			return errors.Join(os.Remove(p.file(plan, "content")), os.Symlink("/etc/hostname", p.file(plan, "content")))
		},
		"another manifest": func(t *testing.T, p *pod) error {
			was := p.spec.Inputs[plan]
			if err := p.store.Remove(plan); err != nil {
				return err
			}
			p.input(t, plan, "other")
			p.spec.Inputs[plan] = was
			return nil
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, v1alpha1.StageCurate).does(untouched(t))
			p.input(t, "snapshots/"+key("1"), "snapshot")
			p.input(t, plan, "plan")
			if err := change(t, p); err != nil {
				t.Fatal(err)
			}
			// The manager finds the stage to run again by the key in the message.
			p.ends(t, 45, v1alpha1.FailureIntegrity, "input "+plan+" is not what the run recorded")
		})
	}
}

func (p *pod) file(folder, name string) string {
	return filepath.Join(p.runner.Artifacts, filepath.FromSlash(folder), name)
}

func TestShardsAreOneInput(t *testing.T) {
	folder := "experience/" + key("5")
	tests := map[string]struct {
		change func(*testing.T, *pod) error
		bad    bool
	}{
		"same":          {change: func(*testing.T, *pod) error { return nil }},
		"one is gone":   {func(_ *testing.T, p *pod) error { return p.store.Remove(ShardFolder(folder, 1)) }, true},
		"one is cut":    {func(_ *testing.T, p *pod) error { return os.Truncate(p.file(ShardFolder(folder, 1), "content"), 1) }, true},
		"fewer are had": {func(_ *testing.T, p *pod) error { p.spec.Shards = 3; return nil }, true},
		"more are had":  {func(_ *testing.T, p *pod) error { p.spec.Shards = 1; return nil }, true},
		"one was made again": {func(_ *testing.T, p *pod) error {
			_, err := seal(p.store, ShardFolder(folder, 1), "other", nil, nil)
			return err
		}, true},
		"they changed places": {func(_ *testing.T, p *pod) error {
			a, b := p.file(ShardFolder(folder, 0), ""), p.file(ShardFolder(folder, 1), "")
			return errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b))
		}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			p := newPod(t, v1alpha1.StageCurate).seals(&calls)
			var digests []string
			for i := range int32(2) {
				digest, err := seal(p.store, ShardFolder(folder, i), fmt.Sprint("shard ", i), nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				digests = append(digests, digest)
			}
			p.spec.Inputs[folder] = contract.ShardsDigest(digests)
			if name == "one was made again" {
				if err := p.store.Remove(ShardFolder(folder, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.change(t, p); err != nil {
				t.Fatal(err)
			}
			if test.bad {
				p.ends(t, 45, v1alpha1.FailureIntegrity, "input "+folder)
				return
			}
			if code, result := p.run(t); code != 0 || calls != 1 {
				t.Errorf("exit code %d, result %+v", code, result)
			}
		})
	}
}

// dataset is the output of Curate, which most tests of reuse damage.
var dataset = "datasets/" + key("6")

func TestReuse(t *testing.T) {
	for _, name := range []v1alpha1.StageName{v1alpha1.StageCurate, v1alpha1.StageTrain} {
		t.Run(string(name), func(t *testing.T) {
			calls := 0
			p := newPod(t, name).seals(&calls)
			p.input(t, "plans/"+key("4"), "plan")
			_, want := p.run(t)
			if want.Reused || want.ManifestDigest == "" {
				t.Fatalf("first %+v", want)
			}
			want.Reused = true
			code, second := p.run(t)
			if diff := cmp.Diff(want, second); diff != "" || code != 0 || calls != 1 {
				t.Errorf("exit code %d after %d calls, second result (-want +got):\n%s", code, calls, diff)
			}
		})
	}
}

// Fetch looks at what there is; Experience and Evaluate decide for themselves.
func TestFetchRunsEachTime(t *testing.T) {
	calls := 0
	p := newPod(t, v1alpha1.StageFetch).seals(&calls)
	_, first := p.run(t)
	calls-- // the same content again
	if code, second := p.run(t); code != 0 || second.Reused || second.ManifestDigest != first.ManifestDigest || calls != 1 {
		t.Errorf("exit code %d after %d calls, result %+v", code, calls, second)
	}
}

func TestOutputsThatAreNotReusedMakeRoom(t *testing.T) {
	plan := "plans/" + key("4")
	tests := map[string]func(*testing.T, *pod) error{
		"another digest": func(t *testing.T, p *pod) error {
			if err := p.store.Remove(plan); err != nil {
				return err
			}
			p.input(t, plan, "another plan")
			return nil
		},
		"one input more": func(t *testing.T, p *pod) error { p.input(t, "snapshots/"+key("1"), "snapshot"); return nil },
		"one input less": func(_ *testing.T, p *pod) error { delete(p.spec.Inputs, plan); return nil },
		"cut":            func(_ *testing.T, p *pod) error { return os.Truncate(p.file(dataset, "content"), 1) },
		"other bytes": func(_ *testing.T, p *pod) error {
			return os.WriteFile(p.file(dataset, "content"), []byte("Content 1"), 0o600)
		},
		"garbled manifest": func(_ *testing.T, p *pod) error {
			return os.WriteFile(p.file(dataset, artifact.ManifestName), []byte("{"), 0o600)
		},
		"lost manifest": func(_ *testing.T, p *pod) error { return os.Remove(p.file(dataset, artifact.ManifestName)) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			p := newPod(t, v1alpha1.StageCurate).seals(&calls)
			p.input(t, plan, "plan")
			_, first := p.run(t)
			if err := change(t, p); err != nil {
				t.Fatal(err)
			}
			again := p.runner.Stages[v1alpha1.StageCurate]
			p.does(func(ctx context.Context, env Env) (contract.StageResult, error) {
				if _, _, err := env.Store.Lookup(dataset); !errors.Is(err, artifact.ErrNotSealed) {
					t.Errorf("the old output is still there: %v", err)
				}
				return again(ctx, env)
			})
			code, second := p.run(t)
			if code != 0 || second.Reused || calls != 2 || second.ManifestDigest == first.ManifestDigest {
				t.Errorf("exit code %d after %d calls, result %+v", code, calls, second)
			}
			if _, err := p.store.VerifyContent(dataset, second.ManifestDigest); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestShardIndex(t *testing.T) {
	tests := map[string]struct {
		value string
		want  int32
		bad   bool
	}{
		"empty":     {value: ""},
		"first":     {value: "0"},
		"some":      {value: "17", want: 17},
		"largest":   {value: "2147483647", want: 1<<31 - 1},
		"too large": {value: "2147483648", bad: true},
		"negative":  {value: "-1", bad: true},
		"text":      {value: "one", bad: true},
		"space":     {value: " 1", bad: true},
		"fraction":  {value: "1.0", bad: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("JOB_COMPLETION_INDEX", test.value)
			p := newPod(t, v1alpha1.StageFetch)
			if test.bad {
				p.does(untouched(t)).ends(t, 1, v1alpha1.FailureUnknown, fmt.Sprintf("JOB_COMPLETION_INDEX %q is no index", test.value))
				return
			}
			got := int32(-1)
			p.does(func(_ context.Context, env Env) (contract.StageResult, error) {
				got = env.Index
				return contract.StageResult{ManifestDigest: "sha256:" + key("a")}, nil
			})
			if code, _ := p.run(t); code != 0 || got != test.want {
				t.Errorf("exit code %d, index %d", code, got)
			}
		})
	}
	t.Run("unset", func(t *testing.T) {
		t.Setenv("JOB_COMPLETION_INDEX", "9")
		if err := os.Unsetenv("JOB_COMPLETION_INDEX"); err != nil {
			t.Fatal(err)
		}
		if index, err := new(Runner).shardIndex(); index != 0 || err != nil {
			t.Errorf("index %d, error %v", index, err)
		}
	})
	t.Run("the runner's own", func(t *testing.T) {
		t.Setenv("JOB_COMPLETION_INDEX", "9")
		own := int32(3)
		if index, err := (&Runner{Index: &own}).shardIndex(); index != 3 || err != nil {
			t.Errorf("index %d, error %v", index, err)
		}
	})
}

// sidecar serves a real sandbox where the runner looks for it.
func (p *pod) sidecar(t *testing.T, name string, options sandbox.Options) {
	t.Helper()
	options.Root, options.EnvironmentDir = t.TempDir(), t.TempDir()
	server, err := sandbox.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	socket := p.socket(t, name)
	go func() { ended <- server.Listen(ctx, socket) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, server.Close()); err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
}

func (p *pod) socket(t *testing.T, name string) string {
	t.Helper()
	folder := filepath.Join(p.runner.Sockets, name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, contract.SocketName)
}

func TestStagesGetTheirSidecars(t *testing.T) {
	tests := map[v1alpha1.StageName][]string{
		v1alpha1.StageFetch:      nil,
		v1alpha1.StageSetup:      {contract.ContainerAgent},
		v1alpha1.StagePlan:       {contract.ContainerAgent, contract.ContainerGrader},
		v1alpha1.StageExperience: {contract.ContainerAgent, contract.ContainerGrader},
		v1alpha1.StageCurate:     nil,
		v1alpha1.StageTrain:      nil,
		v1alpha1.StageEvaluate:   {contract.ContainerAgent, contract.ContainerGrader},
	}
	for name, want := range tests {
		t.Run(string(name), func(t *testing.T) {
			p := newPod(t, name)
			for _, container := range want {
				p.sidecar(t, container, sandbox.Options{})
			}
			roots := map[string]bool{}
			p.does(func(_ context.Context, env Env) (contract.StageResult, error) {
				if env.Agent != nil {
					roots[env.Agent.Root()] = true
				}
				if env.Grader != nil {
					roots[env.Grader.Root()] = true
				}
				return contract.StageResult{ManifestDigest: "sha256:" + key("a")}, nil
			})
			if code, result := p.run(t); code != 0 || len(roots) != len(want) {
				t.Errorf("exit code %d, result %+v, boxes %v", code, result, roots)
			}
		})
	}
}

func TestASidecarOnAnOpenNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := newPod(t, v1alpha1.StageSetup).does(untouched(t))
	p.sidecar(t, contract.ContainerAgent, sandbox.Options{Isolated: true, Probes: []string{listener.Addr().String()}, Patience: time.Millisecond})
	result := p.ends(t, 40, v1alpha1.FailureConfiguration, "networkIsolation: NotEnforced")
	if !strings.Contains(result.Message, listener.Addr().String()+" answers") {
		t.Errorf("message %q does not say what answers", result.Message)
	}
}

// The clock is the bubble's: two minutes take no time.
func TestASidecarThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPod(t, v1alpha1.StagePlan).does(untouched(t))
		p.ends(t, 1, v1alpha1.FailureInfrastructure, "the sidecar agent does not answer")
		if took := time.Since(start); took != dialTimeout {
			t.Errorf("it ended after %s", took)
		}
		letDialEnd(t)
	})
}

// letDialEnd: a connection that nobody waits for any more is still dialled.
func letDialEnd(t *testing.T) { wait(t.Context(), time.Hour) }

func TestTheDeadlineGoesBeforeASidecarThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, v1alpha1.StagePlan).does(untouched(t))
		p.spec.DeadlineSeconds = 1
		p.ends(t, 46, v1alpha1.FailureDeadline, "its own time limit")
		letDialEnd(t)
	})
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		// The runner stops reading when it has read enough.
		_, _ = w.Write([]byte(text))
	}
}

func TestASidecarThatSpeaksSomethingElse(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"no JSON":   says("hello"),
		"no root":   says("{}"),
		"an error":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusInternalServerError) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a flood":   says(strings.Repeat(" ", 1<<20)),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"an old page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, v1alpha1.StageSetup).does(untouched(t))
			listener, err := net.Listen("unix", p.socket(t, contract.ContainerAgent))
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(listener) }()
			p.ends(t, 1, v1alpha1.FailureInfrastructure, "the sidecar agent does not answer")
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}

// Progress is at most a line a second, but the last step is always told.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, v1alpha1.StageCurate).does(func(ctx context.Context, env Env) (contract.StageResult, error) {
			for step := range int64(26) {
				env.Progress(contract.Progress{Step: step, Total: 25, Message: strings.Repeat("m\n", 1000)})
				wait(ctx, 100*time.Millisecond)
			}
			return contract.StageResult{ManifestDigest: "sha256:" + key("a")}, nil
		})
		p.run(t)
		var steps []int64
		for line := range strings.Lines(p.out.String()) {
			progress, err := contract.ParseProgress(strings.TrimSuffix(line, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, progress.Step)
		}
		if diff := cmp.Diff([]int64{0, 10, 20, 25}, steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// wait lets the bubble's clock go on.
func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
