package recipe

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

func TestClassify(t *testing.T) {
	tests := map[string]struct {
		code   int
		output string
		want   v1alpha1.FailureClass
	}{
		"what was printed wins over the code":    {1, "RuntimeError: CUDA out of memory. Tried to allocate", v1alpha1.FailureOutOfMemory},
		"the first cause wins":                   {1, "No space left on device\nMemoryError", v1alpha1.FailureInfrastructure},
		"killed":                                 {137, "", v1alpha1.FailureOutOfMemory},
		"our own code for configuration":         {40, "sft.yaml: unknown key", v1alpha1.FailureConfiguration},
		"our own code for data":                  {42, "train.jsonl, line 3", v1alpha1.FailureData},
		"our own code for integrity":             {45, "scores differ", v1alpha1.FailureIntegrity},
		"a hub that is asked for a missing file": {1, "huggingface_hub.errors.LocalEntryNotFoundError: x", v1alpha1.FailureConfiguration},
		"no GPU":                                 {1, "RuntimeError: No CUDA GPUs are available", v1alpha1.FailureConfiguration},
		"anything else":                          {1, "ValueError", v1alpha1.FailureUnknown},
		"stopped":                                {143, "", v1alpha1.FailureUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Classify(test.code, test.output).Class; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func safetensors(header, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + data
}

func TestCheckWeights(t *testing.T) {
	const one = `{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	tests := map[string]struct {
		files map[string]string
		want  int
		err   string
	}{
		"whole":             {map[string]string{"model-1.safetensors": safetensors(one, "abcd"), "model-2.safetensors": safetensors(one, "abcd")}, 2, ""},
		"none":              {map[string]string{"model.bin": "x"}, 0, "no file model*.safetensors"},
		"empty file":        {map[string]string{"model.safetensors": ""}, 0, "has no header"},
		"cut short":         {map[string]string{"model.safetensors": safetensors(one, "abc")}, 0, "its header names"},
		"too long":          {map[string]string{"model.safetensors": safetensors(one, "abcde")}, 0, "its header names"},
		"no tensors":        {map[string]string{"model.safetensors": safetensors("{}", "")}, 0, "holds no tensors"},
		"huge header":       {map[string]string{"model.safetensors": "\xff\xff\xff\xff\xff\xff\xff\x7f{}"}, 0, "header of"},
		"header is no JSON": {map[string]string{"model.safetensors": safetensors("no", "")}, 0, "header"},
		"negative place":    {map[string]string{"model.safetensors": safetensors(`{"w":{"data_offsets":[-4,0]}}`, "")}, 0, "no valid place"},
		"place of three":    {map[string]string{"model.safetensors": safetensors(`{"w":{"data_offsets":[0,1,2]}}`, "ab")}, 0, "no valid place"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for name, content := range test.files {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := CheckWeights(folder, "model*.safetensors")
			if got != test.want || (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

// A file of any content is refused or whole, never read beyond its end.
func FuzzCheckWeights(f *testing.F) {
	f.Add([]byte(safetensors(`{"w":{"data_offsets":[0,4]}}`, "abcd")))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "model.safetensors"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := CheckWeights(folder, "*.safetensors"); err == nil && (n == 0 || len(content) < 8) {
			t.Errorf("%d tensors in %d bytes", n, len(content))
		}
	})
}

func TestSeen(t *testing.T) {
	seen := Seen{Facts: []SeenFact{{ID: "f1", Answer: "src/a.py"}}, Tasks: []string{"m1"}, Clusters: []string{"c1"}}
	facts := map[string]struct {
		fact recall.Fact
		want bool
	}{
		"taught":                   {recall.Fact{ID: "f1", Answer: "./src/a.py"}, true},
		"taught with other answer": {recall.Fact{ID: "f1", Answer: "src/b.py"}, false},
		"not taught":               {recall.Fact{ID: "f2", Answer: "src/a.py"}, false},
	}
	for name, test := range facts {
		if got := seen.Knows(test.fact); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	masks := map[string]struct {
		mask task.Mask
		want bool
	}{
		"held out":               {task.Mask{ID: "m2", Cluster: "c2"}, true},
		"trained":                {task.Mask{ID: "m1", Cluster: "c2"}, false},
		"its twin was trained":   {task.Mask{ID: "m3", Cluster: "c1"}, false},
		"written since, unknown": {task.Mask{ID: "m9", Cluster: "c9"}, true},
	}
	for name, test := range masks {
		if got := seen.Held(test.mask.ID, test.mask.Cluster); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestReadSeen(t *testing.T) {
	folder := t.TempDir()
	if _, err := ReadSeen(folder); err == nil {
		t.Error("a missing list must be an error")
	}
	name := filepath.Join(folder, SeenFile)
	if err := os.WriteFile(name, []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSeen(folder); err == nil {
		t.Error("an unreadable list must be an error")
	}
	if err := os.WriteFile(name, []byte(`{"facts":[{"id":"a","answer":"b"}],"tasks":["t"],"clusters":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSeen(folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Seen{Facts: []SeenFact{{"a", "b"}}, Tasks: []string{"t"}, Clusters: []string{}}, got); diff != "" {
		t.Error(diff)
	}
}
