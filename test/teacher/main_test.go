//go:build e2e

package teacher

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/engine"
	worker "github.com/repoexpert/operator/internal/local"
)

// model is the teacher's name at its server.
const model = "teacher"

// shared is what all stories use.
var shared struct {
	// ctx ends when somebody interrupts the run, so that the model's server ends too.
	ctx context.Context
	// worker is the program, upstream the base URL of the model's server.
	worker, upstream string
	// planned is a checkout, and an output folder in which its plan is made.
	checkout, planned string
}

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	shared.ctx = ctx
	code, err := run(ctx, m)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "teacher:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (int, error) {
	temp, err := os.MkdirTemp("", "teacher-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // a temporary folder
	root, err := local.FindRoot()
	if err != nil {
		return 1, err
	}
	shared.worker = filepath.Join(temp, "worker")
	build := exec.CommandContext(ctx, "go", "build", "-o", shared.worker, "./cmd/worker")
	build.Dir, build.Stderr = string(root), os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build the worker: %w", err)
	}
	stop, err := serveModel(ctx, root, temp)
	if err != nil {
		return 1, err
	}
	defer stop()
	if err := makePlan(ctx, temp); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// serveModel serves the demo's base model as the operator's own engine does.
func serveModel(ctx context.Context, root local.Root, temp string) (stop func(), err error) {
	tools, err := local.EnsureToolchain(ctx, root, os.Stderr, false)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"PYTHONPATH": strings.ReplaceAll(tools.PythonPath, local.ToolsMount, tools.Tools),
		// On a busy machine, threads that wait for each other are slower than one.
		"OMP_NUM_THREADS": "1",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(temp, "engine.log"))
	if err != nil {
		return nil, err
	}
	supervisor := engine.NewSupervisor(tools.Models, temp, log)
	models := []engine.Model{{Name: model, Kind: engine.Complete, Folder: local.BaseModelName}}
	settings := engine.Settings{Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, Port: port}
	if err := supervisor.Load(ctx, models, settings); err != nil {
		supervisor.Close()
		return nil, err
	}
	shared.upstream = fmt.Sprintf("http://127.0.0.1:%d/v1", port)
	return supervisor.Close, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// files are a library with little to learn, so that a story takes a minute.
var files = map[string]string{
	"shop/__init__.py": "",
	"shop/prices.py": `"""Prices of a shop, in cents."""


def total(prices, discount=0):
    """Sum prices and take a discount in percent off."""
    whole = 0
    for price in prices:
        whole += price
    return whole - whole * discount // 100


def cheapest(prices):
    """The lowest price, or None where there is none."""
    lowest = None
    for price in prices:
        if lowest is None or price < lowest:
            lowest = price
    return lowest


def label(price):
    """A price as people read it."""
    whole, cents = divmod(price, 100)
    text = "%d.%02d" % (whole, cents)
    return text + " EUR"
`,
	"tests/test_prices.py": `from shop.prices import cheapest, label, total


def test_total():
    assert total([100, 200]) == 300
    assert total([100, 200], 10) == 270


def test_cheapest():
    assert cheapest([3, 1, 2]) == 1
    assert cheapest([]) is None


def test_label():
    assert label(1205) == "12.05 EUR"
`,
}

// makePlan makes the checkout and its plan.
func makePlan(ctx context.Context, temp string) error {
	shared.checkout, shared.planned = filepath.Join(temp, "shop"), filepath.Join(temp, "planned")
	for name, content := range files {
		path := filepath.Join(shared.checkout, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", "first"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = shared.checkout
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	out, err := command(ctx, "plan", shared.planned).CombinedOutput()
	if err != nil {
		return fmt.Errorf("worker plan: %w\n%s", err, out)
	}
	return nil
}

// command is a worker that runs a stage on the checkout.
func command(ctx context.Context, stage, out string, more ...string) *exec.Cmd {
	args := append([]string{
		stage, "--local", shared.checkout, "--out", out, "--python-path", os.Getenv("REPOEXPERT_TEST_PYTHONPATH"),
		"--unit", "ContextualImplementation=4", "--holdout-percent", "1",
	}, more...)
	cmd := exec.CommandContext(ctx, shared.worker, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(shared.worker), "PYTHONPATH=", worker.TeacherKeyVariable+"=")
	return cmd
}
