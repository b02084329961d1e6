package local

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"
)

//go:embed manifests
var manifestFiles embed.FS

// Class is what varies between the demo's ExpertClasses.
type Class struct {
	Name          string
	PythonImage   string
	PythonPath    string
	ToolsMount    string
	BaseModelPath string
	// Engine is Transformers or VLLM, Memory the limit of its pods.
	Engine, Memory string
	// Answers is Computed, or Shuffled for the control experiment.
	Answers      string
	Seed         int
	Facts        int
	MinimumTasks int
	Epochs       int
}

// DemoClass is the class of the demo: LoRA on SmolLM2-135M on two CPU cores.
func DemoClass(images Images, tools Toolchain) Class {
	return Class{
		Name: "demo", PythonImage: images.Python, PythonPath: tools.PythonPath, ToolsMount: ToolsMount,
		BaseModelPath: BaseModelName, Engine: "Transformers", Memory: "8Gi", Answers: "Computed",
		Seed: 1, Facts: 60, MinimumTasks: 50, Epochs: 2,
	}
}

// Manifest renders the class.
func (c Class) Manifest() (string, error) { return render("manifests/class.yaml", c) }

// Expert is what varies between the demo's RepoExperts.
type Expert struct {
	Name, Namespace, URL, ClassName, EnvironmentImage string
}

// Manifest renders the expert.
func (e Expert) Manifest() (string, error) { return render("manifests/expert.yaml", e) }

func render(file string, data any) (string, error) {
	t, err := template.ParseFS(manifestFiles, file)
	if err != nil {
		return "", fmt.Errorf("manifest %s: %w", file, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("manifest %s: %w", file, err)
	}
	return out.String(), nil
}
