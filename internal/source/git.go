package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// lookTimeout bounds one look at a remote, with all its processes.
	lookTimeout = 30 * time.Second
	// maxAnswer bounds what is read of git's output and errors.
	maxAnswer = 64 << 10
)

// Git looks at remotes with the git CLI.
type Git struct {
	// scratch is a folder for files that live as long as one look.
	scratch string
}

// NewGit returns a Git that keeps short-lived files, credentials among them,
// in a folder that it makes below scratch.
func NewGit(scratch string) (*Git, error) {
	dir, err := os.MkdirTemp(scratch, "source-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for git: %w", err)
	}
	return &Git{scratch: dir}, nil
}

// Resolve returns the commit that a branch or tag points at. The error is an
// *Error, or that of the context.
func (g *Git) Resolve(ctx context.Context, rawURL string, ref v1alpha1.GitRef, credential Credential) (string, error) {
	kind, full := "--heads", "refs/heads/"+ref.Branch
	if ref.Tag != "" {
		kind, full = "--tags", "refs/tags/"+ref.Tag
	}
	out, err := g.list(ctx, rawURL, credential, kind, full, full+peeled)
	if err != nil {
		return "", err
	}
	if commit := commitOf(out, full); commit != "" {
		return commit, nil
	}
	// Only now is it worth asking whether there is anything at all. A web page
	// without references looks the same to git.
	all, err := g.list(ctx, rawURL, credential, "--heads", "")
	if err != nil {
		return "", err
	}
	if len(bytes.TrimSpace(all)) == 0 {
		return "", &Error{Reason: v1alpha1.ReasonRepositoryEmpty, Message: fmt.Sprintf(
			"repository.url %s: the repository is empty: push a commit, or check that this is the URL of a git repository", rawURL)}
	}
	return "", &Error{Reason: v1alpha1.ReasonRefNotFound, Message: fmt.Sprintf(
		"repository.ref: %s does not exist in %s: push it, or name another one", full, rawURL)}
}

const peeled = "^{}"

// commitOf finds the exact reference in git's list; an annotated tag's own
// commit, marked by ^{}, goes before the tag object.
func commitOf(list []byte, full string) string {
	var commit string
	for line := range strings.Lines(string(list)) {
		id, name, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if !ok || !isCommit(id) {
			continue
		}
		switch name {
		case full + peeled:
			return id
		case full:
			commit = id
		}
	}
	return commit
}

func isCommit(id string) bool {
	return len(id) == 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// list runs git ls-remote.
func (g *Git) list(ctx context.Context, rawURL string, credential Credential, kind string, patterns ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	home, err := os.MkdirTemp(g.scratch, "look-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for one look: %w", err)
	}
	defer func() { _ = os.RemoveAll(home) }() // what stays is below a folder of ours and readable by nobody else
	env, err := environment(home, rawURL, credential)
	if err != nil {
		return nil, err
	}
	args := []string{"ls-remote", kind, "--end-of-options", rawURL}
	for _, p := range patterns {
		if p != "" {
			args = append(args, p)
		}
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = home, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	stdout, stderr := &bounded{limit: maxAnswer}, &bounded{limit: maxAnswer}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = explain(ctx, cmd.Run(), lookTimeout, rawURL, credential, stderr.content)
	return stdout.content, err
}

// explain turns the end of the process, which had so much time, into an Error.
func explain(ctx context.Context, err error, limit time.Duration, rawURL string, credential Credential, stderr []byte) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return unreachable(rawURL, fmt.Sprintf("the git host gives no answer within %s", limit)+retried)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return diagnose(rawURL, !credential.Empty(), string(stderr))
	default:
		return fmt.Errorf("run git: %w", err)
	}
}

// passed are the variables of the manager that git may see: how the platform
// reaches the network.
var passed = []string{
	"PATH", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// environment is all that git sees: no user, no system configuration, no
// prompt, no redirect, three protocols.
func environment(home, rawURL string, credential Credential) ([]string, error) {
	env := []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=http:https:ssh", "GIT_SSH_VARIANT=ssh",
	}
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	config := [][2]string{
		{"protocol.version", "2"},
		{"http.followRedirects", "false"},
		{"http.lowSpeedLimit", "1"},
		{"http.lowSpeedTime", "20"},
		{"credential.helper", ""},
		{"core.hooksPath", "/dev/null"},
	}
	if credential.password != "" {
		helper, file, err := helper(home, rawURL, credential)
		if err != nil {
			return nil, err
		}
		config = append(config, helper)
		env = append(env, credentialVariable+"="+file)
	}
	ssh, err := sshCommand(home, credential)
	if err != nil {
		return nil, err
	}
	env = append(env, "GIT_SSH_COMMAND="+ssh, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, c := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, c[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, c[1]))
	}
	return env, nil
}

const credentialVariable = "REPOEXPERT_GIT_CREDENTIAL"

// helper writes the credential to a file and returns the setting that lets git
// read it, for requests to the URL's scheme, host and port alone.
func helper(home, rawURL string, credential Credential) ([2]string, string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return [2]string{}, "", unreachable(rawURL, "is no valid URL")
	}
	file := filepath.Join(home, "credential")
	content := "username=" + credential.username + "\npassword=" + credential.password + "\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return [2]string{}, "", fmt.Errorf("write the credential file: %w", err)
	}
	return [2]string{
		"credential." + u.Scheme + "://" + u.Host + ".helper",
		`!f() { test "$1" != get || cat "$` + credentialVariable + `"; }; f`,
	}, file, nil
}

// sshCommand trusts nothing but the Secret's key and known hosts.
func sshCommand(home string, credential Credential) (string, error) {
	identity, hosts := filepath.Join(home, "identity"), filepath.Join(home, "known_hosts")
	for file, content := range map[string]string{identity: credential.identity, hosts: credential.knownHosts} {
		if err := os.WriteFile(file, []byte(strings.TrimRight(content, "\n")+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write ssh files: %w", err)
		}
	}
	return strings.Join([]string{
		"ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null",
		"-o UserKnownHostsFile=" + hosts, "-o IdentityFile=" + identity,
		"-o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey -o ConnectTimeout=10",
		"-o ForwardAgent=no -o ClearAllForwardings=yes -o ProxyCommand=none -o PermitLocalCommand=no",
	}, " "), nil
}

// bounded keeps the start of what is written to it and swallows the rest, so
// that a flood neither fills memory nor blocks git.
type bounded struct {
	limit   int
	content []byte
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.content = append(b.content, p[:min(len(p), b.limit-len(b.content))]...)
	return len(p), nil
}
