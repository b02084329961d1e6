package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/source/gittest"
)

func newGit(t *testing.T) *Git {
	t.Helper()
	g, err := NewGit(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestResolve(t *testing.T) {
	server := gittest.New(t)
	repository := server.Repository(t, "click.git")
	first := repository.Commit(t, "main", "first")
	head := repository.Commit(t, "main", "second")
	// A reference whose name ends like the one that is asked for must not be taken for it.
	repository.Commit(t, "refs/heads/main", "decoy")
	repository.Tag(t, "v1", first)
	empty := server.Repository(t, "empty.git")

	tests := map[string]struct {
		url    string
		ref    v1alpha1.GitRef
		want   string
		reason string
		says   string
	}{
		"branch":              {url: repository.URL, ref: v1alpha1.GitRef{Branch: "main"}, want: head},
		"annotated tag":       {url: repository.URL, ref: v1alpha1.GitRef{Tag: "v1"}, want: first},
		"tag is no branch":    {url: repository.URL, ref: v1alpha1.GitRef{Branch: "v1"}, reason: v1alpha1.ReasonRefNotFound, says: "refs/heads/v1 does not exist"},
		"missing branch":      {url: repository.URL, ref: v1alpha1.GitRef{Branch: "none"}, reason: v1alpha1.ReasonRefNotFound, says: "refs/heads/none does not exist in " + repository.URL},
		"missing tag":         {url: repository.URL, ref: v1alpha1.GitRef{Tag: "none"}, reason: v1alpha1.ReasonRefNotFound, says: "refs/tags/none"},
		"empty repository":    {url: empty.URL, ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryEmpty, says: "the repository is empty: push a commit"},
		"no such repository":  {url: server.URL + "/none.git", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable, says: "knows no such repository"},
		"nobody listens":      {url: "http://127.0.0.1:1/click.git", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable, says: "check host and port"},
		"unknown host":        {url: "http://git.invalid/click.git", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable, says: "cannot be resolved"},
		"local path":          {url: "file:///etc", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable, says: "/etc"},
		"command as protocol": {url: "ext::sh -c true", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable},
		"option as URL":       {url: "--upload-pack=touch /tmp/owned", ref: v1alpha1.GitRef{Branch: "main"}, reason: v1alpha1.ReasonRepositoryUnreachable},
	}
	git := newGit(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := git.Resolve(t.Context(), tc.url, tc.ref, Credential{})
			if tc.reason == "" {
				if err != nil || got != tc.want {
					t.Fatalf("Resolve = %q, %v; want %q", got, err, tc.want)
				}
				return
			}
			wantError(t, err, tc.reason, tc.says)
		})
	}
}

func wantError(t *testing.T, err error, reason, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is not an *Error", err)
	}
	if e.Reason != reason || !strings.Contains(e.Message, says) {
		t.Fatalf("got %s: %s; want %s with %q", e.Reason, e.Message, reason, says)
	}
}

func secret(annotations, labels map[string]string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "git", Annotations: annotations, Labels: labels}, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func host(h string) map[string]string { return map[string]string{v1alpha1.SecretHostAnnotation: h} }

var forGit = map[string]string{v1alpha1.SecretUseLabel: v1alpha1.SecretUseGit}

func TestCredentialFor(t *testing.T) {
	const url = "https://git.example:3000/a/b.git"
	basic := map[string]string{"username": "bot", "password": "hunter2\n"}
	tests := map[string]struct {
		url    string
		secret *corev1.Secret
		want   Credential
		says   string
	}{
		"host with port":     {secret: secret(host("git.example:3000"), forGit, basic), want: Credential{username: "bot", password: "hunter2"}},
		"host without port":  {secret: secret(host("GIT.example"), forGit, basic), want: Credential{username: "bot", password: "hunter2"}},
		"token alone":        {secret: secret(host("git.example"), forGit, map[string]string{"password": "t"}), want: Credential{username: "git", password: "t"}},
		"no label":           {secret: secret(host("git.example"), nil, basic), says: `needs the label repoexpert.dev/use: git, it has ""`},
		"label of another":   {secret: secret(host("git.example"), map[string]string{v1alpha1.SecretUseLabel: "model"}, basic), says: `it has "model"`},
		"no annotation":      {secret: secret(nil, forGit, basic), says: `may be sent to host "" only`},
		"another host":       {secret: secret(host("evil.example"), forGit, basic), says: `may be sent to host "evil.example" only`},
		"host as prefix":     {secret: secret(host("git.example.org"), forGit, basic), says: "but repository.url is at git.example:3000"},
		"no password":        {secret: secret(host("git.example"), forGit, map[string]string{"username": "bot"}), says: "needs the key password"},
		"two lines":          {secret: secret(host("git.example"), forGit, map[string]string{"password": "a\nhost=evil"}), says: "one line each"},
		"ssh":                {url: "ssh://git@git.example/a", secret: secret(host("git.example"), forGit, map[string]string{"identity": "k", "known_hosts": "h"}), want: Credential{identity: "k", knownHosts: "h"}},
		"ssh without key":    {url: "ssh://git@git.example/a", secret: secret(host("git.example"), forGit, map[string]string{"known_hosts": "h"}), says: "needs the key identity"},
		"ssh without a host": {url: "ssh://git@git.example/a", secret: secret(host("git.example"), forGit, map[string]string{"identity": "k"}), says: "needs the key known_hosts"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.url == "" {
				tc.url = url
			}
			got, err := CredentialFor(tc.url, tc.secret)
			if tc.says != "" {
				wantError(t, err, v1alpha1.ReasonSecretNotUsable, tc.says)
				return
			}
			if err != nil || got != tc.want {
				t.Fatalf("CredentialFor = %v, %v", got == tc.want, err)
			}
		})
	}
}

func TestResolvePrivate(t *testing.T) {
	server := gittest.New(t)
	repository := server.Repository(t, "click.git")
	head := repository.Commit(t, "main", "first")
	server.Protect("bot", "hunter2")
	git, main := newGit(t), v1alpha1.GitRef{Branch: "main"}

	if got, err := git.Resolve(t.Context(), repository.URL, main, Credential{username: "bot", password: "hunter2"}); err != nil || got != head {
		t.Fatalf("with credentials: %q, %v; want %q", got, err, head)
	}
	_, err := git.Resolve(t.Context(), repository.URL, main, Credential{})
	wantError(t, err, v1alpha1.ReasonAuthenticationFailed, "name a Secret in repository.secretRef")
	_, err = git.Resolve(t.Context(), repository.URL, main, Credential{username: "bot", password: "wr0ng"})
	wantError(t, err, v1alpha1.ReasonAuthenticationFailed, "refuses the credentials")
	if strings.Contains(err.Error(), "wr0ng") {
		t.Fatalf("the message shows the password: %s", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	thief := gittest.New(t)
	thief.Repository(t, "click.git").Commit(t, "main", "first")
	thief.Protect("nobody", "knows")
	tests := map[string]int{"moved": http.StatusMovedPermanently, "found": http.StatusFound, "temporary": http.StatusTemporaryRedirect}
	for name, code := range tests {
		t.Run(name, func(t *testing.T) {
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, _, ok := r.BasicAuth(); !ok {
					w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				http.Redirect(w, r, thief.URL+r.URL.String(), code)
			}))
			defer front.Close()
			_, err := newGit(t).Resolve(t.Context(), front.URL+"/click.git", v1alpha1.GitRef{Branch: "main"}, Credential{username: "bot", password: "hunter2"})
			wantError(t, err, v1alpha1.ReasonRepositoryUnreachable, "use the repository's final URL")
			if thief.Looks() != 0 || len(thief.Authorizations()) != 0 {
				t.Fatalf("the redirect was followed: %d looks, %v", thief.Looks(), thief.Authorizations())
			}
		})
	}
}

func TestHostileHosts(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		reason  string
		says    string
	}{
		"too many requests": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, v1alpha1.ReasonRepositoryUnreachable, "429"},
		"a web page":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>canary</html>")) }, v1alpha1.ReasonRepositoryEmpty, "check that this is the URL of a git repository"},
		"server error": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "SECRET-CANARY", http.StatusInternalServerError)
		}, v1alpha1.ReasonRepositoryUnreachable, "no answer that git understands"},
		"a flood": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			chunk := []byte(strings.Repeat("fatal: canary\n", 4096))
			for range 256 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, v1alpha1.ReasonRepositoryUnreachable, "no answer that git understands"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			_, err := newGit(t).Resolve(t.Context(), server.URL+"/click.git", v1alpha1.GitRef{Branch: "main"}, Credential{})
			wantError(t, err, tc.reason, tc.says)
			if strings.Contains(strings.ToLower(err.Error()), "canary") {
				t.Fatalf("the message repeats the host: %s", err)
			}
		})
	}
}
