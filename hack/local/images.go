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
// and the demo repository's tests need. One list, so that all images share one
// layer.
var basePackages = []string{"python3", "git", "openssh-client", "ca-certificates", "libnuma1"}

// workerUser runs every container of the demo but the manager.
const workerUser = "10001:10001"

// Images are the references of the images that the demo builds.
type Images struct {
	Manager, Worker, Environment, Python, Tool string
}

// imageSpec is one image on top of the base file system.
type imageSpec struct {
	name       string
	add        []string
	keepTimes  bool
	user       string
	entrypoint string
}

// Build compiles the programs of all images and makes their root file system.
func Build(ctx context.Context, root Root, progress io.Writer) error {
	w := workbench{root, progress}
	for name, pkg := range map[string]string{"manager": ".", "worker": "./cmd/worker", "podtool": "./hack/demo/podtool"} {
		if _, err := w.output(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", root.Path("bin", name), pkg); err != nil {
			return err
		}
	}
	_, err := w.rootfs(ctx)
	return err
}

// rootfs returns the archive of the base file system, which is made only once.
func (w workbench) rootfs(ctx context.Context) (string, error) {
	return w.devcluster(ctx, "rootfs", "--packages", strings.Join(basePackages, ","))
}

// Images packs what Build made and makes it available to the cluster's nodes. Tags
// come from the content, so that an unchanged image is not packed again.
func (c *Cluster) Images(ctx context.Context, tools Toolchain) (Images, error) {
	refs, err := c.site.deliver(ctx,
		imageSpec{name: "manager", add: []string{c.root.Path("bin", "manager") + ":/manager"}, user: "65532:65532", entrypoint: "/manager"},
		imageSpec{name: "worker", add: []string{c.root.Path("bin", "worker") + ":/usr/local/bin/worker"}, user: workerUser, entrypoint: "/usr/local/bin/worker"},
		imageSpec{name: "environment", add: []string{c.root.Path("bin", "pytest-site") + ":/usr/local/lib/python3.11/dist-packages"}, user: workerUser},
		c.site.pythonImage(tools),
		podtoolImage(c.root),
	)
	if err != nil {
		return Images{}, err
	}
	return Images{Manager: refs[0], Worker: refs[1], Environment: refs[2], Python: refs[3], Tool: refs[4]}, nil
}

// goLauncher stands where the image's PATH finds it.
const goLauncher = "#!/bin/sh\nexec /usr/local/go/bin/go \"$@\"\n"

// GoEnvironment makes an environment image with this machine's Go available to
// the cluster's nodes and returns its reference.
func (c *Cluster) GoEnvironment(ctx context.Context) (string, error) {
	goroot, err := c.output(ctx, nil, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	launcher := c.root.Path("bin", "go-launcher")
	if err := os.WriteFile(launcher, []byte(goLauncher), 0o755); err != nil {
		return "", err
	}
	refs, err := c.site.deliver(ctx, imageSpec{
		name: "environment-go", user: workerUser,
		add: []string{strings.TrimSpace(goroot) + ":/usr/local/go", launcher + ":/usr/local/bin/go"},
	})
	if err != nil {
		return "", err
	}
	return refs[0], nil
}

// engineLauncher stands where the image's PATH finds Python: an engine starts its
// server as `python3 -c PROGRAM serve ...`.
const engineLauncher = "#!/bin/sh\nshift 2\nexec /usr/local/bin/podtool scripted-engine \"$@\"\n"

// ScriptedEngine makes an engine image whose models' answers are scripted available
// to the cluster's nodes and returns its reference. Its SCRIPTED_ENGINE_SKILLS says
// what each model can do, as an enginetest.Skills.
func (c *Cluster) ScriptedEngine(ctx context.Context) (string, error) {
	launcher := c.root.Path("bin", "engine-launcher")
	if err := os.WriteFile(launcher, []byte(engineLauncher), 0o755); err != nil {
		return "", err
	}
	spec := podtoolImage(c.root)
	spec.name, spec.entrypoint = "scripted-engine", ""
	spec.add = append(spec.add, launcher+":/usr/local/bin/python3")
	refs, err := c.site.deliver(ctx, spec)
	if err != nil {
		return "", err
	}
	return refs[0], nil
}

func pythonImage() imageSpec { return imageSpec{name: "python", user: workerUser} }

func podtoolImage(root Root) imageSpec {
	return imageSpec{name: "podtool", add: []string{root.Path("bin", "podtool") + ":/usr/local/bin/podtool"}, user: workerUser, entrypoint: "/usr/local/bin/podtool"}
}

// arguments are those of `devcluster image`, but for where the image goes.
func (s imageSpec) arguments(rootfs string) []string {
	args := []string{"image", "--rootfs", rootfs, "--user", s.user}
	for _, add := range s.add {
		args = append(args, "--add", add)
	}
	if s.keepTimes {
		args = append(args, "--keep-times")
	}
	if s.entrypoint != "" {
		args = append(args, "--entrypoint", s.entrypoint)
	}
	return args
}

// contentTag hashes what an image is made from.
func contentTag(rootfs string, spec imageSpec) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, filepath.Base(rootfs), spec.user, spec.entrypoint, spec.keepTimes)
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
