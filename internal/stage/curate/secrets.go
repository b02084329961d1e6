package curate

import (
	"fmt"
	"io"
	"slices"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"

	"github.com/repoexpert/operator/internal/task"
)

// decodings is how often an encoded text (base64, hexadecimal, percent) is decoded
// and looked at again.
const decodings = 1

// secrets finds credentials with gitleaks and its own rules.
type secrets struct {
	detector *detect.Detector
}

func newSecrets() (*secrets, error) {
	// Its log can quote what it finds.
	logging.Logger = logging.Logger.Output(io.Discard)
	detector, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the rules of the secret scan: %w", err)
	}
	detector.Redact = 100
	detector.MaxDecodeDepth = decodings
	// A comment of the repository does not decide what is a secret.
	detector.IgnoreGitleaksAllow = true
	return &secrets{detector: detector}, nil
}

// rules returns the ids of the rules that a sample breaks, sorted, in what the
// assistant says and in what it was shown. It never returns what was found.
func (s *secrets) rules(sample task.Sample) []string {
	var ids []string
	for _, message := range sample.Messages {
		if message.Role == task.RoleSystem {
			continue
		}
		for _, finding := range s.detector.DetectString(message.Content) {
			ids = append(ids, finding.RuleID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
