package local

import (
	"context"
	"io"
	"path/filepath"
)

// Toolchain is what the trainer and the engines need, kept on volumes.
type Toolchain struct {
	// Site is the folder of Python packages, Models the folder of base models.
	Site, Models string
}

// BaseModelName is the folder of the demo's base model below Toolchain.Models.
const BaseModelName = "smollm2-135m-instruct"

// EnsureToolchain installs the pinned trainer and engine and unpacks the base
// model, unless that is done.
func EnsureToolchain(ctx context.Context, root Root, progress io.Writer, vllm bool) (Toolchain, error) {
	args := []string{root.Path("hack", "demo", "toolchain.py")}
	if vllm {
		args = append(args, "--with-vllm")
	}
	site, err := output(ctx, progress, string(root), nil, "python3", args...)
	if err != nil {
		return Toolchain{}, err
	}
	model, err := output(ctx, progress, string(root), nil, "python3", root.Path("hack", "demo", "basemodel.py"), "--site", site)
	if err != nil {
		return Toolchain{}, err
	}
	return Toolchain{Site: site, Models: filepath.Dir(model)}, nil
}

// ImportReleases brings the demo repository to the first count releases.
func ImportReleases(ctx context.Context, root Root, progress io.Writer, repository string, count string) error {
	_, err := output(ctx, progress, string(root), nil, "python3", root.Path("hack", "demo", "releases.py"), "import", "--repository", repository, "--count", count)
	return err
}

// NextRelease adds the next release to the demo repository.
func NextRelease(ctx context.Context, root Root, progress io.Writer, repository string) error {
	_, err := output(ctx, progress, string(root), nil, "python3", root.Path("hack", "demo", "releases.py"), "next", "--repository", repository)
	return err
}
