package cluster

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// newManager has a store and control groups of its own: plain folders.
func newManager(t *testing.T) *Manager {
	t.Helper()
	dir := t.TempDir()
	cgroups := filepath.Join(dir, "cgroup")
	if err := os.Mkdir(cgroups, 0o755); err != nil {
		t.Fatal(err)
	}
	return &Manager{
		Store:    state.Store{Root: filepath.Join(dir, "state", "devcluster")},
		Cgroups:  host.Cgroups{Mounts: []string{cgroups}},
		Progress: io.Discard,
		began:    time.Now(),
	}
}

func TestDownOfNothingLeavesNothing(t *testing.T) {
	m := newManager(t)
	if err := m.Down(t.Context(), "dev"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(m.Store.Root)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder was made: %v", err)
	}
	if err := m.Down(t.Context(), "../etc"); err == nil {
		t.Error("a name that leaves the store was accepted")
	}
}

// Whatever an interrupted `up` left must go.
func TestDownRemovesWhatIsLeft(t *testing.T) {
	tests := map[string]func(*testing.T, *Manager){
		"a folder without a record": func(t *testing.T, m *Manager) {
			if err := os.MkdirAll(m.Store.Paths("dev").PKI(), 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"a control group only": func(t *testing.T, m *Manager) {
			if err := os.MkdirAll(filepath.Join(m.Cgroups.Mounts[0], "devcluster-dev", "daemons"), 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"a record without a process": func(t *testing.T, m *Manager) {
			if err := m.Store.Save(state.Record{Name: "dev"}); err != nil {
				t.Fatal(err)
			}
		},
		"a process": func(t *testing.T, m *Manager) {
			sleeper := exec.Command("sleep", "60")
			if err := sleeper.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := sleeper.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Errorf("the process ended with %v, want it killed", err)
				}
			})
			ticks, err := state.StartTicks(sleeper.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			record := state.Record{Name: "dev", PID: sleeper.Process.Pid, StartTicks: ticks}
			if err := m.Store.Save(record); err != nil {
				t.Fatal(err)
			}
		},
	}
	for title, leave := range tests {
		t.Run(title, func(t *testing.T) {
			m := newManager(t)
			leave(t, m)
			if err := m.Down(t.Context(), "dev"); err != nil {
				t.Fatal(err)
			}
			if m.exists("dev") {
				t.Error("something is left")
			}
		})
	}
}

// A stranger that has the number of a dead cluster's process must live.
func TestDownSparesAnotherProcess(t *testing.T) {
	m := newManager(t)
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Wait() }()
	defer func() { _ = sleeper.Process.Kill() }()
	if err := m.Store.Save(state.Record{Name: "dev", PID: sleeper.Process.Pid, StartTicks: 1}); err != nil {
		t.Fatal(err)
	}
	if err := m.Down(t.Context(), "dev"); err != nil {
		t.Fatal(err)
	}
	if _, err := state.StartTicks(sleeper.Process.Pid); err != nil {
		t.Errorf("the other process is gone: %v", err)
	}
}

func TestCommandsOnAClusterThatIsNotUp(t *testing.T) {
	m := newManager(t)
	if _, err := m.Kubeconfig("dev"); !errors.Is(err, ErrNotUp) {
		t.Errorf("Kubeconfig: %v", err)
	}
	if err := m.LoadImages(t.Context(), "dev", []string{"x.tar"}); !errors.Is(err, ErrNotUp) {
		t.Errorf("LoadImages: %v", err)
	}
}

func TestStatus(t *testing.T) {
	m := newManager(t)
	var none bytes.Buffer
	if err := m.Status(t.Context(), &none, ""); err != nil || none.String() != "no cluster is up\n" {
		t.Errorf("Status = %q, %v", none.String(), err)
	}
	for _, name := range []string{"dev", "e2e"} {
		if err := m.Store.Save(state.Record{Name: name, Index: 4}); err != nil {
			t.Fatal(err)
		}
	}
	var one bytes.Buffer
	if err := m.Status(t.Context(), &one, "e2e"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"e2e", "dead", "10.96.64.0/20", "NOT enforced"} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("no %q in the status:\n%s", want, one.String())
		}
	}
	if strings.Contains(one.String(), "dev\n") {
		t.Errorf("the other cluster is shown too:\n%s", one.String())
	}
}

func TestWriteFilesKeepsKeysPrivate(t *testing.T) {
	m := newManager(t)
	spec, err := m.spec(state.Record{Name: "dev"}, "/usr/lib/cni")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(spec); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{spec.Paths.Kubeconfig(), spec.Paths.PKI() + "/admin.key", spec.Paths.Config("cni/10-pods.conflist")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

// Process 1 that was never let go on (its `up` died) must end by itself.
func TestNodeEndsWithItsStarter(t *testing.T) {
	m := newManager(t)
	spec, err := m.spec(state.Record{Name: "dev"}, "/usr/lib/cni")
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Run(t.Context(), spec, strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("Run = %v, want the end of the pipe", err)
	}
}
