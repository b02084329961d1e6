package contract_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/test/builder"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// key repeats a hexadecimal digit.
func key(digit string) string { return strings.Repeat(digit, 64) }

func specification() contract.StageSpec {
	return contract.StageSpec{
		Version: contract.Version, Stage: v1alpha1.StageTrain,
		Namespace: "team", Expert: "click", Run: "click-1", Attempt: 1, Commit: commit,
		Recipe: builder.MakeExpertRun(builder.MakeRepoExpert().Obj(), builder.MakeExpertClass().Obj()).Obj().Spec.Recipe,
		Keys: contract.Keys{
			Snapshot: key("1"), BaseModel: key("2"), Environment: key("3"), Plan: key("4"),
			Experience: key("5"), Dataset: key("6"), Model: key("7"), Evaluation: key("8"),
		},
		Inputs:          map[string]string{"datasets/" + key("6"): digest, "models/base/" + key("2"): digest},
		DeadlineSeconds: 3600,
		Shards:          2,
		Served:          &contract.ServedModel{Commit: commit, ModelKey: key("9"), ModelDigest: digest},
		TeacherURL:      "http://[fd00::7]:8090/v1",
	}
}

func anySpecification(t *rapid.T) contract.StageSpec {
	hex := func(name string) string { return rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, name) }
	s := specification()
	s.Version = rapid.SampledFrom([]int{contract.Version - 1, contract.Version}).Draw(t, "version")
	s.Stage = rapid.SampledFrom(v1alpha1.Stages).Draw(t, "stage")
	s.Namespace, s.Expert = rapid.String().Draw(t, "namespace"), rapid.String().Draw(t, "expert")
	s.Run = rapid.StringN(1, 63, -1).Draw(t, "run")
	s.Attempt = rapid.Int32Min(1).Draw(t, "attempt")
	s.DeadlineSeconds = rapid.Int64Min(1).Draw(t, "deadline")
	s.Recipe.Environment.Setup = rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "setup")
	s.Keys.Model, s.Keys.Plan = hex("model"), hex("plan")
	s.Keys.Environment = rapid.SampledFrom([]string{"", hex("environment")}).Draw(t, "skipped")
	s.Inputs = rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}/[0-9a-f]{64}(/shard-[0-9]{4})?`), digests(), 0, 4).Draw(t, "inputs")
	if rapid.Bool().Draw(t, "nothing served") {
		s.Served = nil
	}
	if rapid.Bool().Draw(t, "anchor") {
		s.Anchor = &contract.ServedModel{Commit: commit, ModelKey: hex("anchor model"), ModelDigest: digest}
	}
	if s.Stage == v1alpha1.StageEvaluate {
		s.Look = rapid.Int32Range(1, 8).Draw(t, "look")
		s.Rollouts = rapid.Int32Range(s.Look, 9).Draw(t, "rollouts")
	}
	if s.Look > 1 {
		s.PreviousLook = "evaluations/" + hex("previous look")
		s.Inputs[s.PreviousLook] = digest
	}
	return s
}

func TestSpecificationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anySpecification(t)
		value, err := contract.EncodeSpec(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := contract.ParseSpec(value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The environment of a process takes no more; a recipe that does not fit must
// be refused before there is a Job, not by the kernel.
func TestSpecificationIsBounded(t *testing.T) {
	const limit = 96 << 10
	s := specification()
	empty, err := contract.EncodeSpec(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Namespace += strings.Repeat("x", limit-len(empty))
	full, err := contract.EncodeSpec(s)
	if err != nil || len(full) != limit {
		t.Fatalf("%d bytes, error %v; want %d bytes", len(full), err, limit)
	}
	if _, err := contract.ParseSpec(full); err != nil {
		t.Errorf("what was just encoded is refused: %v", err)
	}
	s.Namespace += "x"
	if _, err := contract.EncodeSpec(s); err == nil || !strings.Contains(err.Error(), "shorten the recipe") {
		t.Errorf("a byte more is encoded, error %v", err)
	}
	if _, err := contract.ParseSpec(full + " "); err == nil || !strings.Contains(err.Error(), "the limit is 98304") {
		t.Errorf("a byte more is parsed, error %v", err)
	}
}

func look(number, rollouts int32, previous string) func(*contract.StageSpec) {
	return func(s *contract.StageSpec) {
		s.Stage, s.Look, s.Rollouts, s.PreviousLook = v1alpha1.StageEvaluate, number, rollouts, previous
	}
}

// A manager that plans no looks means one.
func TestParseSpecReadsOneLook(t *testing.T) {
	s := specification()
	s.Stage = v1alpha1.StageEvaluate
	value, err := contract.EncodeSpec(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := contract.ParseSpec(value); err != nil || got.Look != 1 || got.Rollouts != 1 {
		t.Errorf("look %d with %d rollouts, error %v; want look 1 with 1", got.Look, got.Rollouts, err)
	}
}

func TestParseSpecRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*contract.StageSpec)
		want   string
	}{
		"the next version":             {func(s *contract.StageSpec) { s.Version = contract.Version + 1 }, "use worker and manager of one release"},
		"the version before the last":  {func(s *contract.StageSpec) { s.Version = contract.Version - 2 }, "use worker and manager of one release"},
		"an unknown stage":             {func(s *contract.StageSpec) { s.Stage = "train" }, `unknown stage "train"`},
		"no stage":                     {func(s *contract.StageSpec) { s.Stage = "" }, "unknown stage"},
		"no run":                       {func(s *contract.StageSpec) { s.Run = "" }, "no run or attempt"},
		"attempt 0":                    {func(s *contract.StageSpec) { s.Attempt = 0 }, "no run or attempt"},
		"a negative attempt":           {func(s *contract.StageSpec) { s.Attempt = math.MinInt32 }, "no run or attempt"},
		"a short commit":               {func(s *contract.StageSpec) { s.Commit = commit[1:] }, "is no commit"},
		"a branch":                     {func(s *contract.StageSpec) { s.Commit = "main" }, "is no commit"},
		"a commit in capitals":         {func(s *contract.StageSpec) { s.Commit = strings.ToUpper(commit) }, "is no commit"},
		"a commit with a newline":      {func(s *contract.StageSpec) { s.Commit = commit + "\n" }, "is no commit"},
		"no deadline":                  {func(s *contract.StageSpec) { s.DeadlineSeconds = 0 }, "no deadline"},
		"a negative deadline":          {func(s *contract.StageSpec) { s.DeadlineSeconds = -1 }, "no deadline"},
		"no key":                       {func(s *contract.StageSpec) { s.Keys.Model = "" }, "is no key"},
		"a key that leaves the volume": {func(s *contract.StageSpec) { s.Keys.Plan = "../" + key("4")[3:] }, "is no key"},
		"a long key":                   {func(s *contract.StageSpec) { s.Keys.Snapshot += "1" }, "is no key"},
		"half a key of a stage that may be skipped": {func(s *contract.StageSpec) { s.Keys.Environment = "3" }, "is no key"},
		"an input above the volume":                 {func(s *contract.StageSpec) { s.Inputs["../x"] = digest }, `input "../x"`},
		"an absolute input":                         {func(s *contract.StageSpec) { s.Inputs["/x"] = digest }, `input "/x"`},
		"the volume itself as input":                {func(s *contract.StageSpec) { s.Inputs["."] = digest }, `input "."`},
		"an input without a name":                   {func(s *contract.StageSpec) { s.Inputs[""] = digest }, `input ""`},
		"an input without a digest":                 {func(s *contract.StageSpec) { s.Inputs["plans/x"] = "" }, `input "plans/x"`},
		"a served model without a key":              {func(s *contract.StageSpec) { s.Served.ModelKey = "" }, "served model"},
		"a teacher by name":                         {func(s *contract.StageSpec) { s.TeacherURL = "http://teacher:8090/v1" }, "teacherURL"},
		"a teacher elsewhere":                       {func(s *contract.StageSpec) { s.TeacherURL = "https://10.0.0.7:8090/v1" }, "teacherURL"},
		"a teacher with a path":                     {func(s *contract.StageSpec) { s.TeacherURL = "http://10.0.0.7:8090/v2" }, "teacherURL"},
		"a served model without a digest":           {func(s *contract.StageSpec) { s.Served.ModelDigest = "sha256:0" }, "served model"},
		"an anchor without a digest":                {func(s *contract.StageSpec) { s.Anchor = &contract.ServedModel{ModelKey: key("a")} }, "anchor model"},
		"a look in another stage":                   {func(s *contract.StageSpec) { s.Look = 1 }, "in stage Train"},
		"a look before the first":                   {look(-1, 2, ""), "look -1 with 2 rollouts"},
		"more looks than are planned":               {look(9, 9, ""), "look 9 with 9 rollouts"},
		"more rollouts than a record holds":         {look(1, 10, ""), "look 1 with 10 rollouts"},
		"fewer rollouts than looks":                 {look(2, 1, "datasets/"+key("6")), "look 2 with 1 rollouts"},
		"look 2 without the one before":             {look(2, 4, ""), "previous look"},
		"look 2 with one that is no input":          {look(2, 4, "evaluations/"+key("b")), "previous look"},
		"look 1 with one before":                    {look(1, 2, "datasets/"+key("6")), "previous look"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := specification()
			test.change(&s)
			value, err := contract.EncodeSpec(s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := contract.ParseSpec(value); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseSpecRefusesWhatIsNoSpecification(t *testing.T) {
	whole, err := contract.EncodeSpec(specification())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":           "",
		"null":              "null",
		"an empty object":   "{}",
		"a list":            "[" + whole + "]",
		"cut":               whole[:len(whole)-1],
		"two":               whole + whole,
		"deep nesting":      strings.Repeat(`{"recipe":`, 9<<10),
		"a list, deep":      strings.Repeat("[", 90<<10),
		"a word as attempt": strings.Replace(whole, `"attempt":1`, `"attempt":"1"`, 1),
		"half an attempt":   strings.Replace(whole, `"attempt":1`, `"attempt":1.5`, 1),
		"a huge attempt":    strings.Replace(whole, `"attempt":1`, `"attempt":4294967297`, 1),
		"inputs as a list":  strings.Replace(whole, `"inputs":{`, `"inputs":[{`, 1),
		"keys as text":      strings.Replace(whole, `"keys":{`, `"keys":"`, 1),
		"raw bytes":         "\xff\xfe" + whole,
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			if value == whole {
				t.Fatal("the test changes nothing")
			}
			if got, err := contract.ParseSpec(value); err == nil {
				t.Errorf("parsed as %+v", got)
			}
		})
	}
}

func TestParseSpecReadsOtherReleases(t *testing.T) {
	s := specification()
	s.Version = contract.Version - 1
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	// A newer manager of the same version may add fields.
	value := strings.Replace(string(raw), `{"version"`, `{"fieldOfTheFuture":{"a":[1]},"version"`, 1)
	got, err := contract.ParseSpec(value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestValidDigest(t *testing.T) {
	tests := map[string]struct {
		digest string
		want   bool
	}{
		"a digest":          {digest, true},
		"nothing":           {"", false},
		"no algorithm":      {key("a"), false},
		"another algorithm": {"sha512:" + key("a"), false},
		"short":             {digest[:70], false},
		"long":              {digest + "0", false},
		"capitals":          {"sha256:" + key("A"), false},
		"a line":            {digest + "\n", false},
		"two lines":         {digest + "\n" + digest, false},
		"space before":      {" " + digest, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := contract.ValidDigest(test.digest); got != test.want {
				t.Errorf("ValidDigest(%q) = %t", test.digest, got)
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	k := specification().Keys
	want := map[v1alpha1.StageName]string{
		v1alpha1.StageFetch:      "snapshots/" + k.Snapshot,
		v1alpha1.StageSetup:      "environments/" + k.Environment,
		v1alpha1.StagePlan:       "plans/" + k.Plan,
		v1alpha1.StageExperience: "experience/" + k.Experience,
		v1alpha1.StageCurate:     "datasets/" + k.Dataset,
		v1alpha1.StageTrain:      "models/" + k.Model,
		v1alpha1.StageEvaluate:   "evaluations/" + k.Evaluation,
	}
	got := map[v1alpha1.StageName]string{}
	for _, stage := range v1alpha1.Stages {
		got[stage] = k.Output(stage)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := k.BaseModelFolder(); got != "models/base/"+k.BaseModel {
		t.Errorf("the base model is in %s", got)
	}
	k.Environment = ""
	for _, stage := range []v1alpha1.StageName{v1alpha1.StageSetup, "Invented"} {
		if got := k.Output(stage); got != "" {
			t.Errorf("%s has the output %q without a key", stage, got)
		}
	}
}

// Removing an output must not touch another one: none lies within another or
// within the ledger, even where all keys are the same.
func TestOutputsLieApart(t *testing.T) {
	same := key("a")
	k := contract.Keys{
		Snapshot: same, BaseModel: same, Environment: same, Plan: same,
		Experience: same, Dataset: same, Model: same, Evaluation: same,
	}
	folders := []string{k.BaseModelFolder(), contract.LedgerFolder}
	for _, stage := range v1alpha1.Stages {
		folders = append(folders, k.Output(stage))
	}
	for i, a := range folders {
		for j, b := range folders {
			if i != j && strings.HasPrefix(a+"/", b+"/") {
				t.Errorf("%s lies in %s", a, b)
			}
		}
	}
}
