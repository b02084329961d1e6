package fetch

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/source/gittest"
)

// Attributes, filters, hooks, modules and links of a repository have no say.
func TestHostileContentIsTakenAsItIs(t *testing.T) {
	other := gittest.New(t)
	module := other.Repository(t, "module.git")
	w := newWorld(t)
	want := map[string]file{
		".gitattributes":           {plain, "* filter=evil diff=evil text eol=crlf ident export-ignore\n*.txt export-subst\n"},
		".gitmodules":              {plain, "[submodule \"m\"]\n\tpath = module\n\turl = " + module.URL + "\n"},
		".lfsconfig":               {plain, "[lfs]\n\turl = " + other.URL + "\n"},
		"ident.txt":                {plain, "$Id$ $Format:%H$\nnext\n"},
		"hooks/post-checkout":      {executable, "#!/bin/sh\nexit 1\n"},
		"line\nbreak\t\x1b[31m.py": {plain, "x"},
		`back\slash`:               {plain, "x"},
		"-option":                  {plain, "x"},
		"'quoted' \"name\"":        {plain, "x"},
	}
	files := map[string]file{
		"link":       {symlink, "/etc/passwd"},
		"deep/link":  {symlink, "../../../outside"},
		"deep/inner": {symlink, "../ident.txt"},
		"module":     {submodule, module.Commit(t, "main", "module")},
	}
	for name, f := range want {
		files[name] = f
	}
	w.at(commit(t, w.repository, "main", files))
	result := w.run(t)
	if diff := cmp.Diff(want, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if result.Counts["symlinksSkipped"] != 3 || result.Counts["submodulesSkipped"] != 1 || result.Counts["files"] != int64(len(want)) {
		t.Errorf("counts are %v", result.Counts)
	}
	if n := other.Looks(); n != 0 {
		t.Errorf("the repository's other hosts were asked %d times", n)
	}
}

// A later stage, or a person, checks the history out.
func TestDangerousHistoryIsRefused(t *testing.T) {
	tests := map[string]struct {
		files map[string]file
		says  string
	}{
		"hook":                    {map[string]file{".git/hooks/post-checkout": {executable, "#!/bin/sh\n"}}, "hasDotgit"},
		"configuration, nested":   {map[string]file{"a/b/.GIT/config": {plain, "[core]\n"}}, "hasDotgit"},
		"short name of Windows":   {map[string]file{"git~1/config": {plain, "[core]\n"}}, "hasDotgit"},
		"way out":                 {map[string]file{"../outside": {plain, "x"}}, "hasDotdot"},
		"way out, nested":         {map[string]file{"a/../../outside": {plain, "x"}}, "hasDotdot"},
		"folder itself":           {map[string]file{"./inside": {plain, "x"}}, "hasDot"},
		"option as module's URL":  {map[string]file{".gitmodules": {plain, "[submodule \"m\"]\n\tpath = m\n\turl = -u./run\n"}}, "gitmodulesUrl"},
		"command of a module":     {map[string]file{".gitmodules": {plain, "[submodule \"m\"]\n\tpath = m\n\turl = x\n\tupdate = !run\n"}}, "gitmodulesUpdate"},
		"way out as module":       {map[string]file{".gitmodules": {plain, "[submodule \"../../m\"]\n\tpath = m\n\turl = x\n"}}, "gitmodulesName"},
		"link in place of a file": {map[string]file{".gitmodules": {symlink, "elsewhere"}}, "gitmodulesSymlink"},
	}
	for name, test := range tests {
		for _, when := range []string{"now", "before"} {
			t.Run(name+" "+when, func(t *testing.T) {
				w := newWorld(t)
				w.at(commit(t, w.repository, "main", test.files))
				if when == "before" {
					w.at(commit(t, w.repository, "main", map[string]file{"clean.py": {plain, "x"}}))
				}
				w.refused(t, v1alpha1.FailureData, w.repository.URL, test.says, "write the history anew")
			})
		}
	}
}

// Flask's history has padded modes, that of Requests a time zone that is none:
// such history is well and cannot be changed any more.
func TestHistoryOfOldGitVersions(t *testing.T) {
	w := newWorld(t)
	blob := w.repository.Git(t, "x", "hash-object", "-w", "--stdin")
	inner := w.repository.Git(t, "100644 blob "+blob+"\ta.py", "mktree")
	raw, err := hex.DecodeString(inner)
	if err != nil {
		t.Fatal(err)
	}
	tree := w.repository.Git(t, "040000 docs\x00"+string(raw), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
	id := w.repository.Git(t, "tree "+tree+"\nauthor A <a@b> 1313584730 +051800\ncommitter A <a@b>1313584730 +0000\n\nx\n",
		"hash-object", "-t", "commit", "--literally", "-w", "--stdin")
	w.repository.Git(t, "", "update-ref", "refs/heads/main", id)
	w.at(id)
	if result := w.run(t); result.Counts["commits"] != 1 {
		t.Errorf("counts are %v", result.Counts)
	}
	if diff := cmp.Diff(map[string]file{"docs/a.py": {plain, "x"}}, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestTreesThatCannotBeTaken(t *testing.T) {
	tests := map[string]struct {
		files map[string]file
		says  []string
	}{
		"no text as path": {map[string]file{"a.py": {plain, "x"}, "b/\xff.py": {plain, "x"}}, []string{`"b/\xff.py"`, "rename it"}},
		"no files":        {map[string]file{"link": {symlink, "/etc/passwd"}}, []string{"no files"}},
		"empty":           {nil, []string{"no files"}},
		"too large a file": {map[string]file{"a.py": {plain, "x"}, "large\n.bin": {plain, strings.Repeat("0", (64<<20)+1)}, "z.bin": {plain, strings.Repeat("1", 1<<20)}},
			[]string{`"large\n.bin" has 67108865 bytes (limit 67108864)`, "remove it"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(commit(t, w.repository, "main", test.files))
			w.refused(t, v1alpha1.FailureData, test.says...)
		})
	}
}

const (
	user     = "bot-CANARY"
	password = "hunter2-CANARY"
)

// secret mounts a Secret's keys.
func (w *world) secret(t *testing.T, keys map[string]string) {
	t.Helper()
	w.sources.GitSecret = t.TempDir()
	put(t, w.sources.GitSecret, keys)
}

func authorization(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// kept fails where a credential is in a text.
func kept(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{"CANARY", base64.StdEncoding.EncodeToString([]byte(user + ":" + password))} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows the credential: %.500s", where, text)
		}
	}
}

func TestCredentials(t *testing.T) {
	tests := map[string]struct {
		user string
		keys map[string]string
	}{
		"user and password": {user, map[string]string{"username": user + "\n", "password": password + "\n"}},
		"token":             {"git", map[string]string{"password": password}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, second, third := w.releases(t)
			w.server.Protect(test.user, password)
			w.secret(t, test.keys)
			w.at(second)
			w.run(t)
			w.endsAtCommit(t, second, third)
			for _, got := range w.server.Authorizations() {
				if got != authorization(test.user, password) {
					t.Errorf("the host was sent %q", got)
				}
			}
			kept(t, "the log", w.log.String())
			for name, content := range w.volume(t) {
				kept(t, name, content)
			}
			w.nothingPrivate(t)
		})
	}
}

func TestCredentialsThatDoNotWork(t *testing.T) {
	tests := map[string]struct {
		keys map[string]string
		says string
	}{
		"refused":                {map[string]string{"username": user, "password": password}, "refuses the credentials in the Secret of repository.secretRef"},
		"no password":            {map[string]string{"username": user}, "repository.secretRef: the Secret must hold username and password"},
		"two lines in password":  {map[string]string{"username": user, "password": password + "\nhost=evil"}, "as one line each"},
		"two lines in user name": {map[string]string{"username": user + "\nurl=evil", "password": password}, "as one line each"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(w.repository.Commit(t, "main", "first"))
			w.server.Protect("somebody", "else")
			w.secret(t, test.keys)
			w.refused(t, v1alpha1.FailureSource, test.says)
		})
	}
}

func TestCredentialsGoToTheHostOfTheURLAlone(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t)
			w.at(w.repository.Commit(t, "main", "first"))
			w.server.Protect(user, password)
			w.secret(t, map[string]string{"username": user, "password": password})
			asked := 0
			front := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
				if _, _, ok := r.BasicAuth(); ok {
					asked++
					http.Redirect(answer, r, w.server.URL+r.URL.String(), status)
					return
				}
				answer.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				answer.WriteHeader(http.StatusUnauthorized)
			}))
			t.Cleanup(front.Close)
			w.env.Spec.Recipe.Repository.URL = front.URL + "/click.git"
			w.refused(t, v1alpha1.FailureExternal, "use the repository's final URL")
			if asked == 0 || w.server.Looks() != 0 || len(w.server.Authorizations()) != 0 {
				t.Errorf("%d requests were redirected; the other host was asked %d times, with %q", asked, w.server.Looks(), w.server.Authorizations())
			}
		})
	}
}
