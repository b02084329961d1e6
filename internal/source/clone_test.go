package source

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/source/gittest"
)

func TestAFetchThatHangsSaysItsOwnLimit(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	remote, err := NewRemote(t.TempDir(), server.URL+"/click.git", Credential{})
	if err != nil {
		t.Fatal(err)
	}
	into := gittest.New(t).Repository(t, "into.git").Git(t, "", "rev-parse", "--absolute-git-dir")
	err = remote.Fetch(t.Context(), into, 50*time.Millisecond, "+refs/heads/main:refs/x")
	wantError(t, err, v1alpha1.ReasonRepositoryUnreachable, "no answer within 50ms")
}
