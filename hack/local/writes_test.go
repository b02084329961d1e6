package local

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadWrites(t *testing.T) {
	const line = `{"verb":"VERB","user":{"username":"USER"},"objectRef":{"resource":"RESOURCE","subresource":"SUB"},"responseStatus":{"code":CODE},"requestObject":REQUEST,"stageTimestamp":"TIME"}`
	event := func(pairs ...string) string {
		text := strings.NewReplacer(pairs...).Replace(line)
		return strings.NewReplacer("VERB", "patch", "USER", operatorUser, `"SUB"`, `""`, "CODE", "200", "REQUEST", "null", "TIME", "2026-01-02T00:00:01.000000Z").Replace(text)
	}
	log := strings.Join([]string{
		event("RESOURCE", "jobs", "VERB", "create"),
		event("RESOURCE", "jobs", "VERB", "create", "CODE", "409"),
		event("RESOURCE", "jobs", "VERB", "create", "USER", "somebody"),
		event("RESOURCE", "jobs", "VERB", "create", "TIME", "2026-01-01T00:00:00.000000Z"),
		event("RESOURCE", "expertruns", "SUB", "status", "REQUEST", `{"status":{"progress":"step 1/2"}}`),
		event("RESOURCE", "expertruns", "SUB", "status", "REQUEST", `{"status":{"progress":null,"stage":"Train"}}`),
		event("RESOURCE", "expertruns", "SUB", "status", "REQUEST", `{"status":{"stages":[]}}`),
		event("RESOURCE", "leases", "VERB", "update"),
		event("RESOURCE", "events", "VERB", "create"),
	}, "\n")
	got, err := readWrites(strings.NewReader(log), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	want := Writes{Objects: map[string]int{"create jobs": 1, "patch expertruns/status": 2}, Progress: 1, Events: 1, Leases: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := readWrites(strings.NewReader("{"), time.Time{}); err == nil {
		t.Error("a torn line was accepted")
	}
}
