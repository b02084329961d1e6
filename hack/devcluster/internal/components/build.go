package components

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// progressInterval is how often a long build says how far it is.
const progressInterval = 10 * time.Second

// kubernetesPrograms are the names under which the multi-call binary is linked.
var kubernetesPrograms = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
}

// Target is one program to build.
type Target struct {
	Name  string
	flags string
	// hint says how long the first build takes.
	hint string
	// links are other names for the program, beside it.
	links []string
}

// The three targets. Pause is the only one that is put into an image.
var (
	Kubernetes = Target{
		Name: "kubernetes", flags: "-s -w" + versionFlags(), links: kubernetesPrograms,
		hint: " (the first time up to 2,900 packages, ten minutes on two cores; half a minute if compiled before)",
	}
	CoreDNS = Target{Name: "coredns", flags: "-s -w"}
	Pause   = Target{Name: "pause", flags: "-s -w"}
)

func kubernetesMinor() (major, minor string) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(KubernetesVersion, "v"), ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}

func versionFlags() string {
	major, minor := kubernetesMinor()
	const base, client = "k8s.io/component-base/version.", "k8s.io/client-go/pkg/version."
	var flags strings.Builder
	for _, pair := range [][2]string{
		{base + "gitVersion", KubernetesVersion}, {base + "gitMajor", major}, {base + "gitMinor", minor},
		{client + "gitVersion", KubernetesVersion},
	} {
		flags.WriteString(" -X " + pair[0] + "=" + pair[1])
	}
	return flags.String()
}

// Builder builds targets into the cache.
type Builder struct {
	// Cache is the folder of the user's cache that is this tool's.
	Cache string
	// Progress is told how a build goes on.
	Progress io.Writer

	source, dir string
}

// NewBuilder finds the sources and derives the folder of their builds.
func NewBuilder(ctx context.Context, progress io.Writer) (*Builder, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	source, err := FindSource()
	if err != nil {
		return nil, err
	}
	version, err := command.Capture(exec.CommandContext(ctx, "go", "env", "GOVERSION"))
	if err != nil {
		return nil, fmt.Errorf("the components are built by Go: %w", err)
	}
	key, err := sourceKey(source, strings.TrimSpace(version), runtime.GOARCH, Kubernetes.flags)
	if err != nil {
		return nil, err
	}
	return &Builder{Cache: cache, Progress: progress, source: source, dir: filepath.Join(cache, "components", key)}, nil
}

// CacheDir is this tool's folder in the user's cache.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache: %w", err)
	}
	return filepath.Join(base, "repoexpert", "devcluster"), nil
}

// Dir is the folder of the built programs.
func (b *Builder) Dir() string { return b.dir }

// Built says whether a target is in the cache.
func (b *Builder) Built(t Target) bool {
	_, err := os.Stat(filepath.Join(b.dir, t.Name))
	return err == nil
}

// Build builds the targets that are not in the cache. Two commands that want the
// same build at once do it once.
func (b *Builder) Build(ctx context.Context, targets ...Target) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	unlock, err := state.LockFolder(ctx, b.dir, func() {
		fmt.Fprintln(b.Progress, "waiting for another devcluster command that builds the same programs")
	})
	if err != nil {
		return err
	}
	defer unlock()
	for _, t := range targets {
		if b.Built(t) {
			continue
		}
		if err := b.build(ctx, t); err != nil {
			return fmt.Errorf("build %s: %w", t.Name, err)
		}
	}
	return nil
}

// build writes to a temporary name, so that an interrupted build is not taken for
// a whole one. The links come first for the same reason.
func (b *Builder) build(ctx context.Context, t Target) error {
	for _, link := range t.links {
		if err := relink(t.Name, filepath.Join(b.dir, link)); err != nil {
			return err
		}
	}
	output := filepath.Join(b.dir, "."+t.Name+".new")
	if err := b.compile(ctx, t, output); err != nil {
		return err
	}
	if err := os.Rename(output, filepath.Join(b.dir, t.Name)); err != nil {
		return err
	}
	if t.Name != Kubernetes.Name {
		return nil
	}
	return b.linkKubectl()
}

// compile runs the compiler. CGO_ENABLED=0 and -trimpath are part of the cache key
// of every package: with other settings all of Kubernetes is compiled again.
func (b *Builder) compile(ctx context.Context, t Target, output string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", t.flags, "-o", output, "./"+t.Name)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Progress, "building %s%s\n", t.Name, t.hint)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	said := b.follow(t, stderr, began)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %s", err, command.Tail(said, 1000))
	}
	fmt.Fprintf(b.Progress, "built %s in %s\n", t.Name, time.Since(began).Round(time.Second))
	return nil
}

// follow counts the packages that the compiler names and returns the other lines,
// which are its errors.
func (b *Builder) follow(t Target, stderr io.Reader, began time.Time) string {
	var other []string
	packages, last := 0, time.Now()
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
		case strings.ContainsAny(line, " #:"):
			other = append(other, line)
			continue
		default:
			packages++
		}
		if time.Since(last) >= progressInterval {
			last = time.Now()
			fmt.Fprintf(b.Progress, "building %s: %d packages compiled, %s\n", t.Name, packages, time.Since(began).Round(time.Second))
		}
	}
	return strings.Join(other, "\n")
}

// linkKubectl keeps kubectl under a path that does not change with the versions,
// to be put into PATH.
func (b *Builder) linkKubectl() error {
	path := b.Kubectl()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return relink(filepath.Join(b.dir, "kubectl"), path)
}

// Kubectl is a stable path of the kubectl that was built last.
func (b *Builder) Kubectl() string { return filepath.Join(b.Cache, "bin", "kubectl") }

// relink replaces a link in one step: a command may be running by the old one.
func relink(target, path string) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}
