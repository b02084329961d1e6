package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

func newSpec(t *testing.T) Spec {
	t.Helper()
	c, err := layout.New("e2e", 1)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Cluster: c, Paths: layout.Paths{Dir: "/state/e2e"}, Components: "/cache/abc", CNIFolder: "/usr/lib/cni"}
}

// The golden files are the configuration of one cluster, to be read in review.
// DEVCLUSTER_UPDATE=1 writes them.
func TestConfigFiles(t *testing.T) {
	spec := newSpec(t)
	files, err := spec.ConfigFiles()
	if err != nil {
		t.Fatal(err)
	}
	var commands strings.Builder
	for _, p := range append(spec.first(), spec.second()...) {
		commands.WriteString(p.Path + " \\\n  " + strings.Join(p.Args, " \\\n  ") + "\n")
	}
	files[spec.Paths.Config("commands")] = []byte(commands.String())
	for path, got := range files {
		golden := filepath.Join("testdata", filepath.Base(path))
		if os.Getenv("DEVCLUSTER_UPDATE") != "" {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs from %s:\n%s", path, golden, got)
		}
	}
}

func TestAdminKubeconfigIsCompleteInItself(t *testing.T) {
	got, err := AdminKubeconfig(newSpec(t).Cluster, []byte("ca"), []byte("cert"), []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"https://10.89.1.2:6443", "current-context: devcluster-e2e", "client-key-data: a2V5"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A link of the same name that another cluster made since must stay.
func TestOwnsLink(t *testing.T) {
	tests := map[string]struct {
		link, alias string
		want        bool
	}{
		"ours":              {"devcluster1", "/state/e2e\n", true},
		"of another folder": {"devcluster1", "/home/other/state/e2e\n", false},
		"without an alias":  {"devcluster1", "", false},
		"of another index":  {"devcluster0", "/state/e2e\n", false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			links := t.TempDir()
			folder := filepath.Join(links, tt.link)
			if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "ifalias"), []byte(tt.alias), 0o644)); err != nil {
				t.Fatal(err)
			}
			if got, err := newSpec(t).ownsLink(links); err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestCheckPath(t *testing.T) {
	tests := map[string]struct {
		dir string
		ok  bool
	}{
		"home":             {"/root/.local/state/devcluster", true},
		"on a disk":        {"/srv/state", true},
		"similar to /run":  {"/runner/state", true},
		"hidden by /run":   {"/run/state", false},
		"under an overlay": {"/var/lib/jenkins/.local/state", false},
		"the overlay":      {"/var/log", false},
		"overlay option":   {"/srv/a,b", false},
		"space":            {"/srv/a b", false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if err := CheckPath(tt.dir); (err == nil) != tt.ok {
				t.Errorf("CheckPath(%q) = %v", tt.dir, err)
			}
		})
	}
}

// newTestSupervisor reaps for this whole test process, so these tests run one
// after the other.
func newTestSupervisor(t *testing.T) (*supervisor, layout.Paths) {
	t.Helper()
	paths := layout.Paths{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(paths.Log("x")), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSupervisor(paths, []string{"PATH=" + os.Getenv("PATH")})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.reap(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, paths
}

func TestSupervisorRun(t *testing.T) {
	s, paths := newTestSupervisor(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	shell := func(name, script string) Process {
		return Process{Name: name, Path: "sh", Args: []string{"-c", script}}
	}
	if err := s.run(ctx, shell("good", "echo said")); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(paths.Log("good")); err != nil || string(b) != "said\n" {
		t.Errorf("log = %q, %v", b, err)
	}
	if err := s.run(ctx, shell("bad", "exit 3")); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("exit 3: %v", err)
	}
	if err := s.run(ctx, shell("killed", "kill -9 $$")); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("killed: %v", err)
	}
	if err := s.run(ctx, Process{Name: "missing", Path: "/not/there"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if err := s.run(ended, shell("long", "exec sleep 1")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSupervisorKeepStartsAgain(t *testing.T) {
	s, paths := newTestSupervisor(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keep(ctx, Process{Name: "flaky", Path: "sh", Args: []string{"-c", "echo started"}})
	}()
	err := apiclient.Poll(ctx, 10*time.Millisecond, func(context.Context) error {
		b, err := os.ReadFile(paths.Log("flaky"))
		if err == nil && strings.Count(string(b), "started") < 2 {
			err = errors.New("not started a second time")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	cancel()
	<-done
	b, err := os.ReadFile(paths.Processes())
	if err != nil || !strings.Contains(string(b), `"restarts":1`) {
		t.Errorf("table of components = %s, %v", b, err)
	}
}

func TestDescribe(t *testing.T) {
	for want, status := range map[string]syscall.WaitStatus{
		"exit status 2": 2 << 8,
		"killed by":     syscall.WaitStatus(syscall.SIGKILL),
	} {
		if got := describe(status); !strings.HasPrefix(got, want) {
			t.Errorf("describe = %q, want %q", got, want)
		}
	}
}
