// Package gittest serves real git repositories over real smart HTTP, by git's
// own http-backend, for tests.
package gittest

import (
	"bytes"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server serves the repositories of one folder.
type Server struct {
	*httptest.Server
	root string

	mu       sync.Mutex
	user     string
	password string
	looks    int
	headers  []string
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{root: t.TempDir()}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(git(t, s.root, "--exec-path")), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + s.root, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH"},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.admit(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "credentials, please", http.StatusUnauthorized)
			return
		}
		// The CGI package knows GIT_PROTOCOL by its header's name only.
		handler := *backend
		handler.Env = append(handler.Env[:len(handler.Env):len(handler.Env)], "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// admit counts the request and checks its credentials.
func (s *Server) admit(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		s.looks++
	}
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		s.headers = append(s.headers, authorization)
	}
	user, password, _ := r.BasicAuth()
	return s.user == "" || (user == s.user && password == s.password)
}

// Protect demands credentials from now on.
func (s *Server) Protect(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.password = user, password
}

// Looks is the number of times that somebody began to list references.
func (s *Server) Looks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks
}

// Authorizations are the Authorization headers that came in.
func (s *Server) Authorizations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.headers...)
}

// Repository is a bare repository on the server.
type Repository struct {
	dir string
	// URL to clone it from.
	URL string
}

// Repository makes an empty repository.
func (s *Server) Repository(t testing.TB, name string) Repository {
	t.Helper()
	r := Repository{dir: filepath.Join(s.root, name), URL: s.URL + "/" + name}
	git(t, s.root, "init", "-q", "--bare", "--initial-branch=main", r.dir)
	return r
}

// Commit adds an empty commit to a branch and returns its id.
func (r Repository) Commit(t testing.TB, branch, message string) string {
	t.Helper()
	tree := strings.TrimSpace(git(t, r.dir, "hash-object", "-t", "tree", "-w", "--stdin"))
	args := []string{"commit-tree", "-m", message}
	if parent, err := exec.Command("git", "-C", r.dir, "rev-parse", "-q", "--verify", "refs/heads/"+branch).Output(); err == nil {
		args = append(args, "-p", strings.TrimSpace(string(parent)))
	}
	commit := strings.TrimSpace(git(t, r.dir, append(args, tree)...))
	git(t, r.dir, "update-ref", "refs/heads/"+branch, commit)
	return commit
}

// Head returns the commit of a branch.
func (r Repository) Head(t testing.TB, branch string) string {
	t.Helper()
	return strings.TrimSpace(git(t, r.dir, "rev-parse", "refs/heads/"+branch))
}

// Tag makes an annotated tag of a commit.
func (r Repository) Tag(t testing.TB, name, commit string) {
	t.Helper()
	git(t, r.dir, "tag", "-f", "-m", name, name, commit)
}

// Git runs git in the repository with a text on its standard input, for content
// that no work tree can hold, and returns what it prints.
func (r Repository) Git(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(gitWith(t, r.dir, stdin, args...))
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return gitWith(t, dir, "", args...)
}

func gitWith(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
