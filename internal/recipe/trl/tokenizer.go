package trl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Tokenizer counts tokens with the base model's own tokenizer, in Python.
type Tokenizer struct{}

const tokensFile = "tokens.py"

// maxTokenizerError bounds what is quoted of the script's last words.
const maxTokenizerError = 300

// Count returns the length of every sample in training, in tokens.
func (Tokenizer) Count(ctx context.Context, baseModel string, samples []task.Sample) ([]int, error) {
	work, err := os.MkdirTemp("", "tokens-")
	if err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }() // an emptyDir: what stays ends with the pod
	if err := write(work, map[string][]byte{tokensFile: TokensScript, templateFile: ChatTemplate}); err != nil {
		return nil, err
	}
	args := []string{tokensFile, "--model", baseModel}
	ours, err := UsesChatTemplate(baseModel)
	if err != nil {
		return nil, err
	}
	if ours {
		args = append(args, "--template", templateFile)
	}
	var input, output, errors bytes.Buffer
	if err := task.Encode(&input, samples); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "python3", args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = work, &input, &output, &errors
	cmd.Env = os.Environ()
	for name, value := range environment(work) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Run(); err != nil {
		return nil, tokenizerFailure(cmd.ProcessState, err, errors.String())
	}
	return parseCounts(&output, len(samples))
}

// Check finds out whether python3 is there and has what Count needs. It loads
// nothing.
func (Tokenizer) Check(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "python3", "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('transformers') is None)")
	cmd.Env = os.Environ()
	for name, value := range environment(os.TempDir()) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Run(); err != nil {
		return stage.Fail(v1alpha1.FailureConfiguration, err, "python3 cannot import transformers, which counts tokens: install it for python3, or name its folder in PYTHONPATH")
	}
	return nil
}

// tokenizerFailure keeps the class that the script's exit code says.
func tokenizerFailure(state *os.ProcessState, err error, said string) error {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.ToValidUTF8(lines[len(lines)-1], "?")
	last = last[:min(len(last), maxTokenizerError)]
	class := v1alpha1.FailureUnknown
	// A script that ended well and whose output broke off has no class to tell.
	if state != nil && !state.Success() {
		class = contract.ClassOfExit(int32(state.ExitCode()))
	}
	return stage.Fail(class, err, "tokens cannot be counted with the base model's tokenizer: %s", last)
}

func parseCounts(output *bytes.Buffer, want int) ([]int, error) {
	counts := make([]int, 0, want)
	decoder := json.NewDecoder(output)
	for range want {
		var line struct {
			Tokens int `json:"tokens"`
		}
		if err := decoder.Decode(&line); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", filepath.Base(tokensFile), len(counts)+1, err)
		}
		counts = append(counts, line.Tokens)
	}
	return counts, nil
}
