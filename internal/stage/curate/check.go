package curate

import (
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// Bounds of a sample. The longest episode that the protocol allows has 100 turns of
// each side; its longest text is a submission of 128 KiB, or an observation of
// 10,000 characters. Beyond twice that nobody plays by the protocol.
const (
	maxMessages     = 520
	maxMessageBytes = 256 << 10
	// maxCPUSeconds keeps the sum of all costs a number.
	maxCPUSeconds = 1e9
	// What the meta data may hold, in bytes: names, and a sentence.
	maxName         = 512
	maxPath         = 1024
	maxVerification = 2048
)

// check returns the code by which a sample is refused, because it is not what the
// format and the plan say; "" for a sound one.
func (p *plan) check(sample task.Sample) string {
	if code := checkMessages(sample.Messages); code != "" {
		return code
	}
	meta := sample.Meta
	switch {
	case !p.units[meta.Unit]:
		return refusedUnit
	case !boundedMeta(meta):
		return refusedMeta
	case meta.ContentHash != task.ContentHash(sample.Messages):
		return refusedHash
	case meta.Commit != p.commitOf(meta.TaskID):
		return refusedCommit
	case meta.Unit == v1alpha1.UnitRepositoryRecall:
		return p.checkQuestion(sample)
	case meta.Provenance != p.provenance:
		return refusedProvenance
	}
	return p.checkTask(meta)
}

// commitOf is the commit on whose tree a task is.
func (p *plan) commitOf(taskID string) string {
	if commit, own := p.commits[taskID]; own {
		return commit
	}
	return p.commit
}

// boundedMeta says whether the meta data can be written on: bounded, one line,
// and with a path below the repository's root.
func boundedMeta(meta task.Meta) bool {
	texts := []struct {
		text  string
		limit int
	}{
		{meta.TaskID, maxName}, {meta.Cluster, maxName}, {meta.Provenance, maxName},
		{meta.Path, maxPath}, {meta.Verification, maxVerification},
	}
	for _, t := range texts {
		if len(t.text) > t.limit || !utf8.ValidString(t.text) || strings.ContainsAny(t.text, "\x00\n\r") {
			return false
		}
	}
	cost := meta.CPUSeconds >= 0 && meta.CPUSeconds <= maxCPUSeconds
	return cost && soundBug(meta.Bug) && meta.TaskID != "" && (meta.Path == "" || meta.Path != "." && fs.ValidPath(meta.Path))
}

// checkTask demands a task of the training side. Where the plan lists a unit's
// tasks, it must be one of them, in its cluster; where it does not, its cluster
// must at least not be held out.
func (p *plan) checkTask(meta task.Meta) string {
	if p.heldOutTasks[meta.TaskID] || p.heldOutClusters[meta.Cluster] {
		return refusedHeldOut
	}
	listed, known := p.clusters[meta.Unit]
	if !known {
		return ""
	}
	if cluster, planned := listed[meta.TaskID]; !planned || cluster != meta.Cluster {
		return refusedTask
	}
	return ""
}

// checkQuestion demands the very question and answer that the plan computes.
func (p *plan) checkQuestion(sample task.Sample) string {
	question, planned := p.byID[sample.Meta.TaskID]
	switch {
	case !planned || sample.Meta.Cluster != question.Cluster:
		return refusedTask
	case sample.Meta.Provenance != task.ProvenanceComputed:
		return refusedProvenance
	case task.ContentHash(question.Messages()) != sample.Meta.ContentHash:
		return refusedQuestion
	default:
		return ""
	}
}

// checkMessages demands a system turn, if any, and then user and assistant by
// turns, with text in each and something to learn.
func checkMessages(messages []task.Message) string {
	if len(messages) > maxMessages {
		return refusedTurns
	}
	for _, message := range messages {
		switch {
		case len(message.Content) > maxMessageBytes:
			return refusedSize
		case !utf8.ValidString(message.Content):
			return refusedUTF8
		}
	}
	if !wellFormed(messages) {
		return refusedMessages
	}
	return ""
}

func wellFormed(messages []task.Message) bool {
	if len(messages) > 0 && messages[0].Role == task.RoleSystem {
		if !readable(messages[0]) || messages[0].Loss != "" {
			return false
		}
		messages = messages[1:]
	}
	learned := 0
	for i, message := range messages {
		if !inTurn(i, message) {
			return false
		}
		if message.Role == task.RoleAssistant && message.Loss == "" {
			learned++
		}
	}
	return learned > 0 && len(messages)%2 == 0
}

// inTurn says whether a message may stand at a place: the user's at the even
// ones, and only an assistant's may be left out of the loss.
func inTurn(place int, message task.Message) bool {
	want := task.RoleUser
	if place%2 == 1 {
		want = task.RoleAssistant
	}
	unlearned := message.Role == task.RoleAssistant && message.Loss == task.LossNone
	return message.Role == want && readable(message) && (message.Loss == "" || unlearned)
}

func readable(message task.Message) bool {
	return strings.TrimSpace(message.Content) != "" && !strings.Contains(message.Content, "\x00")
}
