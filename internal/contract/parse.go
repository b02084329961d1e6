package contract

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// maxSpecBytes is below the limit on a process's environment variable (execve(2)).
	maxSpecBytes    = 96 << 10
	maxMessageBytes = 512
	maxProgressText = 200
	// maxProgressBytes holds any progress: JSON writes a byte of text as at most six.
	maxProgressBytes = 6*maxProgressText + 128
	maxCounts        = 32
	maxLooks         = 8
	// maxRollouts: a record has one digit a task.
	maxRollouts = 9
)

var (
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	keyPattern    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ValidDigest says whether a text is "sha256:" and 64 hexadecimal digits.
func ValidDigest(digest string) bool { return digestPattern.MatchString(digest) }

// EncodeSpec returns a StageSpec as the value of its environment variable.
func EncodeSpec(spec StageSpec) (string, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("encode stage specification: %w", err)
	}
	if len(raw) > maxSpecBytes {
		return "", fmt.Errorf("the stage specification has %d bytes, the limit is %d: shorten the recipe", len(raw), maxSpecBytes)
	}
	return string(raw), nil
}

// ParseSpec reads and checks a StageSpec.
func ParseSpec(value string) (StageSpec, error) {
	var spec StageSpec
	if len(value) > maxSpecBytes {
		return spec, fmt.Errorf("stage specification: %d bytes, the limit is %d", len(value), maxSpecBytes)
	}
	if err := json.Unmarshal([]byte(value), &spec); err != nil {
		return spec, fmt.Errorf("stage specification: %w", err)
	}
	switch {
	case spec.Version != Version && spec.Version != Version-1:
		return spec, fmt.Errorf("stage specification: version %d, this worker reads %d and %d: use worker and manager of one release", spec.Version, Version-1, Version)
	case !slices.Contains(v1alpha1.Stages, spec.Stage):
		return spec, fmt.Errorf("stage specification: unknown stage %q", spec.Stage)
	case spec.Run == "" || spec.Attempt < 1:
		return spec, errors.New("stage specification: no run or attempt")
	case !commitPattern.MatchString(spec.Commit):
		return spec, fmt.Errorf("stage specification: %q is no commit", spec.Commit)
	case spec.DeadlineSeconds <= 0:
		return spec, errors.New("stage specification: no deadline")
	}
	if spec.Stage == v1alpha1.StageEvaluate {
		spec.Look, spec.Rollouts = cmp.Or(spec.Look, 1), cmp.Or(spec.Rollouts, 1)
	}
	return spec, errors.Join(checkKeys(spec.Keys), checkInputs(spec), checkLook(spec), checkTeacher(spec.TeacherURL))
}

// checkTeacher demands a plain URL by address: what else it could be is not the
// proxy.
func checkTeacher(value string) error {
	if value == "" {
		return nil
	}
	address, isHTTP := strings.CutPrefix(value, "http://")
	address, isBase := strings.CutSuffix(address, "/v1")
	if _, err := netip.ParseAddrPort(address); err != nil || !isHTTP || !isBase {
		return fmt.Errorf("stage specification: teacherURL %.80q is not http://address:port/v1", value)
	}
	return nil
}

func checkKeys(k Keys) error {
	for _, key := range []string{k.Snapshot, k.BaseModel, k.Plan, k.Experience, k.Dataset, k.Model, k.Evaluation} {
		if !keyPattern.MatchString(key) {
			return fmt.Errorf("stage specification: %q is no key", key)
		}
	}
	if k.Environment != "" && !keyPattern.MatchString(k.Environment) {
		return fmt.Errorf("stage specification: %q is no key", k.Environment)
	}
	return nil
}

func checkInputs(spec StageSpec) error {
	for folder, digest := range spec.Inputs {
		if folder == "." || !fs.ValidPath(folder) || !ValidDigest(digest) {
			return fmt.Errorf("stage specification: input %q with digest %q", folder, digest)
		}
	}
	for arm, m := range map[v1alpha1.ArmName]*ServedModel{v1alpha1.ArmServed: spec.Served, v1alpha1.ArmAnchor: spec.Anchor} {
		if m != nil && (!keyPattern.MatchString(m.ModelKey) || !ValidDigest(m.ModelDigest)) {
			return fmt.Errorf("stage specification: %s model %q with digest %q", arm, m.ModelKey, m.ModelDigest)
		}
	}
	return nil
}

// checkLook demands a planned look of Evaluate, and none elsewhere.
func checkLook(spec StageSpec) error {
	if spec.Stage != v1alpha1.StageEvaluate {
		if spec.Look != 0 || spec.Rollouts != 0 || spec.PreviousLook != "" {
			return fmt.Errorf("stage specification: a look at results in stage %s", spec.Stage)
		}
		return nil
	}
	if spec.Look < 1 || spec.Look > maxLooks || spec.Rollouts < spec.Look || spec.Rollouts > maxRollouts {
		return fmt.Errorf("stage specification: look %d with %d rollouts", spec.Look, spec.Rollouts)
	}
	_, given := spec.Inputs[spec.PreviousLook]
	if (spec.Look == 1) != (spec.PreviousLook == "") || (spec.PreviousLook != "" && !given) {
		return fmt.Errorf("stage specification: look %d with the previous look %q, which must be among the inputs from look 2 on", spec.Look, spec.PreviousLook)
	}
	return nil
}

// EncodeResult returns a StageResult that fits a termination message: first
// the message is cut, then the counts go. More counts than ParseResult takes go
// at once: figures must not cost a stage its verdict.
func EncodeResult(result StageResult) ([]byte, error) {
	result.Version = Version
	result.Message = cut(result.Message, maxMessageBytes)
	if len(result.Counts) > maxCounts {
		result.Counts = nil
	}
	for {
		raw, err := json.Marshal(result)
		switch {
		case err != nil:
			return nil, fmt.Errorf("encode result: %w", err)
		case len(raw) <= MaxResultBytes:
			return raw, nil
		case result.Message != "":
			result.Message = cut(result.Message, len(result.Message)/2)
		case result.Counts != nil:
			result.Counts = nil
		default:
			return nil, fmt.Errorf("the result has %d bytes, the limit is %d", len(raw), MaxResultBytes)
		}
	}
}

// cut shortens a text to at most limit bytes of whole, valid runes.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// ParseResult reads a termination message. Whatever it says was possibly
// written by someone else, so only what is well-formed and bounded comes back.
func ParseResult(raw []byte) (StageResult, error) {
	var result StageResult
	if len(raw) > MaxResultBytes {
		return StageResult{}, fmt.Errorf("result: %d bytes, the limit is %d", len(raw), MaxResultBytes)
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return StageResult{}, fmt.Errorf("result: %w", err)
	}
	for _, digest := range []string{result.ManifestDigest, result.BaseModelDigest, result.RecordDigest} {
		if digest != "" && !ValidDigest(digest) {
			return StageResult{}, fmt.Errorf("result: %.80q is no digest", digest)
		}
	}
	for stage, digest := range result.Sealed {
		if !slices.Contains(v1alpha1.Stages, stage) || !ValidDigest(digest) {
			return StageResult{}, fmt.Errorf("result: sealed %.40q with digest %.80q", stage, digest)
		}
	}
	switch {
	case result.Version != Version && result.Version != Version-1:
		return StageResult{}, fmt.Errorf("result: version %d", result.Version)
	case len(result.Counts) > maxCounts:
		return StageResult{}, fmt.Errorf("result: %d counts, the limit is %d", len(result.Counts), maxCounts)
	}
	result.Message = cut(result.Message, maxMessageBytes)
	return result, nil
}

// EncodeRecord returns the log line that carries an evaluation record, and the
// line's digest.
func EncodeRecord(record v1alpha1.EvaluationRecord) (line, digest string, err error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return "", "", fmt.Errorf("encode record: %w", err)
	}
	if len(raw) > MaxRecordBytes {
		return "", "", fmt.Errorf("the evaluation record has %d bytes, the limit is %d: ask for fewer tasks", len(raw), MaxRecordBytes)
	}
	line = RecordPrefix + string(raw)
	return line, lineDigest(line), nil
}

// ParseRecord reads the log line with an evaluation record; it must have the
// digest that the stage's result names.
func ParseRecord(line, digest string) (v1alpha1.EvaluationRecord, error) {
	var record v1alpha1.EvaluationRecord
	text, ok := strings.CutPrefix(line, RecordPrefix)
	switch {
	case !ok:
		return record, errors.New("the log does not end with an evaluation record")
	case len(text) > MaxRecordBytes:
		return record, fmt.Errorf("the evaluation record has %d bytes, the limit is %d", len(text), MaxRecordBytes)
	case lineDigest(line) != digest:
		return record, errors.New("the evaluation record does not have the digest that the result names")
	}
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return v1alpha1.EvaluationRecord{}, fmt.Errorf("evaluation record: %w", err)
	}
	return record, nil
}

func lineDigest(line string) string {
	sum := sha256.Sum256([]byte(line))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// EncodeProgress returns a progress line.
func EncodeProgress(p Progress) (string, error) {
	p.Message = cut(p.Message, maxProgressText)
	raw, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode progress: %w", err)
	}
	return ProgressPrefix + string(raw), nil
}

// ParseProgress reads a progress line.
func ParseProgress(line string) (Progress, error) {
	var p Progress
	text, ok := strings.CutPrefix(line, ProgressPrefix)
	if !ok || len(text) > maxProgressBytes {
		return p, errors.New("not a progress line")
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return Progress{}, fmt.Errorf("progress: %w", err)
	}
	if p.Step < 0 || p.Total < 0 || p.ETASeconds < 0 {
		return Progress{}, errors.New("progress: negative")
	}
	p.Message = cut(p.Message, maxProgressText)
	return p, nil
}
