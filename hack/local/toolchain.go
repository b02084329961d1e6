package local

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Toolchain is what the trainer and the engines need.
type Toolchain struct {
	// Tools is the folder that holds the layers of Python packages, and
	// PythonPath names the layers as a pod sees them below ToolsMount.
	Tools, PythonPath string
	// Models is the folder of base models.
	Models string
}

// HostPath is PythonPath on this machine.
func (t Toolchain) HostPath() string { return strings.ReplaceAll(t.PythonPath, ToolsMount, t.Tools) }

// ToolsMount is where pods see Toolchain.Tools.
const ToolsMount = "/opt/tools"

// BaseModelName is the folder of the demo's base model below Toolchain.Models.
const BaseModelName = "smollm2-135m-instruct"

// EnsureToolchain installs the pinned trainer and engine and unpacks the base
// model, unless that is done. vllm adds the layer that serves with vLLM.
func EnsureToolchain(ctx context.Context, root Root, progress io.Writer, vllm bool) (Toolchain, error) {
	w := workbench{root, progress}
	args := []string{root.Path("hack", "demo", "toolchain.py"), "build"}
	if vllm {
		args = append(args, "--with-vllm")
	}
	path, err := w.output(ctx, nil, "python3", args...)
	if err != nil {
		return Toolchain{}, err
	}
	model, err := w.output(ctx, nil, "python3", root.Path("hack", "demo", "basemodel.py"), "--site", path)
	if err != nil {
		return Toolchain{}, err
	}
	layers := filepath.SplitList(path)
	tools := filepath.Dir(filepath.Dir(layers[0]))
	for i, layer := range layers {
		relative, err := filepath.Rel(tools, layer)
		if err != nil {
			return Toolchain{}, fmt.Errorf("tool layer %s is not below %s: %w", layer, tools, err)
		}
		layers[i] = ToolsMount + "/" + relative
	}
	return Toolchain{Tools: tools, PythonPath: strings.Join(layers, ":"), Models: filepath.Dir(model)}, nil
}
