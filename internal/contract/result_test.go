package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

func result() contract.StageResult {
	return contract.StageResult{
		Version: contract.Version, Stage: v1alpha1.StageFetch, Run: "click-1", Attempt: 2,
		Class: v1alpha1.Succeeded, Message: "fetched", Counts: map[string]int64{"files": 3, "lossDelta": -4},
		ManifestDigest: digest, BaseModelDigest: digest, RecordDigest: digest, Reused: true,
		Sealed: map[v1alpha1.StageName]string{v1alpha1.StagePlan: digest},
	}
}

// manyCounts have names of 60 characters.
func manyCounts(n int) map[string]int64 {
	counts := map[string]int64{}
	for i := range n {
		counts[fmt.Sprintf("%060d", i)] = int64(i)
	}
	return counts
}

// fewCounts have names of 2 characters.
func fewCounts(n int) map[string]int64 {
	counts := map[string]int64{}
	for i := range n {
		counts[fmt.Sprintf("%02d", i)] = int64(i)
	}
	return counts
}

func anyResult(t *rapid.T) contract.StageResult {
	r := result()
	r.Stage = rapid.SampledFrom(v1alpha1.Stages).Draw(t, "stage")
	r.Run = rapid.StringN(0, 63, -1).Draw(t, "run")
	r.Attempt = rapid.Int32().Draw(t, "attempt")
	r.Class = rapid.SampledFrom([]v1alpha1.FailureClass{v1alpha1.Succeeded, v1alpha1.FailureData, "Invented"}).Draw(t, "class")
	r.Message = strings.Repeat(rapid.StringN(0, 8, -1).Draw(t, "message"), rapid.IntRange(0, 200).Draw(t, "times"))
	n := rapid.IntRange(0, 40).Draw(t, "number")
	names := rapid.SampledFrom([]*rapid.Generator[string]{rapid.StringMatching(`[a-z]{2,4}`), rapid.StringN(0, 63, -1)}).Draw(t, "names")
	r.Counts = rapid.MapOfN(names, rapid.Int64(), n, n).Draw(t, "counts")
	r.RecordDigest = rapid.SampledFrom([]string{"", digest}).Draw(t, "record")
	r.Sealed = rapid.MapOfN(rapid.SampledFrom(v1alpha1.Stages), digests(), 0, 7).Draw(t, "sealed")
	return r
}

// Whatever a stage reports, the manager reads it, and nothing but the message
// and the counts ever gets lost.
func TestResultRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyResult(t)
		raw, err := contract.EncodeResult(want)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > contract.MaxResultBytes {
			t.Fatalf("%d bytes", len(raw))
		}
		got, err := contract.ParseResult(raw)
		if err != nil {
			t.Fatalf("the manager refuses what the worker reports: %v\n%s", err, raw)
		}
		checkShortened(t, want, got)
		want.Message, want.Counts = got.Message, got.Counts
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// checkShortened checks that a message is cut from its end and before the counts
// go, that counts go as a whole, and neither without need.
func checkShortened(t rapid.TB, want, got contract.StageResult) {
	t.Helper()
	if !strings.HasPrefix(want.Message, got.Message) || len(got.Message) > 512 {
		t.Fatalf("message %q became %q", want.Message, got.Message)
	}
	lost := len(got.Counts) < len(want.Counts)
	switch {
	case lost && len(got.Counts) > 0, !lost && !maps.Equal(want.Counts, got.Counts):
		t.Fatalf("counts %v became %v", want.Counts, got.Counts)
	case lost && len(want.Counts) <= 32 && got.Message != "":
		t.Fatal("the counts went before the message")
	}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	fits := len(want.Message) <= 512 && len(want.Counts) <= 32 && len(raw) <= contract.MaxResultBytes
	if fits && (lost || got.Message != want.Message) {
		t.Fatalf("%d bytes fit, but became message %q and counts %v", len(raw), got.Message, got.Counts)
	}
}

func TestEncodeResultShortens(t *testing.T) {
	long := strings.Repeat("x", 600)
	tests := map[string]struct {
		message string
		counts  map[string]int64
		want    string
		lost    bool
	}{
		"a long message":                      {message: long, want: long[:512]},
		"a rune is not split":                 {message: long[:511] + "é", want: long[:511]},
		"bytes that are no text":              {message: "a\xff\xfe\xc3b", want: "a\uFFFDb"},
		"a message that JSON makes longer":    {message: strings.Repeat("<", 600), want: strings.Repeat("<", 128)},
		"the message goes before the counts":  {message: long[:512], counts: manyCounts(16), want: long[:256]},
		"counts that do not fit":              {message: long, counts: manyCounts(32), lost: true},
		"more counts than the manager reads":  {message: "kept", counts: fewCounts(33), want: "kept", lost: true},
		"as many counts as the manager reads": {message: "kept", counts: fewCounts(32), want: "kept"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := contract.StageResult{Run: "click-1", Class: v1alpha1.FailureData, Message: test.message, Counts: test.counts}
			raw, err := contract.EncodeResult(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := contract.ParseResult(raw)
			if err != nil {
				t.Fatal(err)
			}
			want.Version, want.Message = contract.Version, test.want
			if test.lost {
				want.Counts = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What names the result is never cut: without it the result counts for nothing.
func TestEncodeResultRefusesWhatCannotBeShortened(t *testing.T) {
	r := result()
	r.Run = strings.Repeat("x", contract.MaxResultBytes)
	if raw, err := contract.EncodeResult(r); err == nil || !strings.Contains(err.Error(), "the limit is 1536") {
		t.Errorf("encoded as %s, error %v", raw, err)
	}
}

func TestParseResultRefuses(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"nothing":                     {``, "unexpected end"},
		"a list":                      {`[]`, "cannot unmarshal"},
		"text":                        {`"v"`, "cannot unmarshal"},
		"prose":                       {`panic: runtime error`, "invalid character"},
		"two results":                 {`{"v":1}{"v":1}`, "after top-level value"},
		"deep nesting":                {strings.Repeat(`[`, 1500), "unexpected end"},
		"a deep field":                {`{"v":1,"counts":{"a":{"b":{}}}}`, "cannot unmarshal"},
		"no JSON string":              {"{\"v\":1,\"message\":\"a\nb\"}", "invalid character"},
		"a huge result":               {`{"v":1,"message":"` + strings.Repeat("x", 1520) + `"}`, "the limit is 1536"},
		"a huge result of spaces":     {`{"v":1}` + strings.Repeat(" ", 1530), "the limit is 1536"},
		"the next version":            {`{"v":2}`, "version 2"},
		"the version before the last": {`{"v":-1}`, "version -1"},
		"version as text":             {`{"v":"1"}`, "cannot unmarshal"},
		"half a version":              {`{"v":1.5}`, "cannot unmarshal"},
		"a count as text":             {`{"v":1,"counts":{"a":"1"}}`, "cannot unmarshal"},
		"half a count":                {`{"v":1,"counts":{"a":0.5}}`, "cannot unmarshal"},
		"a count above 64 bits":       {`{"v":1,"counts":{"a":9223372036854775808}}`, "cannot unmarshal"},
		"counts as a list":            {`{"v":1,"counts":[1]}`, "cannot unmarshal"},
		"an attempt above 32 bits":    {`{"v":1,"attempt":4294967298}`, "cannot unmarshal"},
		"a class as number":           {`{"v":1,"class":0}`, "cannot unmarshal"},
		"a manifest that is none":     {`{"v":1,"manifest":"latest"}`, `"latest" is no digest`},
		"a manifest in capitals":      {`{"v":1,"manifest":"sha256:` + key("A") + `"}`, "is no digest"},
		"a base model that is none":   {`{"v":1,"baseManifest":"sha256:1"}`, "is no digest"},
		"a record that is none":       {`{"v":1,"record":"sha256:1"}`, "is no digest"},
		"sealed by an unknown stage":  {`{"v":1,"sealed":{"Sell":"` + digest + `"}}`, `sealed "Sell"`},
		"sealed without a digest":     {`{"v":1,"sealed":{"Plan":""}}`, `sealed "Plan"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := contract.ParseResult([]byte(test.raw))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if diff := cmp.Diff(contract.StageResult{}, got); diff != "" {
				t.Errorf("something came back with the error: %s", diff)
			}
		})
	}
}

// A kubelet may cut a termination message anywhere.
func TestParseResultRefusesEveryCut(t *testing.T) {
	raw, err := contract.EncodeResult(result())
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if got, err := contract.ParseResult(raw[:n]); err == nil {
			t.Errorf("the first %d bytes are parsed as %+v", n, got)
		}
	}
}

func TestParseResultBoundsCounts(t *testing.T) {
	for n, ok := range map[int]bool{32: true, 33: false} {
		raw, err := json.Marshal(contract.StageResult{Version: contract.Version, Counts: fewCounts(n)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := contract.ParseResult(raw); (err == nil) != ok {
			t.Errorf("%d counts became %v, error %v", n, got.Counts, err)
		}
	}
}

func TestParseResultTakes(t *testing.T) {
	tests := map[string]struct {
		raw  string
		want contract.StageResult
	}{
		"the version before": {`{"v":0,"run":"r"}`, contract.StageResult{Version: contract.Version - 1, Run: "r"}},
		"an unknown field":   {`{"v":1,"run":"r","x":{"y":[1,{}]}}`, contract.StageResult{Version: 1, Run: "r"}},
		"a negative count":   {`{"v":1,"counts":{"delta":-5}}`, contract.StageResult{Version: 1, Counts: map[string]int64{"delta": -5}}},
		"a long message": {
			`{"v":1,"message":"` + strings.Repeat("é", 300) + `"}`,
			contract.StageResult{Version: 1, Message: strings.Repeat("é", 256)},
		},
		"bytes that are no text": {"{\"v\":1,\"message\":\"a\xffb\"}", contract.StageResult{Version: 1, Message: "a\uFFFDb"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := contract.ParseResult([]byte(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if !utf8.ValidString(got.Message) {
				t.Errorf("message %q is no text", got.Message)
			}
		})
	}
}
