package curate

import (
	"context"
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
	// plain does not decode, decoding does: looking for what could be decoded takes
	// 40 % of the time of a scan, and next to no text has any.
	plain, decoding *detect.Detector
}

func newSecrets() (*secrets, error) {
	// Its log can quote what it finds.
	logging.Logger = logging.Logger.Output(io.Discard)
	plain, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the rules of the secret scan: %w", err)
	}
	s := &secrets{plain: plain, decoding: detect.NewDetector(plain.Config)}
	for _, detector := range []*detect.Detector{s.plain, s.decoding} {
		detector.Redact = 100
		// A comment of the repository does not decide what is a secret.
		detector.IgnoreGitleaksAllow = true
	}
	s.decoding.MaxDecodeDepth = decodings
	return s, nil
}

// rules returns the ids of the rules that each sample breaks, sorted, in what the
// assistant says and in what it was shown. It never returns what was found. A text
// that several samples hold is scanned once.
func (s *secrets) rules(ctx context.Context, samples []task.Sample) ([][]string, error) {
	number := map[string]int{}
	var texts []string
	for _, sample := range samples {
		for _, message := range sample.Messages {
			if _, known := number[message.Content]; !known && message.Role != task.RoleSystem {
				number[message.Content] = len(texts)
				texts = append(texts, message.Content)
			}
		}
	}
	broken, err := each(ctx, texts, s.ofText)
	if err != nil {
		return nil, err
	}
	rules := make([][]string, len(samples))
	for i, sample := range samples {
		for _, message := range sample.Messages {
			if message.Role != task.RoleSystem {
				rules[i] = append(rules[i], broken[number[message.Content]]...)
			}
		}
		slices.Sort(rules[i])
		rules[i] = slices.Compact(rules[i])
	}
	return rules, nil
}

// ofText returns the ids of the rules that a text breaks.
func (s *secrets) ofText(text string) []string {
	detector := s.plain
	if mayBeEncoded(text) {
		detector = s.decoding
	}
	var ids []string
	for _, finding := range detector.DetectString(text) {
		ids = append(ids, finding.RuleID)
	}
	return ids
}
