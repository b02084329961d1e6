package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/stage"
)

// Extensions of the files that are copied. Formats that run code when they are
// loaded (pickles) are not among them.
var modelExtensions = []string{".json", ".safetensors", ".txt", ".model", ".jinja", ".tiktoken"}

// baseModel copies the base model into a place that only this stage writes.
func (s Sources) baseModel(ctx context.Context, env stage.Env) (string, error) {
	folder := env.Spec.Keys.BaseModelFolder()
	if _, digest, ok, err := reuse(env, folder); ok || err != nil {
		return digest, err
	}
	model := env.Spec.Recipe.BaseModel
	root, err := os.OpenRoot(filepath.Join(s.BaseModels, filepath.FromSlash(model.Claim.Path)))
	if err != nil {
		return "", wrongModel(model, err, "there is no such folder on the volume")
	}
	defer root.Close()
	names, err := modelFiles(root)
	if err != nil {
		return "", err
	}
	if missing := missingFiles(names); missing != "" {
		return "", wrongModel(model, nil, "the folder holds no "+missing)
	}
	return copyModel(ctx, env, root, names)
}

// copyModel seals a copy of the named files.
func copyModel(ctx context.Context, env stage.Env, root *os.Root, names []string) (string, error) {
	draft, err := env.Store.Begin(env.Spec.Keys.BaseModelFolder())
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := copyFile(ctx, root, name, draft.Path()); err != nil {
			return "", errors.Join(err, draft.Discard())
		}
	}
	model := env.Spec.Recipe.BaseModel
	return draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageFetch), Key: env.Spec.Keys.BaseModel, Tools: map[string]string{"model": model.Name, "revision": model.Revision}})
}

func wrongModel(model v1alpha1.BaseModel, cause error, why string) error {
	return stage.Fail(v1alpha1.FailureConfiguration, cause,
		"class baseModel.claim.path %q on claim %q: %s; name the folder with config.json, tokenizer and safetensors of %s",
		model.Claim.Path, model.Claim.ClaimName, why, model.Name)
}

// modelFiles lists the files of a model's folder that are copied.
func modelFiles(root *os.Root) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list the base model: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && slices.Contains(modelExtensions, path.Ext(e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// missingFiles names the first thing without which nothing can load the model.
func missingFiles(names []string) string {
	has := func(match func(string) bool) bool { return slices.ContainsFunc(names, match) }
	switch {
	case !has(func(n string) bool { return n == "config.json" }):
		return "config.json"
	case !has(func(n string) bool { return strings.HasSuffix(n, ".safetensors") }):
		return "safetensors (pickled weights are not loaded)"
	case !has(func(n string) bool { return strings.HasPrefix(n, "tokenizer") }):
		return "tokenizer"
	default:
		return ""
	}
}

func copyFile(ctx context.Context, root *os.Root, name, dir string) (err error) {
	in, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("copy the base model: %w", err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("copy the base model: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copy the base model: %s: %w", name, err)
	}
	return ctx.Err()
}
