package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// basePackages are in every image: what the worker, the manager, Python tools
// on a volume and the demo repository's tests need. One list, so that all
// images share one layer.
var basePackages = []string{"python3", "git", "openssh-client", "ca-certificates", "libnuma1"}

// Images are the references of the images that the demo builds.
type Images struct {
	Manager, Worker, Environment, Python, Tool string
}

// imageSpec is one image on top of the base file system.
type imageSpec struct {
	name       string
	add        []string
	user       string
	entrypoint string
	env        []string
}

// BuildImages builds the operator's images and the demo's, and returns their
// references and archives. Tags come from the content, so that an unchanged
// image is not loaded again.
func BuildImages(ctx context.Context, root Root, progress io.Writer) (Images, []string, error) {
	cache, err := CacheDir()
	if err != nil {
		return Images{}, nil, err
	}
	dir := filepath.Join(cache, "images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Images{}, nil, err
	}
	if err := buildBinaries(ctx, root, progress); err != nil {
		return Images{}, nil, err
	}
	rootfs, err := output(ctx, progress, string(root), nil, root.Path("bin", "devcluster"), "rootfs", "--packages", strings.Join(basePackages, ","))
	if err != nil {
		return Images{}, nil, err
	}
	specs := []imageSpec{
		{name: "manager", add: []string{root.Path("bin", "manager") + ":/manager"}, user: "65532:65532", entrypoint: "/manager"},
		{name: "worker", add: []string{root.Path("bin", "worker") + ":/usr/local/bin/worker"}, user: "10001:10001", entrypoint: "/usr/local/bin/worker"},
		{name: "environment", add: []string{root.Path("bin", "pytest-site") + ":/usr/local/lib/python3.11/dist-packages"}, user: "10001:10001"},
		{name: "python", user: "10001:10001"},
		{name: "podtool", add: []string{root.Path("bin", "podtool") + ":/usr/local/bin/podtool"}, user: "10001:10001", entrypoint: "/usr/local/bin/podtool"},
	}
	refs := make([]string, len(specs))
	archives := make([]string, len(specs))
	for i, spec := range specs {
		if refs[i], archives[i], err = buildImage(ctx, root, progress, dir, rootfs, spec); err != nil {
			return Images{}, nil, err
		}
	}
	return Images{Manager: refs[0], Worker: refs[1], Environment: refs[2], Python: refs[3], Tool: refs[4]}, archives, nil
}

func buildBinaries(ctx context.Context, root Root, progress io.Writer) error {
	env := []string{"CGO_ENABLED=0"}
	for name, pkg := range map[string]string{"manager": ".", "worker": "./cmd/worker", "podtool": "./hack/demo/podtool"} {
		if _, err := output(ctx, progress, string(root), env, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", root.Path("bin", name), pkg); err != nil {
			return err
		}
	}
	return nil
}

func buildImage(ctx context.Context, root Root, progress io.Writer, dir, rootfs string, spec imageSpec) (ref, archive string, err error) {
	tag, err := contentTag(rootfs, spec)
	if err != nil {
		return "", "", err
	}
	ref = "localhost/repoexpert/" + spec.name + ":" + tag
	archive = filepath.Join(dir, spec.name+"-"+tag+".tar")
	if _, err := os.Stat(archive); err == nil {
		return ref, archive, nil
	}
	old, err := filepath.Glob(filepath.Join(dir, spec.name+"-*.tar"))
	if err != nil {
		return "", "", err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return "", "", err
		}
	}
	args := []string{"image", "--tag", ref, "--out", archive, "--rootfs", rootfs, "--user", spec.user}
	for _, add := range spec.add {
		args = append(args, "--add", add)
	}
	for _, env := range spec.env {
		args = append(args, "--env", env)
	}
	if spec.entrypoint != "" {
		args = append(args, "--entrypoint", spec.entrypoint)
	}
	_, err = output(ctx, progress, string(root), nil, root.Path("bin", "devcluster"), args...)
	return ref, archive, err
}

// contentTag hashes what an image is made from.
func contentTag(rootfs string, spec imageSpec) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, filepath.Base(rootfs), spec.user, spec.entrypoint, spec.env)
	for _, add := range spec.add {
		source, _, _ := strings.Cut(add, ":")
		err := filepath.WalkDir(source, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			fmt.Fprintln(h, path)
			_, err = io.Copy(h, f)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the content of image %s: %w", spec.name, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
