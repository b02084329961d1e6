package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

const (
	// Suite is the Debian release.
	Suite = "bookworm"
	// Mirror is where debootstrap gets packages from by default.
	Mirror = "http://deb.debian.org/debian"
	// format is part of the cache's key: raise it when an archive made from the
	// same packages would be different.
	format = "1"
)

// Options say what to make.
type Options struct {
	Packages []string
	Mirror   string
	// Cache is this tool's folder in the user's cache.
	Cache    string
	Progress io.Writer
}

// ParsePackages reads a comma-separated list. Order and repetition do not matter.
func ParsePackages(list string) ([]string, error) {
	var packages []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if strings.ContainsAny(name, " /\\'\"$;&|<>=") || strings.HasPrefix(name, "-") {
			return nil, fmt.Errorf("%q is not the name of a Debian package", name)
		}
		packages = append(packages, name)
	}
	slices.Sort(packages)
	return slices.Compact(packages), nil
}

// key names the cached archive of a list of packages.
func key(packages []string, arch string) string {
	text := strings.Join([]string{format, Suite, arch, strings.Join(packages, ",")}, "\n")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:16]
}

// Make returns the path of the cached archive, which it makes if there is none.
func Make(ctx context.Context, o Options) (string, error) {
	dir := filepath.Join(o.Cache, "rootfs")
	archive := filepath.Join(dir, Suite+"-"+key(o.Packages, runtime.GOARCH)+".tar.gz")
	if _, err := os.Stat(archive); !errors.Is(err, fs.ErrNotExist) {
		return archive, err
	}
	if os.Geteuid() != 0 {
		return "", errors.New("making a root file system needs root: debootstrap changes owners and roots")
	}
	if err := host.InstallPackages(ctx, host.MissingPackages(host.RootfsNeeds, false)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("root file system: %w", err)
	}
	unlock, err := state.LockFolder(ctx, dir, func() {
		fmt.Fprintln(o.Progress, "waiting for another devcluster command that makes a root file system")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	return archive, makeArchive(ctx, o, archive)
}

func makeArchive(ctx context.Context, o Options, archive string) error {
	tree, err := os.MkdirTemp(filepath.Dir(archive), ".making-")
	if err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	defer os.RemoveAll(tree)
	began := time.Now()
	if err := debootstrap(ctx, o, tree); err != nil {
		return err
	}
	fmt.Fprintln(o.Progress, "packing")
	if err := pack(tree, archive+".new", began); err != nil {
		return errors.Join(fmt.Errorf("root file system: %w", err), os.Remove(archive+".new"))
	}
	return os.Rename(archive+".new", archive)
}

// debootstrap runs in a mount namespace of its own: it mounts /proc and /sys in
// the tree, and when it is interrupted they would stay, and RemoveAll would then
// walk into them.
func debootstrap(ctx context.Context, o Options, tree string) error {
	fmt.Fprintf(o.Progress, "debootstrap of %s with %s (a minute or two)\n", Suite, strings.Join(o.Packages, ", "))
	args := []string{"--variant=minbase"}
	if len(o.Packages) > 0 {
		args = append(args, "--include="+strings.Join(o.Packages, ","))
	}
	cmd := exec.CommandContext(ctx, "debootstrap", append(args, Suite, tree, o.Mirror)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if _, err := command.Capture(cmd); err != nil {
		if log, readErr := os.ReadFile(filepath.Join(tree, "debootstrap", "debootstrap.log")); readErr == nil {
			return fmt.Errorf("%w; its log ends: %s", err, command.Tail(string(log), 400))
		}
		return err
	}
	return nil
}
