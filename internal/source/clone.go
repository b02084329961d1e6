package source

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Remote runs git commands that talk to one remote: the hardened environment
// of a look, for commands that take longer.
type Remote struct {
	url        string
	home       string
	credential Credential
	env        []string
}

// NewRemote prepares the environment for a URL in a private folder.
func NewRemote(home, rawURL string, credential Credential) (*Remote, error) {
	env, err := environment(home, rawURL, credential)
	if err != nil {
		return nil, err
	}
	return &Remote{url: rawURL, home: home, credential: credential, env: env}, nil
}

// NewLocalRemote prepares the environment for a repository in an absolute folder
// of this machine, which no URL of a tenant ever names.
func NewLocalRemote(home, folder string) (*Remote, error) {
	remote, err := NewRemote(home, folder, Credential{})
	if err != nil {
		return nil, err
	}
	// The last value of a variable counts.
	remote.env = append(remote.env, "GIT_ALLOW_PROTOCOL=file")
	return remote, nil
}

// UnsoundError is the end of a fetch whose objects git refuses, because a history
// that is checked out or continued would be dangerous: a path .git or .., a
// broken object.
type UnsoundError struct {
	// Object is its id, Problem git's name of what is wrong with it.
	Object, Problem string
}

// Error implements error.
func (e *UnsoundError) Error() string {
	return fmt.Sprintf("git refuses object %s of the history, %s", e.Object, e.Problem)
}

// objectChecks refuse unsound objects. What old versions of git wrote, and well
// known repositories keep in their history, harms nobody.
var objectChecks = []string{
	"-c", "fetch.fsckObjects=true", "-c", "fetch.fsck.badTimezone=ignore",
	"-c", "fetch.fsck.missingSpaceBeforeDate=ignore", "-c", "fetch.fsck.zeroPaddedFilemode=ignore",
}

// Fetch fetches refspecs into a bare repository, whole objects and history. The
// error is an *Error, an *UnsoundError, or that of the context.
func (r *Remote) Fetch(ctx context.Context, repository string, limit time.Duration, refspecs ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := slices.Concat(objectChecks, []string{
		"-c", "core.symlinks=false",
		"--git-dir", repository, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
		"--end-of-options", r.url,
	}, refspecs)
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = r.home, r.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	stderr := &bounded{limit: maxAnswer}
	cmd.Stderr = stderr
	err := cmd.Run()
	says := string(stderr.content)
	switch {
	case err != nil && unsound.MatchString(says):
		found := unsound.FindStringSubmatch(says)
		return &UnsoundError{Object: found[1], Problem: found[2]}
	case err != nil && slices.ContainsFunc(absent, func(words string) bool { return strings.Contains(says, words) }):
		return &Error{Reason: v1alpha1.ReasonRefNotFound, Message: fmt.Sprintf(
			"repository.ref: %s does not exist in %s: push it, or name another one", strings.Join(refspecs, " "), r.url)}
	}
	return explain(ctx, err, limit, r.url, r.credential, stderr.content)
}

var (
	// unsound finds the object that git refuses and the name of what is wrong.
	unsound = regexp.MustCompile(`(?m)^error: object ([0-9a-f]{40}): ([A-Za-z0-9]{1,40}): `)
	// absent is what git says of a reference and of a commit that the host does
	// not have, or does not give by name.
	absent = []string{"couldn't find remote ref", "upload-pack: not our ref", "does not allow request for unadvertised object"}
)

// CredentialFromFolder reads a credential from the keys of a mounted Secret.
// A folder that is not there is no credential.
func CredentialFromFolder(folder, rawURL string) (Credential, error) {
	if _, err := os.Stat(folder); os.IsNotExist(err) {
		return Credential{}, nil
	}
	values := map[string]string{}
	for _, key := range []string{"username", "password", "identity", "known_hosts"} {
		raw, err := os.ReadFile(filepath.Join(folder, key))
		if err != nil && !os.IsNotExist(err) {
			return Credential{}, fmt.Errorf("read the git Secret's key %s: %w", key, err)
		}
		values[key] = string(raw)
	}
	return credentialOf(rawURL, values)
}

func credentialOf(rawURL string, values map[string]string) (Credential, error) {
	if strings.HasPrefix(rawURL, "ssh://") {
		return Credential{identity: values["identity"], knownHosts: values["known_hosts"]}, nil
	}
	c := Credential{username: tokenUser, password: strings.TrimRight(values["password"], "\r\n")}
	if user := strings.TrimSpace(values["username"]); user != "" {
		c.username = user
	}
	if c.password == "" || strings.ContainsAny(c.username+c.password, "\r\n\x00") {
		return Credential{}, &Error{Reason: v1alpha1.ReasonSecretNotUsable, Message: "repository.secretRef: the Secret must hold username and password as one line each"}
	}
	return c, nil
}
