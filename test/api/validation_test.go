// Package api holds tests of the API's schemas against a real API server.
package api

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

var api client.Client

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or `make envtest-assets` and export `bin/devcluster assets`")
		return 1
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start API server:", err)
		return 1
	}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop API server:", err)
		}
	}()
	api, err = client.New(config, client.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		return 1
	}
	return m.Run()
}

func parse(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &object); err != nil {
		t.Fatalf("parse manifest: %v", err)
	}
	return &unstructured.Unstructured{Object: object}
}

const expert = `
apiVersion: repoexpert.dev/v1alpha1
kind: RepoExpert
metadata: {name: %s, namespace: default}
spec:
  repository:
    url: %q
    ref: %s
  environment:
    image: %s
    test: {framework: %s}
`

func TestRepoExpertValidation(t *testing.T) {
	const url, image = "https://git.example/pallets/click.git", "registry.example/env:1"
	tests := map[string]struct {
		name, url, ref, image, framework string
		want                             string
	}{
		"valid":                     {name: "click"},
		"ssh with a user":           {url: "ssh://git@git.example:22/a/b.git"},
		"longest name":              {name: strings.Repeat("a", 35)},
		"name too long":             {name: strings.Repeat("a", 36), want: "at most 35 characters"},
		"name with a dot":           {name: "a.b", want: "DNS-1035"},
		"name starts with a digit":  {name: "1a", want: "DNS-1035"},
		"file scheme":               {url: "file:///etc/passwd", want: "must start with https://, http:// or ssh://"},
		"ext transport":             {url: "ext::sh -c whoami", want: "must start with https://, http:// or ssh://"},
		"git scheme":                {url: "git://git.example/a.git", want: "must start with https://, http:// or ssh://"},
		"option as host":            {url: "ssh://-oProxyCommand=id/a.git", want: "without options"},
		"option in the path":        {url: "https://git.example/--upload-pack=id", want: "without options"},
		"query":                     {url: "https://git.example/a.git?x=y", want: "without options"},
		"space":                     {url: "https://git.example/a b.git", want: "without options"},
		"new line":                  {url: "https://git.example/a\n.git", want: "without options"},
		"password in the URL":       {url: "https://user:secret@git.example/a.git", want: "without options"},
		"user name in an https URL": {url: "https://token@git.example/a.git", want: "must not hold credentials"},
		"no ref":                    {ref: "{}", want: "exactly one of branch, tag or commit"},
		"two refs":                  {ref: "{branch: main, tag: v1}", want: "exactly one of branch, tag or commit"},
		"branch that is an option":  {ref: "{branch: --upload-pack=x}", want: "spec.repository.ref.branch"},
		"short commit":              {ref: "{commit: abc123}", want: "spec.repository.ref.commit"},
		"unknown test framework":    {framework: "Jest", want: "spec.environment.test.framework"},
		"image that is an option":   {image: "--privileged", want: "spec.environment.image"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			or := func(v, fallback string) string {
				if v == "" {
					return fallback
				}
				return v
			}
			object := parse(t, fmt.Sprintf(expert, or(tc.name, "click"), or(tc.url, url), or(tc.ref, "{branch: main}"), or(tc.image, image), or(tc.framework, "Pytest")))
			expectCreate(t, object, tc.want)
		})
	}
}

func expectCreate(t *testing.T, object client.Object, want string) {
	t.Helper()
	err := api.Create(context.Background(), object, client.DryRunAll)
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error %q does not contain %q", err, want)
	}
}

func TestRepoExpertDefaults(t *testing.T) {
	object := parse(t, fmt.Sprintf(expert, "defaults", "https://git.example/a.git", "{branch: main}", "registry.example/env:1", "Pytest"))
	if err := api.Create(context.Background(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := unstructured.NestedString(object.Object, "spec", "promotion"); got != "Automatic" {
		t.Errorf("spec.promotion = %q, want Automatic", got)
	}
}

const class = `
apiVersion: repoexpert.dev/v1alpha1
kind: ExpertClass
metadata: {name: taught}
spec:
  baseModel: {name: base, claim: {claimName: base}}
  training: {method: Full}
  serving: {engine: Transformers}
  storage: {size: 1Gi}
  teacher: %s
`

func TestTeacherValidation(t *testing.T) {
	const budget = `budget: {tokens: 5000000}`
	tests := map[string]struct{ teacher, want string }{
		"valid":               {`{url: "https://api.example/v1", model: big/model-1, ` + budget + `}`, ""},
		"in the cluster":      {`{url: "http://vllm.models.svc:8000/v1/", model: "qwen3:4b", ` + budget + `}`, ""},
		"all of it":           {`{url: "https://api.example", model: m@1, secretRef: {name: key}, sampling: {temperature: "0.7", topP: "0.9", topK: 5, repetitionPenalty: "1.1"}, maxTokensPerTurn: 1024, contextTokens: 32000, attemptsPerTask: 4, concurrency: 32, requestTimeout: 5m, budget: {tokens: 1000, cost: {limit: "12.50", promptPrice: "1.25", completionPrice: "10"}}}`, ""},
		"money alone":         {`{url: "https://api.example", model: m, budget: {cost: {limit: "5", promptPrice: "1", completionPrice: "2"}}}`, ""},
		"no scheme":           {`{url: "api.example/v1", model: m, ` + budget + `}`, "must start with https:// or http://"},
		"file":                {`{url: "file:///etc/passwd", model: m, ` + budget + `}`, "must start with https:// or http://"},
		"credentials":         {`{url: "https://user:secret@api.example/v1", model: m, ` + budget + `}`, "without credentials"},
		"key in the query":    {`{url: "https://api.example/v1?key=secret", model: m, ` + budget + `}`, "query or fragment"},
		"dots":                {`{url: "https://api.example/v1/../admin", model: m, ` + budget + `}`, "without credentials"},
		"space":               {`{url: "https://api.example/a b", model: m, ` + budget + `}`, "spaces"},
		"no model":            {`{url: "https://api.example/v1", ` + budget + `}`, "model: Required"},
		"model with a quote":  {`{url: "https://api.example/v1", model: "a\"b", ` + budget + `}`, "spec.teacher.model"},
		"no budget":           {`{url: "https://api.example/v1", model: m}`, "budget: Required"},
		"empty budget":        {`{url: "https://api.example/v1", model: m, budget: {}}`, "needs tokens, cost or both"},
		"tiny budget":         {`{url: "https://api.example/v1", model: m, budget: {tokens: 1}}`, "greater than or equal to 1000"},
		"cost without prices": {`{url: "https://api.example/v1", model: m, budget: {cost: {limit: "5"}}}`, "promptPrice: Required"},
		"negative price":      {`{url: "https://api.example/v1", model: m, budget: {cost: {limit: "5", promptPrice: "-1", completionPrice: "1"}}}`, "spec.teacher.budget.cost.promptPrice"},
		"turn above context":  {`{url: "https://api.example/v1", model: m, maxTokensPerTurn: 4096, contextTokens: 4096, ` + budget + `}`, "must be below teacher.contextTokens"},
		"no concurrency":      {`{url: "https://api.example/v1", model: m, concurrency: 257, ` + budget + `}`, "less than or equal to 256"},
		"temperature":         {`{url: "https://api.example/v1", model: m, sampling: {temperature: hot}, ` + budget + `}`, "spec.teacher.sampling.temperature"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expectCreate(t, parse(t, fmt.Sprintf(class, tc.teacher)), tc.want) })
	}
}

func TestTeacherDefaults(t *testing.T) {
	object := parse(t, fmt.Sprintf(class, `{url: "https://api.example/v1", model: m, budget: {tokens: 1000}}`))
	if err := api.Create(context.Background(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	got, _, err := unstructured.NestedMap(object.Object, "spec", "teacher")
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"maxTokensPerTurn": int64(4096), "contextTokens": int64(48000), "attemptsPerTask": int64(2), "concurrency": int64(8), "requestTimeout": "10m",
	} {
		if got[field] != want {
			t.Errorf("spec.teacher.%s = %v, want %v", field, got[field], want)
		}
	}
	if got["sampling"] != nil {
		t.Errorf("spec.teacher.sampling = %v: what is left out is not the schema's to say", got["sampling"])
	}
}

// minimalRun is a run with nothing but what is required.
var minimalRun = `
apiVersion: repoexpert.dev/v1alpha1
kind: ExpertRun
metadata: {name: click-00000000, namespace: default}
spec:
  expertName: click
  expertUID: 6a0d1c62-0000-0000-0000-000000000000
  key: "` + strings.Repeat("0", 64) + `"
  commit: "` + strings.Repeat("a", 40) + `"
  shortCommit: aaaaaaaa
  className: default
  recipe:
    repository: {url: "https://git.example/a.git", ref: {branch: main}}
    environment: {image: "registry.example/env:1", test: {framework: Pytest}}
    baseModel: {name: base, claim: {claimName: base}}
    experience: {}
    training: {method: Full}
    evaluation: {}
    engine: Transformers
`

func TestExpertRunSpecIsImmutable(t *testing.T) {
	ctx := context.Background()
	run := aRun(t)
	if err := unstructured.SetNestedField(run.Object, strings.Repeat("b", 40), "spec", "commit"); err != nil {
		t.Fatal(err)
	}
	err := api.Update(ctx, run)
	if err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("update of spec.commit: %v, want it refused as immutable", err)
	}
}

func TestSamplesPassServerSideDryRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "samples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	applied := 0
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object := parse(t, string(raw))
		if object.GetKind() != "ExpertClass" {
			object.SetNamespace("default")
		}
		err = api.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(object), client.DryRunAll, client.FieldOwner("test"))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		applied++
	}
	if applied < 3 {
		t.Errorf("applied %d samples, want at least 3", applied)
	}
}
