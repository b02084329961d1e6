package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/snapshot"
)

// releases puts three commits on main; each changes click.py.
func (w *world) releases(t *testing.T) (first, second, third string) {
	t.Helper()
	first = commit(t, w.repository, "main", map[string]file{"click.py": {plain, "1"}})
	second = commit(t, w.repository, "main", map[string]file{"click.py": {plain, "2"}, "run.sh": {executable, "#!/bin/sh\n"}})
	third = commit(t, w.repository, "main", map[string]file{"click.py": {plain, "3"}})
	return first, second, third
}

func TestTheCommitIsFetchedThoughItsReferenceMovedOn(t *testing.T) {
	tests := map[string]func(*testing.T, *world, string) v1alpha1.GitRef{
		"branch moved on": func(*testing.T, *world, string) v1alpha1.GitRef { return v1alpha1.GitRef{Branch: "main"} },
		"branch was rewritten": func(t *testing.T, w *world, _ string) v1alpha1.GitRef {
			w.repository.Git(t, "", "update-ref", "-d", "refs/heads/main")
			commit(t, w.repository, "main", map[string]file{"other.py": {plain, "x"}})
			return v1alpha1.GitRef{Branch: "main"}
		},
		"branch is gone": func(t *testing.T, w *world, _ string) v1alpha1.GitRef {
			w.repository.Git(t, "", "update-ref", "-d", "refs/heads/main")
			return v1alpha1.GitRef{Branch: "main"}
		},
		"annotated tag": func(t *testing.T, w *world, commit string) v1alpha1.GitRef {
			w.repository.Tag(t, "v2", commit)
			return v1alpha1.GitRef{Tag: "v2"}
		},
		"tag moved on": func(t *testing.T, w *world, _ string) v1alpha1.GitRef {
			w.repository.Tag(t, "v2", w.repository.Head(t, "main"))
			return v1alpha1.GitRef{Tag: "v2"}
		},
		"commit": func(_ *testing.T, _ *world, commit string) v1alpha1.GitRef { return v1alpha1.GitRef{Commit: commit} },
	}
	for name, follow := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, second, third := w.releases(t)
			w.at(second)
			w.env.Spec.Recipe.Repository.Ref = follow(t, w, second)
			result := w.run(t)

			want := map[string]file{"click.py": {plain, "2"}, "run.sh": {executable, "#!/bin/sh\n"}}
			if diff := cmp.Diff(want, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			wantCounts := map[string]int64{"commits": 2, "files": 2, "bytes": 11}
			if diff := cmp.Diff(wantCounts, result.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if got := w.historyOf(t, "rev-list", "HEAD"); got != second+"\n"+first {
				t.Errorf("history is %q", got)
			}
			w.endsAtCommit(t, second, third)
		})
	}
}

// endsAtCommit demands that nothing of the future is in the repository, by
// whatever name, and that it is whole without the remote.
func (w *world) endsAtCommit(t *testing.T, commit, future string) {
	t.Helper()
	if got := w.historyOf(t, "for-each-ref", "--format=%(objectname) %(refname)"); got != commit+" "+snapshot.HeadRef {
		t.Errorf("references are %q", got)
	}
	for _, object := range []string{future, blobOf3} {
		if _, err := w.history(t, "cat-file", "-e", object); err == nil {
			t.Errorf("%s of the future is in the repository", object)
		}
	}
	if got := w.historyOf(t, "fsck", "--full", "--strict", "--no-dangling"); got != "" {
		t.Errorf("the repository is not whole: %s", got)
	}
	if got, err := w.history(t, "config", "--get-regexp", "^remote"); err == nil {
		t.Errorf("the repository knows a remote: %s", got)
	}
}

// blobOf3 is the object of the content "3", which only the third release has.
const blobOf3 = "e440e5c842586965a7fb77deda2eca68612b1f53"

func TestTheSameCommitGivesTheSameTree(t *testing.T) {
	var trees [2][]byte
	for i := range trees {
		w := newWorld(t)
		w.at(commit(t, w.repository, "main", map[string]file{
			"a b/" + strings.Repeat("long/", 40) + "ü.py": {plain, "deep"}, "bin/run": {executable, "x"}, "empty": {plain, ""},
		}))
		w.run(t)
		var err error
		if trees[i], err = os.ReadFile(filepath.Join(w.snapshot(t), snapshot.TreeFile)); err != nil {
			t.Fatal(err)
		}
	}
	if string(trees[0]) != string(trees[1]) {
		t.Error("two fetches of one commit give different trees")
	}
}

func TestACommitThatIsGone(t *testing.T) {
	const gone = "0123456789abcdef0123456789abcdef01234567"
	tests := map[string]struct {
		ref   v1alpha1.GitRef
		empty bool
	}{
		"not below its branch":    {ref: v1alpha1.GitRef{Branch: "main"}},
		"its branch is gone too":  {ref: v1alpha1.GitRef{Branch: "none"}},
		"its tag is gone too":     {ref: v1alpha1.GitRef{Tag: "none"}},
		"followed by name":        {ref: v1alpha1.GitRef{Commit: gone}},
		"empty repository":        {ref: v1alpha1.GitRef{Branch: "main"}, empty: true},
		"empty repository, by id": {ref: v1alpha1.GitRef{Commit: gone}, empty: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if !test.empty {
				w.releases(t)
			}
			w.at(gone)
			w.env.Spec.Recipe.Repository.Ref = test.ref
			w.refused(t, v1alpha1.FailureSource, w.repository.URL, "commit "+gone, "push it again")
		})
	}
}

// oldHost speaks the protocol of before 2018, in which nothing is had by name
// but what a reference points at.
func (w *world) oldHost(t *testing.T) {
	t.Helper()
	target, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Git-Protocol")
	}})
	t.Cleanup(front.Close)
	w.env.Spec.Recipe.Repository.URL = front.URL + "/click.git"
}

func TestAHostThatGivesNothingByName(t *testing.T) {
	w := newWorld(t)
	_, second, third := w.releases(t)
	w.oldHost(t)
	w.at(second)
	w.repository.Git(t, "", "branch", "kept", third)
	w.repository.Git(t, "", "update-ref", "-d", "refs/heads/main")
	w.refused(t, v1alpha1.FailureSource, "commit "+second, "push it again")
	w.env.Spec.Recipe.Repository.Ref.Branch = "kept"
	w.run(t)
	w.endsAtCommit(t, second, third)
}

// Whether the manager retries depends on the class.
func TestHosts(t *testing.T) {
	answer := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "CANARY", status) }))
		t.Cleanup(server.Close)
		return server.URL + "/click.git"
	}
	tests := map[string]struct {
		url   string
		class v1alpha1.FailureClass
		says  string
	}{
		"nobody listens":     {"http://127.0.0.1:1/click.git", v1alpha1.FailureExternal, "check host and port"},
		"no such repository": {answer(http.StatusNotFound), v1alpha1.FailureExternal, "knows no such repository"},
		"server error":       {answer(http.StatusInternalServerError), v1alpha1.FailureExternal, "no answer that git understands"},
		"too many requests":  {answer(http.StatusTooManyRequests), v1alpha1.FailureExternal, "429"},
		"forbidden":          {answer(http.StatusForbidden), v1alpha1.FailureSource, "name a Secret in repository.secretRef"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(strings.Repeat("a", 40))
			w.env.Spec.Recipe.Repository.URL = test.url
			w.refused(t, test.class, test.url, test.says)
		})
	}
}

func TestAStageThatIsStoppedKillsGit(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		// Ends with the connection, which git's remote helper holds.
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	w.at(strings.Repeat("a", 40))
	w.env.Spec.Recipe.Repository.URL = server.URL + "/click.git"
	if _, err := w.sources.Run(ctx, w.env); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.left(t, w.env.Spec.Keys.Output(v1alpha1.StageFetch))
}

// The API refuses such URLs; whoever writes a run past it gains nothing.
func TestOptionsAndOtherSchemesAsURLAreRefused(t *testing.T) {
	touched := filepath.Join(t.TempDir(), "touched")
	touch := "touch " + touched
	tests := map[string]func(dir string) string{
		"option":            func(string) string { return "--upload-pack=" + touch },
		"option as host":    func(string) string { return "ssh://-oProxyCommand=" + touch + "/x" },
		"option as user":    func(string) string { return "ssh://-oProxyCommand=" + touch + "@127.0.0.1:1/x" },
		"command as scheme": func(string) string { return "ext::sh -c '" + touch + "'" },
		// These would give the very commit.
		"file": func(dir string) string { return "file://" + dir },
		"path": func(dir string) string { return dir },
	}
	for name, urlOf := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, _, third := w.releases(t)
			w.at(third)
			w.env.Spec.Recipe.Repository.URL = urlOf(w.repository.Git(t, "", "rev-parse", "--absolute-git-dir"))
			if result, err := w.sources.Run(t.Context(), w.env); err == nil {
				t.Errorf("got %+v", result)
			}
			if _, err := os.Stat(touched); err == nil {
				t.Error("a command ran")
			}
			w.left(t, w.env.Spec.Keys.Output(v1alpha1.StageFetch))
		})
	}
}

// Such a reference is none, and the commit is had by name.
func TestOptionsAsReferenceHaveNoEffect(t *testing.T) {
	touched := filepath.Join(t.TempDir(), "touched")
	tests := map[string]v1alpha1.GitRef{
		"option as branch":         {Branch: "--upload-pack=touch " + touched},
		"option as tag":            {Tag: "--upload-pack=touch " + touched},
		"second side of a refspec": {Branch: "main:refs/heads/snapshot"},
		"pattern":                  {Branch: "*"},
		"folder above":             {Branch: "../heads/main"},
	}
	for name, ref := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, second, third := w.releases(t)
			w.at(second)
			w.env.Spec.Recipe.Repository.Ref = ref
			w.run(t)
			if _, err := os.Stat(touched); err == nil {
				t.Error("a command ran")
			}
			w.endsAtCommit(t, second, third)
		})
	}
}
