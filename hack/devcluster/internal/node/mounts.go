package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// overlaid are the folders of the host that components write to by fixed paths
// (/var/lib/cni, /var/lib/kubelet/device-plugins, /var/log/containers). The node
// writes to a layer of its own over them; all other folders are the host's, so
// that a volume's host path means the same inside and outside.
var overlaid = []string{"/var/lib", "/var/log"}

// globalSysctls are the kernel settings that the kubelet wants, and writes if
// they differ. They belong to the whole machine, so it reads them from files that
// already say what it wants.
var globalSysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// mountAll makes the mounts that only the node sees.
func (s Spec) mountAll() error {
	// First cut the way back: after this nothing mounted here reaches the host,
	// while what the host mounts later still appears here. Then share among the
	// node's own, which mounts of volumes into pods need.
	for _, flags := range []uintptr{syscall.MS_SLAVE, syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", flags|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("set the propagation of mounts: %w", err)
		}
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, dir := range overlaid {
		if err := s.overlay(dir); err != nil {
			return err
		}
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return s.hideSysctls()
}

func (s Spec) overlay(dir string) error {
	data := s.Paths.Data("overlay" + strings.ReplaceAll(dir, "/", "-"))
	upper, work := filepath.Join(data, "upper"), filepath.Join(data, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("overlay of %s: %w", dir, err)
		}
	}
	options := "lowerdir=" + dir + ",upperdir=" + upper + ",workdir=" + work
	if err := syscall.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay of %s: %w", dir, err)
	}
	return nil
}

func (s Spec) hideSysctls() error {
	for name, value := range globalSysctls {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		source := filepath.Join(s.Paths.Data("sysctl"), name)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
		if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
	}
	return nil
}
