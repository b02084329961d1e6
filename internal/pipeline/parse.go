package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func validDigest(digest string) bool { return digestPattern.MatchString(digest) }

func parseResult(b []byte) (contract.StageResult, error) {
	var r contract.StageResult
	if len(b) > contract.MaxResultBytes {
		return r, errors.New("too long")
	}
	return r, json.Unmarshal(b, &r)
}

func parseRecord(line, digest string) (v1alpha1.EvaluationRecord, error) {
	var r v1alpha1.EvaluationRecord
	sum := sha256.Sum256([]byte(line))
	text, ok := strings.CutPrefix(line, contract.RecordPrefix)
	if !ok || len(text) > contract.MaxRecordBytes || "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return r, errors.New("not the record")
	}
	return r, json.Unmarshal([]byte(text), &r)
}

// ParseProgress reads a progress line.
func ParseProgress(line string) (contract.Progress, error) {
	var p contract.Progress
	text, ok := strings.CutPrefix(line, contract.ProgressPrefix)
	if !ok {
		return p, errors.New("not a progress line")
	}
	return p, json.Unmarshal([]byte(text), &p)
}
