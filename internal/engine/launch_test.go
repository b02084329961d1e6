package engine

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func adapterFolder(t *testing.T, rank string) string {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "adapter_config.json"), `{"r": `+rank+`}`)
	return folder
}

func TestLaunchVLLM(t *testing.T) {
	small, large := adapterFolder(t, "12"), adapterFolder(t, "64")
	write(t, filepath.Join(small, "chat_template.jinja"), "x")
	tests := map[string]struct {
		models   []Model
		settings Settings
		want     string
		links    map[string]string
	}{
		"all arms on a CPU": {
			[]Model{
				{Name: "base", Kind: Complete, Folder: "/b"},
				{Name: "candidate", Kind: Adapter, Folder: small, Base: "/b"},
				{Name: "served", Kind: Adapter, Folder: large, Base: "/b"},
			},
			Settings{Device: v1alpha1.DeviceCPU, Port: 8001, ContextTokens: 2048},
			"serve base --served-model-name base --host 127.0.0.1 --port 8001 --generation-config vllm --max-model-len 2048 " +
				"--dtype float32 --enforce-eager --max-num-seqs 4 --enable-lora --max-lora-rank 64 --max-loras 2 " +
				"--lora-modules candidate=candidate served=served --chat-template " + filepath.Join(small, "chat_template.jinja"),
			map[string]string{"base": "/b", "candidate": small, "served": large},
		},
		"one adapter on a GPU": {
			[]Model{{Name: "expert", Kind: Adapter, Folder: large, Base: "/b"}},
			Settings{Device: v1alpha1.DeviceGPU, Port: 8001},
			"serve base-model --served-model-name base-model --host 127.0.0.1 --port 8001 --generation-config vllm " +
				"--enable-lora --max-lora-rank 64 --max-loras 1 --lora-modules expert=expert",
			map[string]string{"base-model": "/b", "expert": large},
		},
		"a complete model": {
			[]Model{{Name: "expert", Kind: Complete, Folder: "/m"}},
			Settings{Port: 8001},
			"serve expert --served-model-name expert --host 127.0.0.1 --port 8001 --generation-config vllm",
			map[string]string{"expert": "/m"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			launch, err := VLLM{}.Launch(test.models, test.settings)
			if err != nil {
				t.Fatal(err)
			}
			// The first three are the interpreter and its one-line program.
			if diff := cmp.Diff(test.want, strings.Join(launch.Args[3:], " ")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.links, launch.Links); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLaunchVLLMRefuses(t *testing.T) {
	tests := map[string]struct {
		models []Model
		want   string
	}{
		"two complete models": {[]Model{{Name: "a", Kind: Complete}, {Name: "b", Kind: Complete}}, "vLLM holds one"},
		"two base models":     {[]Model{{Name: "a", Kind: Adapter, Base: "/x"}, {Name: "b", Kind: Adapter, Base: "/y"}}, "another base model"},
		"nothing":             {nil, "no models"},
		"no configuration":    {[]Model{{Name: "a", Kind: Adapter, Folder: t.TempDir(), Base: "/x"}}, "adapter's configuration"},
		"no rank":             {[]Model{{Name: "a", Kind: Adapter, Folder: adapterFolder(t, "0"), Base: "/x"}}, "rank 0"},
		"rank too high":       {[]Model{{Name: "a", Kind: Adapter, Folder: adapterFolder(t, "1024"), Base: "/x"}}, "the most that vLLM serves"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := (VLLM{}).Launch(test.models, Settings{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLaunchTransformers(t *testing.T) {
	tests := map[string]struct {
		models   []Model
		settings Settings
		want     string
	}{
		"one model is pinned": {
			[]Model{{Name: "expert", Kind: Complete, Folder: "/m"}}, Settings{Device: v1alpha1.DeviceCPU, Port: 8001},
			"serve expert --host 127.0.0.1 --port 8001 --device cpu --dtype float32 --model-timeout=-1",
		},
		"several are loaded on request": {
			[]Model{{Name: "base", Kind: Complete, Folder: "/b"}, {Name: "candidate", Kind: Complete, Folder: "/m"}}, Settings{Port: 8001},
			"serve --host 127.0.0.1 --port 8001 --device cuda --dtype auto --model-timeout=-1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			launch, err := Transformers{}.Launch(test.models, test.settings)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.Join(launch.Args[3:], " ")); diff != "" {
				t.Error(diff)
			}
			if len(launch.Links) != len(test.models) {
				t.Errorf("links %v", launch.Links)
			}
		})
	}
}

func TestTogether(t *testing.T) {
	base := Model{Name: "base", Kind: Complete, Folder: "b"}
	adapter := Model{Name: "candidate", Kind: Adapter, Folder: "a", Base: "b"}
	merged := Model{Name: "served", Kind: Complete, Folder: "m"}
	other := Model{Name: "served", Kind: Adapter, Folder: "o", Base: "old"}
	tests := map[string]struct {
		engine Engine
		models []Model
		want   [][]Model
	}{
		"vLLM, base and adapter":        {VLLM{}, []Model{base, adapter}, [][]Model{{base, adapter}}},
		"vLLM, a complete model beside": {VLLM{}, []Model{base, adapter, merged}, [][]Model{{base, adapter}, {merged}}},
		"vLLM, two base models":         {VLLM{}, []Model{base, adapter, other}, [][]Model{{base, adapter}, {other}}},
		"Transformers":                  {Transformers{}, []Model{base, merged}, [][]Model{{base, merged}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.engine.Together(test.models)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever decides how an answer is drawn is said in the request.
func TestFields(t *testing.T) {
	for name, engine := range engines {
		for _, sampling := range []v1alpha1.Sampling{v1alpha1.SamplingGreedy, v1alpha1.SamplingPaper, ""} {
			content, err := json.Marshal(engine.Fields(sampling, 77))
			if err != nil {
				t.Fatal(err)
			}
			text := string(content)
			random := strings.Contains(text, "top_k")
			if random != (sampling != v1alpha1.SamplingGreedy) || !strings.Contains(text, "77") {
				t.Errorf("%s, %q: %s", name, sampling, text)
			}
		}
	}
}

func TestTrained(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"models/lora/adapter/x", "models/lora/merged/x", "models/full/merged/x", "models/bare/adapter/x"} {
		write(t, filepath.Join(root, name), "")
	}
	tests := map[string]struct {
		engine Engine
		folder string
		want   Model
		err    string
	}{
		"an adapter where the engine loads them":  {VLLM{}, "models/lora", Model{Name: "n", Kind: Adapter, Folder: "models/lora/adapter", Base: "base"}, ""},
		"else complete weights":                   {Transformers{}, "models/lora", Model{Name: "n", Kind: Complete, Folder: "models/lora/merged"}, ""},
		"complete weights where there is no more": {VLLM{}, "models/full", Model{Name: "n", Kind: Complete, Folder: "models/full/merged"}, ""},
		"nothing to serve":                        {Transformers{}, "models/bare", Model{}, "train again with this engine"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Trained(test.engine, root, "n", test.folder, "base")
			if got != test.want || (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestBelow(t *testing.T) {
	for folder, want := range map[string]string{
		"/artifacts/models/k": "models/k", "models/k": "models/k", "/etc": "/etc", "/artifacts/../etc": "/artifacts/../etc", "": "",
	} {
		if got := below("/artifacts", folder); got != want {
			t.Errorf("%q: got %q, want %q", folder, got, want)
		}
	}
}
