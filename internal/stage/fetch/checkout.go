package fetch

import (
	"context"
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

// Checkout is where Fetch reads from on a machine without a cluster.
type Checkout struct {
	// Repository is the absolute folder of a git repository, bare or not. What is
	// not committed there plays no part.
	Repository string
	// Model is the absolute folder of a base model, of which the tokenizer is
	// copied and no weights; "" copies nothing.
	Model string
}

// Run is the stage Fetch from folders of this machine.
func (c Checkout) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	result := contract.StageResult{Counts: map[string]int64{}}
	var err error
	if c.Model != "" {
		if result.BaseModelDigest, err = c.tokenizer(ctx, env); err != nil {
			return result, err
		}
	}
	result.ManifestDigest, result.Reused, err = Sources{folder: c.Repository}.snapshot(ctx, env, result.Counts)
	return result, err
}

// tokenizer copies what counts a sample's tokens.
func (c Checkout) tokenizer(ctx context.Context, env stage.Env) (string, error) {
	if _, digest, ok, err := reuse(env, env.Spec.Keys.BaseModelFolder()); ok || err != nil {
		return digest, err
	}
	root, err := os.OpenRoot(c.Model)
	if err != nil {
		return "", stage.Fail(v1alpha1.FailureConfiguration, err, "the base model's folder %s cannot be opened: name the folder with its tokenizer", c.Model)
	}
	defer root.Close()
	names, err := TokenizerFiles(root)
	if err != nil {
		return "", stage.Fail(v1alpha1.FailureConfiguration, err, "the base model's folder %s: %v", c.Model, err)
	}
	return copyModel(ctx, env, root, names)
}

// TokenizerFiles lists the files of a model's folder that its tokenizer may be
// made of: all that Fetch copies but for the weights. It is an error when there
// is no tokenizer among them.
func TokenizerFiles(root *os.Root) ([]string, error) {
	names, err := modelFiles(root)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return path.Ext(name) == ".safetensors" })
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "tokenizer") }) {
		return nil, errors.New("it holds no tokenizer, such as tokenizer.json, as a file of its own; links are not followed")
	}
	return names, nil
}
