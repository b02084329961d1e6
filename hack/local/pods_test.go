package local

import (
	"slices"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestToolPods(t *testing.T) {
	endpoint := v1alpha1.Endpoint{URL: "http://boltons.demo.svc/v1", Model: "boltons"}
	ask := toolPod("demo", "i:1", askCommand(endpoint, []string{"--what is $(HOME)?"})...)
	read := artifactReader("demo", "i:1", "boltons", "evaluations/key/records.jsonl")
	checkRestricted(t, &ask.ObjectMeta, &ask.Spec)
	checkRestricted(t, &read.ObjectMeta, &read.Spec)

	want := []string{"podtool", "ask", "--url", endpoint.URL, "--model", "boltons", "--", "--what is $$(HOME)?"}
	if got := ask.Spec.Containers[0].Command; !slices.Equal(got, want) {
		t.Errorf("command %q, want %q", got, want)
	}
	if got := read.Spec.Containers[0].Command; !slices.Equal(got, []string{"cat", "/artifacts/evaluations/key/records.jsonl"}) {
		t.Errorf("command %q", got)
	}
	claim := read.Spec.Volumes[0].PersistentVolumeClaim
	if claim.ClaimName != "boltons-artifacts" || !claim.ReadOnly || !read.Spec.Containers[0].VolumeMounts[0].ReadOnly {
		t.Errorf("the artifacts are mounted as %+v", claim)
	}
}

func TestParseAnswers(t *testing.T) {
	got, err := parseAnswers("\"one\\ntwo\"\n\"\"\n")
	if err != nil || !slices.Equal(got, []string{"one\ntwo", ""}) {
		t.Errorf("parsed %q, %v", got, err)
	}
	if got, err := parseAnswers("\"one\"\nnot JSON\n"); err == nil {
		t.Errorf("parsed %q", got)
	}
}

func TestTail(t *testing.T) {
	long := make([]byte, 5000)
	if got := tail(string(long) + "end"); len(got) != 4<<10 || got[len(got)-3:] != "end" {
		t.Errorf("%d bytes are left", len(got))
	}
	if got := tail("short"); got != "short" {
		t.Errorf("left %q", got)
	}
}
