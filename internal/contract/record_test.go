package contract_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

func digestOf(line string) string {
	sum := sha256.Sum256([]byte(line))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func record() v1alpha1.EvaluationRecord {
	return v1alpha1.EvaluationRecord{
		Fingerprint: "f", Protocol: "Tasks", CandidateDigest: digest,
		Kinds: []v1alpha1.KindRecord{{
			Name: "CodebaseQA", Groups: "AAB", GroupNames: []string{"calls", "imports"},
			Arms: []v1alpha1.ArmRecord{{Name: v1alpha1.ArmBase, Successes: "01x"}, {Name: v1alpha1.ArmCandidate, Successes: "111"}},
		}},
	}
}

func anyRecord(t *rapid.T) v1alpha1.EvaluationRecord {
	r := record()
	r.Fingerprint = rapid.String().Draw(t, "fingerprint")
	r.Protocol = rapid.String().Draw(t, "protocol")
	r.ServedDigest = rapid.SampledFrom([]string{"", digest}).Draw(t, "served")
	for range rapid.IntRange(0, 3).Draw(t, "kinds") {
		tasks := rapid.IntRange(0, 500).Draw(t, "tasks")
		r.Kinds = append(r.Kinds, v1alpha1.KindRecord{
			Name:          v1alpha1.KindName(rapid.StringN(0, 20, -1).Draw(t, "kind")),
			Groups:        strings.Repeat("A", tasks),
			GroupNames:    rapid.SliceOfN(rapid.StringN(0, 20, -1), 0, 4).Draw(t, "groups"),
			Arms:          []v1alpha1.ArmRecord{{Name: v1alpha1.ArmGold, Successes: strings.Repeat("1", tasks)}},
			GuessPermille: rapid.Int32().Draw(t, "guess"),
		})
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRecord(t)
		line, digest, err := contract.EncodeRecord(want)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(line, "\r\n") || !strings.HasPrefix(line, contract.RecordPrefix) || digest != digestOf(line) {
			t.Fatalf("%q with digest %s", line, digest)
		}
		got, err := contract.ParseRecord(line, digest)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Repository code writes beside the record: a line is the worker's only when it
// is to the byte the one that the result names.
func TestEveryByteOfARecordCounts(t *testing.T) {
	line, digest, err := contract.EncodeRecord(record())
	if err != nil {
		t.Fatal(err)
	}
	for at := range line {
		for _, forged := range []string{line[:at], line[:at] + line[at+1:], line[:at] + string(line[at]^1) + line[at+1:], line[:at] + " " + line[at:]} {
			if got, err := contract.ParseRecord(forged, digest); err == nil {
				t.Errorf("%q is parsed as %+v", forged, got)
			}
		}
	}
}

func TestParseRecordRefuses(t *testing.T) {
	line, named, err := contract.EncodeRecord(record())
	if err != nil {
		t.Fatal(err)
	}
	huge := contract.RecordPrefix + `{"protocol":"` + strings.Repeat("x", contract.MaxRecordBytes) + `"}`
	// A line of its own digest is refused for what it says.
	whole := func(text string) [2]string {
		return [2]string{contract.RecordPrefix + text, digestOf(contract.RecordPrefix + text)}
	}
	tests := map[string]struct {
		given [2]string
		want  string
	}{
		"no line":                      {[2]string{"", named}, "does not end with an evaluation record"},
		"another line":                 {[2]string{"tests passed", digestOf("tests passed")}, "does not end with an evaluation record"},
		"a record after other text":    {[2]string{"x" + line, digestOf("x" + line)}, "does not end with an evaluation record"},
		"the digest of another record": {[2]string{line, digest}, "does not have the digest"},
		"no digest":                    {[2]string{line, ""}, "does not have the digest"},
		"the digest of the JSON alone": {[2]string{line, digestOf(strings.TrimPrefix(line, contract.RecordPrefix))}, "does not have the digest"},
		"the digest without its name":  {[2]string{line, strings.TrimPrefix(named, "sha256:")}, "does not have the digest"},
		"the digest in capitals":       {[2]string{line, "sha256:" + strings.ToUpper(named[7:])}, "does not have the digest"},
		"a huge record":                {[2]string{huge, digestOf(huge)}, "the limit is 16384"},
		"prefix alone":                 {whole(""), "unexpected end"},
		"cut JSON":                     {whole(`{"protocol":"Tasks"`), "unexpected end"},
		"a list":                       {whole(`[]`), "cannot unmarshal"},
		"two records":                  {whole(`{}{}`), "after top-level value"},
		"kinds as text":                {whole(`{"kinds":"CodebaseQA"}`), "cannot unmarshal"},
		"successes as numbers":         {whole(`{"protocol":"p","kinds":[{"arms":[{"successes":[1,0]}]}]}`), "cannot unmarshal"},
		"deep nesting":                 {whole(strings.Repeat(`{"kinds":[`, 1600)), "unexpected end"},
		"a list, deep":                 {whole(strings.Repeat(`[`, 16000)), "exceeded max depth"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := contract.ParseRecord(test.given[0], test.given[1])
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if diff := cmp.Diff(v1alpha1.EvaluationRecord{}, got); diff != "" {
				t.Errorf("something came back with the error: %s", diff)
			}
		})
	}
}

func TestRecordIsBounded(t *testing.T) {
	r := record()
	r.Protocol = ""
	line, _, err := contract.EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Protocol = strings.Repeat("x", contract.MaxRecordBytes-len(line)+len(contract.RecordPrefix))
	line, digest, err := contract.EncodeRecord(r)
	if err != nil || len(line) != contract.MaxRecordBytes+len(contract.RecordPrefix) {
		t.Fatalf("%d bytes, error %v", len(line), err)
	}
	if _, err := contract.ParseRecord(line, digest); err != nil {
		t.Errorf("the longest record is refused: %v", err)
	}
	r.Protocol += "x"
	if _, _, err := contract.EncodeRecord(r); err == nil || !strings.Contains(err.Error(), "ask for fewer tasks") {
		t.Errorf("a byte more is encoded, error %v", err)
	}
}
