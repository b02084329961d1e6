package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

// prepareTimeout bounds making the fresh history; a large tree takes seconds.
const prepareTimeout = 10 * time.Minute

// ErrTree says that the working tree could not be made.
var ErrTree = errors.New("the agent's working tree could not be made")

// Tree is a working tree in a box, ready for an agent.
type Tree struct {
	// Dir below the box's root.
	Dir string
	// Env is added to every command, as NAME=value.
	Env []string
}

// history replaces whatever history there is by one commit of fixed identity and
// time, so that neither a fix nor a later commit can be read from it. Ignored
// files that the repository tracks are kept; what tools leave behind stays out of
// a submission. Hooks, global and system configuration play no part. All contents
// go into one file, not compressed, instead of a file each, which took most of the
// time that a fresh tree costs; it lasts for one episode and need not be flushed.
const history = `set -e
rm -rf .git
git init -q .
printf '__pycache__/\n*.pyc\n.pytest_cache/\n.coverage\n' >> .git/info/exclude
git -c core.hooksPath=/dev/null -c core.bigFileThreshold=1 -c core.compression=0 -c core.fsync=none add -A -f .
git -c core.hooksPath=/dev/null -c commit.gpgsign=false commit -q --allow-empty --no-verify -m snapshot
`

// searchPaths prints the variables by which code is found. PYTHONPATH: Python code
// of the tree before an installed copy of it, then what a set-up installed.
// GOMODCACHE and GOCACHE: the modules that a set-up downloaded, and compiled.
const searchPaths = `printf PYTHONPATH=
[ -d src ] && [ ! -e src/__init__.py ] && printf '%s/src:' "$PWD"
printf '%s' "$PWD"
for folder in "$1"/lib/python*/site-packages "$1"/site-packages "$1"; do
  case $folder in "$1") set -- "$1" "$1"/*.dist-info; [ -e "$2" ] || continue;; *) [ -d "$folder" ] || continue;; esac
  printf ':%s' "$folder"
done
[ -z "$PYTHONPATH" ] || printf ':%s' "$PYTHONPATH"
printf '\n'
[ ! -d "$1/` + contract.GoModulesFolder + `" ] || printf 'GOMODCACHE=%s\n' "$1/` + contract.GoModulesFolder + `"
[ ! -d "$1/` + contract.GoCacheFolder + `" ] || printf 'GOCACHE=%s\n' "$1/` + contract.GoCacheFolder + `"`

// PrepareTree unpacks a tar stream into dir, erases history and returns the tree.
func PrepareTree(ctx context.Context, box sandbox.Box, dir string, tree io.Reader) (Tree, error) {
	if err := box.PutTree(ctx, dir, tree); err != nil {
		return Tree{}, fmt.Errorf("unpacking the agent's tree: %w", err)
	}
	if _, err := run(ctx, box, dir, historyEnv, "sh", "-c", history); err != nil {
		return Tree{}, err
	}
	output, err := run(ctx, box, dir, nil, "sh", "-c", searchPaths, "sh", contract.EnvironmentPath)
	if err != nil {
		return Tree{}, err
	}
	return Tree{Dir: dir, Env: append(environment(), strings.Split(strings.TrimSpace(output), "\n")...)}, nil
}

var historyEnv = []string{
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
	"GIT_AUTHOR_NAME=snapshot", "GIT_AUTHOR_EMAIL=snapshot@localhost", "GIT_AUTHOR_DATE=2000-01-01T00:00:00Z",
	"GIT_COMMITTER_NAME=snapshot", "GIT_COMMITTER_EMAIL=snapshot@localhost", "GIT_COMMITTER_DATE=2000-01-01T00:00:00Z",
}

// environment keeps programs from waiting for a key or for the network, drawing
// progress bars or leaving stale bytecode behind.
func environment() []string {
	return []string{
		"PAGER=cat", "MANPAGER=cat", "GIT_PAGER=cat", "TERM=dumb", "NO_COLOR=1", "COLUMNS=60",
		"PIP_PROGRESS_BAR=off", "TQDM_DISABLE=1", "PYTHONDONTWRITEBYTECODE=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=-buildvcs=false",
	}
}

func run(ctx context.Context, box sandbox.Box, dir string, env []string, args ...string) (string, error) {
	result, err := box.Run(ctx, sandbox.Command{Args: args, Dir: dir, Env: env, Timeout: prepareTimeout})
	if err != nil {
		return "", fmt.Errorf("preparing the agent's tree: %w", err)
	}
	if result.ExitCode != 0 {
		return "", fmt.Errorf("%w: %s ended with %d: %.300s", ErrTree, args[0], result.ExitCode, result.Output)
	}
	return result.Output, nil
}

// command is an action in a fresh shell: bash where the image has it.
func (t Tree) command(action string, timeout time.Duration) sandbox.Command {
	return sandbox.Command{
		Args:        []string{"sh", "-c", `exec "$(command -v bash || command -v sh)" -c "$1"`, "sh", action},
		Dir:         t.Dir,
		Env:         t.Env,
		Timeout:     timeout,
		OutputLimit: keptOutput,
	}
}
