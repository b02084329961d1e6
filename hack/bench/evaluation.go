package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language/adapters"
	locally "github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// evaluationBench is one call of the command.
type evaluationBench struct {
	only    []string
	tasks   int32
	commits int32
	seed    int64
}

func newEvaluation() *cobra.Command {
	b := evaluationBench{}
	cmd := &cobra.Command{
		Use: "evaluation", Short: "Admit and grade tasks of every executable kind and hold-out protocol", Args: cobra.NoArgs,
		Long: `evaluation lets the stages Plan and Evaluate make tasks of real repositories: with Frontier of
the newest commits, with Prequential of held-out functions and, apart, of the commits after
a served model's. It prints how many candidates became tasks and why others did not, how
the known answers and none were graded, and how long it took. It fails if one known answer is
wrong, or none is right.

The models are simulated: they submit nothing, at once. So no time of a model is in it.

` + locally.Notice,
		RunE: reported(func(ctx context.Context, out io.Writer) error { return b.run(ctx, out) }),
	}
	cmd.Flags().StringSliceVar(&b.only, "only", []string{"click", "cobra"}, "repositories to evaluate on")
	cmd.Flags().Int32Var(&b.tasks, "tasks", 10, "most tasks of a kind")
	cmd.Flags().Int32Var(&b.commits, "commits", 60, "newest commits with code and tests that tasks are taken from")
	cmd.Flags().Int64Var(&b.seed, "seed", 1, "seed that draws functions and mutants")
	return cmd
}

func (b evaluationBench) run(ctx context.Context, out io.Writer) error {
	return eachSubject(b.only, func(w workspace, s subject) error { return b.measure(ctx, w, s, out) })
}

// measure evaluates on a subject with both protocols. The model that Prequential
// takes for served was trained on the commit that Frontier trains on.
func (b evaluationBench) measure(ctx context.Context, w workspace, s subject, out io.Writer) (err error) {
	p, err := w.prepare(ctx, s)
	if err != nil {
		return err
	}
	trained := ""
	for _, holdout := range []v1alpha1.Holdout{v1alpha1.HoldoutFrontier, v1alpha1.HoldoutPrequential} {
		folder := filepath.Join(w.dir, s.name+"-evaluation")
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		e := evaluationRun{bench: b, workspace: w, place: p, holdout: holdout, out: folder, served: trained}
		err := e.run(ctx)
		if err == nil {
			err = e.print(out)
		}
		if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
			return fmt.Errorf("%s: %w", holdout, err)
		}
		trained = e.trained
	}
	return nil
}

// evaluationRun is one evaluation.
type evaluationRun struct {
	bench     evaluationBench
	workspace workspace
	place     place
	holdout   v1alpha1.Holdout
	// out is an artifact volume.
	out string
	// trained is the commit that the candidate learned, served that of the served
	// model, "" for none.
	trained, served string

	report report.Report
	// planning, admission and asking are the time of Plan, until the first model is
	// asked, and from then on.
	planning, admission, asking time.Duration
	// cpu is what the sandbox used in Evaluate.
	cpu time.Duration
}

// kinds that the subjects have tasks of: hardly a commit adds something to held-out
// functions alone.
func (e *evaluationRun) kinds() []v1alpha1.EvaluationKind {
	names := []v1alpha1.KindName{v1alpha1.KindIssueResolution, v1alpha1.KindTestGeneration, v1alpha1.KindContextualImplementation}
	if e.holdout == v1alpha1.HoldoutFrontier {
		names = v1alpha1.CommitKinds
	}
	var kinds []v1alpha1.EvaluationKind
	for _, name := range names {
		kinds = append(kinds, v1alpha1.EvaluationKind{Name: name, Tasks: e.bench.tasks})
	}
	return kinds
}

func (e *evaluationRun) run(ctx context.Context) error {
	if err := e.plan(ctx); err != nil {
		return err
	}
	env, err := e.env()
	if err != nil {
		return err
	}
	return e.evaluate(ctx, env)
}

func (e *evaluationRun) options() locally.Options {
	options := locally.DefaultOptions()
	options.Framework, options.PythonPath, options.Seed = e.place.framework, e.place.pythonPath, e.bench.seed
	options.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitContextualImplementation, Samples: 1}}
	options.Holdout, options.HoldoutCommits, options.Kinds = e.holdout, e.bench.commits, e.kinds()
	return options
}

// plan makes snapshot and plan as "worker plan" does.
func (e *evaluationRun) plan(ctx context.Context) (err error) {
	checkout, err := locally.OpenCheckout(ctx, e.place.checkout)
	if err != nil {
		return err
	}
	session, err := locally.Open(ctx, locally.NewDisplay(os.Stderr), checkout, e.out, e.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := session.Run(ctx, v1alpha1.StageFetch); err != nil {
		return err
	}
	if e.trained, err = e.trainedCommit(); err != nil {
		return err
	}
	if err := e.downloadModules(ctx); err != nil {
		return err
	}
	start := time.Now()
	err = session.Run(ctx, v1alpha1.StagePlan)
	e.planning = time.Since(start)
	return err
}

func (e *evaluationRun) trainedCommit() (string, error) {
	folder, err := only(filepath.Join(e.out, contract.SnapshotsFolder))
	if err != nil {
		return "", err
	}
	frontier, parted, err := snapshot.ReadFrontier(folder)
	if !parted {
		return e.place.commit, err
	}
	return frontier.Trained, err
}

// downloadModules brings what the trained commit requires: the environment is that of
// its tree, and the sandbox downloads nothing.
func (e *evaluationRun) downloadModules(ctx context.Context) (err error) {
	if e.place.framework != v1alpha1.TestGo {
		return nil
	}
	folder, err := os.MkdirTemp("", "bench-modules-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := e.workspace.output(ctx, e.place.checkout, "git", "show", e.trained+":"+name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return e.workspace.run(ctx, folder, "go", "mod", "download", "all")
}

// env is what the manager and the pod would give to Evaluate, with folders that stand
// for models: their weights are never read.
func (e *evaluationRun) env() (env stage.Env, err error) {
	if env.Store, err = artifact.Open(e.out); err != nil {
		return env, err
	}
	env.Log, env.Progress = slog.New(slog.DiscardHandler), func(contract.Progress) {}
	options := e.options()
	env.Spec = contract.StageSpec{
		Stage: v1alpha1.StageEvaluate, Commit: e.place.commit, Rollouts: 1, Look: 1, Inputs: map[string]string{},
		Keys: contract.Keys{BaseModel: simulatedKey("a"), Model: simulatedKey("b"), Evaluation: simulatedKey("c")},
		Recipe: v1alpha1.Recipe{
			Repository:  v1alpha1.Repository{URL: e.place.url},
			Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: e.place.framework}},
			Experience: v1alpha1.Experience{
				Units: options.Units, Seed: options.Seed,
				CommandTimeout: metav1.Duration{Duration: options.CommandTimeout}, TestTimeout: metav1.Duration{Duration: options.TestTimeout},
			},
			Evaluation: v1alpha1.Evaluation{
				Holdout: e.holdout, HoldoutPercent: options.HoldoutPercent, HoldoutCommits: options.HoldoutCommits, Kinds: options.Kinds,
				Agent: v1alpha1.AgentProfile{MaxSteps: 2, MaxTokensPerTurn: 64, ContextTokens: 48000, Sampling: v1alpha1.SamplingGreedy},
			},
			Engine: v1alpha1.EngineTransformers, EngineDevice: v1alpha1.DeviceCPU,
		},
	}
	return env, errors.Join(e.addOutputs(&env), e.addModels(&env))
}

func simulatedKey(digit string) string { return strings.Repeat(digit, 64) }

// addOutputs makes snapshot and plan inputs.
func (e *evaluationRun) addOutputs(env *stage.Env) error {
	for below, key := range map[string]*string{contract.SnapshotsFolder: &env.Spec.Keys.Snapshot, contract.PlansFolder: &env.Spec.Keys.Plan} {
		folder, err := only(filepath.Join(e.out, below))
		if err != nil {
			return err
		}
		*key = filepath.Base(folder)
		name := path.Join(below, *key)
		if _, env.Spec.Inputs[name], err = env.Store.Lookup(name); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluationRun) addModels(env *stage.Env) error {
	seal := func(folder, seen string) error {
		files := map[string]string{"config.json": "{}"}
		if seen != "" {
			content, err := json.Marshal(recipe.Seen{Commits: []string{seen}})
			if err != nil {
				return err
			}
			files = map[string]string{"merged/config.json": "{}", recipe.SeenFile: string(content)}
		}
		digest, err := sealFiles(env.Store, folder, files)
		env.Spec.Inputs[folder] = digest
		return err
	}
	err := errors.Join(seal(env.Spec.Keys.BaseModelFolder(), ""), seal(env.Spec.Keys.Output(v1alpha1.StageTrain), e.trained))
	if err != nil || e.served == "" {
		return err
	}
	key := simulatedKey("d")
	folder := path.Join(contract.ModelsFolder, key)
	if err := seal(folder, e.served); err != nil {
		return err
	}
	env.Spec.Served = &contract.ServedModel{Commit: e.served, ModelKey: key, ModelDigest: env.Spec.Inputs[folder]}
	return nil
}

func sealFiles(store *artifact.Store, folder string, files map[string]string) (string, error) {
	draft, err := store.Begin(folder)
	if err != nil {
		return "", err
	}
	for name, content := range files {
		name = filepath.Join(draft.Path(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return "", errors.Join(err, draft.Discard())
		}
		if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
			return "", errors.Join(err, draft.Discard())
		}
	}
	return draft.Seal(artifact.Manifest{Key: path.Base(folder)})
}

// evaluate runs the stage with models that submit nothing.
func (e *evaluationRun) evaluate(ctx context.Context, env stage.Env) (err error) {
	boxes, err := locally.StartSandbox(ctx, e.place.pythonPath, env.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, boxes.Close()) }()
	for name, box := range map[string]*sandbox.Box{contract.ContainerAgent: &env.Agent, contract.ContainerGrader: &env.Grader} {
		client, err := boxes.Box(ctx, name)
		if err != nil {
			return err
		}
		defer client.Close()
		*box = client
	}
	models, err := serveIdleModels(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, models.close()) }()
	start := time.Now()
	_, err = evaluate.Stage{Servers: models, Port: models.port, Adapter: adapters.For, Out: io.Discard}.Run(ctx, env)
	if err != nil {
		return err
	}
	e.admission, e.asking, e.cpu = models.asked.Sub(start), time.Since(models.asked), boxes.CPU()
	return readJSON(filepath.Join(e.out, filepath.FromSlash(env.Spec.Keys.Output(v1alpha1.StageEvaluate)), evaluate.ReportFile), &e.report)
}
