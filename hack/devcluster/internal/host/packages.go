package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
)

// Need is a program of the machine and the Debian package that has it.
type Need struct{ Program, Package string }

// NodeNeeds are what the node runs besides what is built from Go modules.
var NodeNeeds = []Need{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"ip", "iproute2"},
	{"nft", "nftables"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"nsenter", "util-linux"},
}

// RootfsNeeds are what `devcluster rootfs` runs.
var RootfsNeeds = []Need{{"debootstrap", "debootstrap"}}

// cniPackage has no program in PATH: the plugins lie in a folder of their own.
const cniPackage = "containernetworking-plugins"

var cniFolders = []string{"/usr/lib/cni", "/opt/cni/bin"}

// CNIFolder is where the network plugins lie.
func CNIFolder() (string, error) {
	for _, dir := range cniFolders {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no network plugin %q in %s: %w", "bridge", strings.Join(cniFolders, " or "), fs.ErrNotExist)
}

// MissingPackages lists the Debian packages of the programs that are not there.
func MissingPackages(needs []Need, withCNI bool) []string {
	var missing []string
	for _, n := range needs {
		if _, err := exec.LookPath(n.Program); err != nil && !slices.Contains(missing, n.Package) {
			missing = append(missing, n.Package)
		}
	}
	if _, err := CNIFolder(); withCNI && err != nil {
		missing = append(missing, cniPackage)
	}
	return missing
}

// InstallPackages installs Debian packages. The package lists are only refreshed
// when they are absent or too old: a refresh also asks third-party sources that
// the machine may not reach, and whose failure says nothing about these packages.
func InstallPackages(ctx context.Context, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("missing on this machine, and there is no apt-get to install them: %s", strings.Join(packages, " "))
	}
	install := func() error {
		args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		_, err := command.Capture(cmd)
		return err
	}
	if install() == nil {
		return nil
	}
	updateErr := command.Run(ctx, apt, "update")
	if err := install(); err != nil {
		return errors.Join(err, updateErr)
	}
	return nil
}

// ExtendPath adds the folders of system programs, which the PATH of an ordinary
// login (and of sudo on some systems) lacks.
func ExtendPath() error {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !slices.Contains(filepath.SplitList(path), dir) {
			path += string(filepath.ListSeparator) + dir
		}
	}
	return os.Setenv("PATH", path)
}
