// Package host looks at the machine that a cluster shall run on: what it lacks,
// which control groups it has, and which packages must be installed.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
)

// NamespaceFlags are the namespaces that a cluster has of its own.
const NamespaceFlags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS

const overlayMagic = 0x794c7630

// CheckKernel says in one line what this machine lacks to hold a cluster. It
// changes nothing.
func CheckKernel(stateDir string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a cluster needs Linux, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root: it makes namespaces, mounts and network links")
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("look at the kernel: %w", err)
	}
	if !slices.Contains(strings.Fields(string(filesystems)), "overlay") {
		// As a module it is listed only once it is loaded.
		if err := exec.Command("modprobe", "overlay").Run(); err != nil {
			return errors.New("the kernel has no overlay file system (module overlay)")
		}
	}
	cgroups, err := FindCgroups()
	if err != nil {
		return err
	}
	if err := cgroups.Check(); err != nil {
		return err
	}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: NamespaceFlags}
	if err := probe.Run(); err != nil {
		return fmt.Errorf("may not make namespaces (a container needs --privileged for that): %w", err)
	}
	return checkStateDir(stateDir)
}

// checkStateDir refuses a state folder on an overlay: containerd would have to
// stack another on top, which the kernel refuses later with "invalid argument".
func checkStateDir(dir string) error {
	for {
		var fs syscall.Statfs_t
		err := syscall.Statfs(dir, &fs)
		if err == nil {
			if fs.Type == overlayMagic {
				return fmt.Errorf("%s is on an overlay file system: set XDG_STATE_HOME to a folder on a disk", dir)
			}
			return nil
		}
		if !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		dir = filepath.Dir(dir)
	}
}

// CheckNetwork tries, in a network namespace that vanishes with the attempt,
// whether the kernel has what the node's network is made of.
func CheckNetwork(ctx context.Context) error {
	for _, probe := range []struct{ what, script string }{
		{"virtual Ethernet links (module veth)", "ip link add probe0 type veth peer name probe1"},
		{"network bridges (module bridge)", "ip link add probe0 type bridge"},
		{"nftables with address translation (modules nf_tables, nft_nat, nft_masq)",
			"nft add table ip t && nft add chain ip t c '{ type nat hook postrouting priority 100; }' && nft add rule ip t c masquerade"},
	} {
		cmd := exec.CommandContext(ctx, "sh", "-c", probe.script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if _, err := command.Capture(cmd); err != nil {
			return fmt.Errorf("the kernel has no %s: %w", probe.what, err)
		}
	}
	return nil
}
