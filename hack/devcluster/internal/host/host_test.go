package host

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseCgroups(t *testing.T) {
	const v1 = `22 1 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw
24 22 0:21 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu
25 22 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
26 22 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
27 22 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 1 0:22 / /mnt/other/memory rw - cgroup cgroup rw,memory
29 1 8:1 / /sys/fs/cgroups-are-not-here rw - ext4 /dev/vda rw
`
	const v2 = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
	tests := map[string]struct {
		mountinfo string
		want      Cgroups
	}{
		"version 1 with a hybrid tree": {v1, Cgroups{Mounts: []string{
			"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"}}},
		"version 2": {v2, Cgroups{Mounts: []string{"/sys/fs/cgroup"}, V2: true}},
		"none":      {"", Cgroups{}},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			got, err := parseCgroups(strings.NewReader(tt.mountinfo))
			if err != nil || !slices.Equal(got.Mounts, tt.want.Mounts) || got.V2 != tt.want.V2 {
				t.Errorf("parseCgroups = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
	if err := (Cgroups{Mounts: []string{"/sys/fs/cgroup/cpu,cpuacct"}}).Check(); err == nil || !strings.Contains(err.Error(), "cpuset") {
		t.Errorf("Check = %v, want a word about cpuset", err)
	}
}

// On plain folders: rmdir and the order are the same as in a real hierarchy.
func TestRemoveCgroups(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	groups := Cgroups{Mounts: []string{a, b}}
	if err := os.MkdirAll(filepath.Join(a, "c", "kubepods", "pod1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := groups.Remove(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(a, "c")); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	busy := filepath.Join(b, "c", "daemons")
	if err := os.MkdirAll(busy, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(busy, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := groups.Remove(ctx, "c"); err == nil || !strings.Contains(err.Error(), busy) {
		t.Errorf("Remove of a busy folder = %v, want its path", err)
	}
}

func TestCheckStateDirLooksAtTheNearestFolder(t *testing.T) {
	if err := checkStateDir(filepath.Join(t.TempDir(), "not", "there", "yet")); err != nil {
		// A build container may well have its temporary folder on an overlay.
		if !strings.Contains(err.Error(), "overlay") {
			t.Error(err)
		}
	}
}
