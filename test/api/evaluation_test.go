package api

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestGateValidation(t *testing.T) {
	tests := map[string]struct{ gate, want string }{
		"all of it":            {`{primaryKind: IssueResolution, minGainPoints: 0, marginPoints: 50, alphaPerMille: 200, looks: Three, underpowered: Stop, floors: [{kind: TestGeneration, points: 100}]}`, ""},
		"two looks":            {`{looks: Two}`, "spec.gate.looks"},
		"silence":              {`{underpowered: Ignore}`, "spec.gate.underpowered"},
		"a kind of our own":    {`{primaryKind: Vibes}`, "spec.gate.primaryKind"},
		"a margin of nothing":  {`{marginPoints: 0}`, "greater than or equal to 1"},
		"a level of one third": {`{alphaPerMille: 333}`, "less than or equal to 200"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expectCreate(t, gated(t, tc.gate), tc.want) })
	}
}

func gated(t *testing.T, gate string) *unstructured.Unstructured {
	t.Helper()
	object := parse(t, fmt.Sprintf(class, `{url: "https://api.example/v1", model: m, budget: {tokens: 1000}}`))
	var value map[string]any
	if err := yaml.Unmarshal([]byte(gate), &value); err != nil {
		t.Fatal(err)
	}
	set(t, object, value, "spec", "gate")
	return object
}

func set(t *testing.T, object *unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}

func TestGateDefaults(t *testing.T) {
	object := gated(t, `{}`)
	if err := api.Create(context.Background(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	got, _, err := unstructured.NestedMap(object.Object, "spec", "gate")
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{"looks": "One", "underpowered": "Warn", "marginPoints": int64(10), "alphaPerMille": int64(50)} {
		if got[field] != want {
			t.Errorf("spec.gate.%s = %v, want %v", field, got[field], want)
		}
	}
}

func TestPinReasonIsOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ reason, want string }{
		"a line":           {"the old model leaks a key", ""},
		"the longest line": {strings.Repeat("x", 256), ""},
		"too long":         {strings.Repeat("x", 257), "spec.serving.pinReason"},
		"two lines":        {"one\ntwo", "serving.pinReason is one line"},
		"a return":         {"one\rtwo", "serving.pinReason is one line"},
	} {
		t.Run(name, func(t *testing.T) {
			object := parse(t, fmt.Sprintf(expert, "click", "https://git.example/a.git", "{branch: main}", "registry.example/env:1", "Pytest"))
			set(t, object, map[string]any{"pinnedRunName": "click-1f0c9ab2", "pinReason": tc.reason}, "spec", "serving")
			expectCreate(t, object, tc.want)
		})
	}
}

// A record is stored whole, and what the manager must refuse the API server would
// too.
func TestRecordValidation(t *testing.T) {
	const record = `{fingerprint: f, protocol: Tasks, candidateDigest: "sha256:0", anchorDigest: "sha256:1", look: 2,
  kinds: [{name: FeatureImplementation, clusters: [0, 0, 1000000], fresh: "010", arms: [
    {name: anchor, successes: "09x", rollouts: 9, usage: {episodes: 27, turns: 40, formatErrors: 1, tokens: 5000000000}}]}]}`
	for name, tc := range map[string]struct{ old, new, want string }{
		"all of it":              {"", "", ""},
		"a look that is none":    {"look: 2", "look: 9", "look"},
		"a kind of our own":      {"FeatureImplementation", "Vibes", "name"},
		"an arm of our own":      {"name: anchor", "name: best", "name"},
		"more rollouts than fit": {"rollouts: 9", "rollouts: 10", "rollouts"},
		"letters":                {"09x", "0y9", "successes"},
		"odd freshness":          {`"010"`, `"012"`, "fresh"},
		"a cluster without one":  {"[0, 0, 1000000]", "[0, -1]", "clusters"},
		"a cluster beyond all":   {"1000000]", "1000001]", "clusters"},
		"negative usage":         {"turns: 40", "turns: -40", "turns"},
	} {
		t.Run(name, func(t *testing.T) {
			run := aRun(t)
			var value map[string]any
			if err := yaml.Unmarshal([]byte(strings.Replace(record, tc.old, tc.new, 1)), &value); err != nil {
				t.Fatal(err)
			}
			set(t, run, value, "status", "evaluation")
			err := api.Status().Update(context.Background(), run, client.DryRunAll)
			if (tc.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if got, _, _ := unstructured.NestedMap(run.Object, "status", "evaluation"); err == nil && got["anchorDigest"] != "sha256:1" {
				t.Errorf("stored %v", got)
			}
		})
	}
}

// aRun creates a run for the time of a test.
func aRun(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	run := parse(t, minimalRun)
	if err := api.Create(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Delete(context.Background(), run); err != nil {
			t.Error(err)
		}
	})
	return run
}
