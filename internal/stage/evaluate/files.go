package evaluate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// Files of an evaluation.
const (
	recordFile = "record.line"
	// ReportFile is a report.Report, PageFile the same for people.
	ReportFile = "report.json"
	PageFile   = "report.html"
	// RecordsFile has one line for each task and arm.
	RecordsFile = "records.jsonl"
)

// maxTranscript bounds the messages of one episode in records.jsonl, in bytes;
// the middle is what goes.
const maxTranscript = 64 << 10

// write writes all files of the evaluation.
func (e *evaluation) write(folder, line string) error {
	if err := os.WriteFile(filepath.Join(folder, recordFile), []byte(line), 0o640); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if err := task.WriteFile(filepath.Join(folder, RecordsFile), e.taskRecords()); err != nil {
		return fmt.Errorf("write the records: %w", err)
	}
	if err := writeReport(folder, e.report()); err != nil {
		return err
	}
	return writeJSON(filepath.Join(folder, engine.ProbesFile), e.probes())
}

// fingerprint identifies what was asked and how: only results with the same one
// compare. 64 hexadecimal digits.
func (e *evaluation) fingerprint() string {
	r := e.env.Spec.Recipe
	parts := []any{"evaluation/1", r.Engine, r.EngineDevice, r.Images.Engine, r.Evaluation.Agent, r.Training.Precision, answerTokens, e.env.Spec.Commit}
	if e.qa != nil {
		parts = append(parts, e.qa.asked)
	}
	if e.masks != nil {
		parts = append(parts, e.masks.profile, agent.SystemPrompt)
		for _, t := range e.masks.tasks {
			parts = append(parts, t.Mask.ID, t.Mask.Tests, sha256Text(string(t.Gap())))
		}
	}
	// Strings and numbers always marshal.
	content, _ := json.Marshal(parts)
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func sha256Text(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// taskRecord is one line of records.jsonl: what one arm made of one task.
type taskRecord struct {
	Kind     v1alpha1.KindName `json:"kind"`
	Arm      v1alpha1.ArmName  `json:"arm"`
	Task     string            `json:"task"`
	Group    string            `json:"group,omitempty"`
	Composed bool              `json:"composed,omitempty"`
	Question string            `json:"question"`
	Answer   string            `json:"answer"`
	Gold     string            `json:"gold,omitempty"`
	Correct  bool              `json:"correct"`
	Tokens   int64             `json:"tokens,omitempty"`
	Grade    *grading.Grade    `json:"grade,omitempty"`
	Status   agent.Status      `json:"status,omitempty"`
	Steps    int               `json:"steps,omitempty"`
	Messages []task.Message    `json:"messages,omitempty"`
}

func (e *evaluation) taskRecords() []taskRecord {
	var records []taskRecord
	for _, a := range e.arms {
		if e.qa != nil {
			records = append(records, questionRecords(a.name, e.qa.asked, e.qa.replies[a.name])...)
			records = append(records, questionRecords(a.name, e.qa.composed, e.qa.composedReplies[a.name])...)
		}
		if e.masks != nil {
			records = append(records, e.masks.taskRecords(a.name)...)
		}
	}
	if e.masks != nil {
		records = append(records, e.masks.taskRecords(v1alpha1.ArmGold)...)
		records = append(records, e.masks.taskRecords(v1alpha1.ArmNoop)...)
	}
	return records
}

func questionRecords(name v1alpha1.ArmName, asked []recall.Question, replies []reply) []taskRecord {
	records := make([]taskRecord, 0, len(replies))
	for i, r := range replies {
		q := asked[i]
		records = append(records, taskRecord{
			Kind: v1alpha1.KindCodebaseQA, Arm: name, Task: q.ID, Group: string(q.Kind), Composed: q.Composed,
			Question: q.Text, Answer: r.Text, Gold: q.Answer, Correct: r.Correct, Tokens: r.Tokens,
		})
	}
	return records
}

func (m *implementations) taskRecords(name v1alpha1.ArmName) []taskRecord {
	var records []taskRecord
	for i, o := range m.results[name] {
		t := m.tasks[i]
		record := taskRecord{
			Kind: v1alpha1.KindContextualImplementation, Arm: name, Task: t.Mask.ID,
			Question: agent.ImplementationTask(t.Mask.Name, t.Mask.Path, ""), Correct: o.Grade.Resolved, Grade: &o.Grade,
		}
		if o.Transcript != nil {
			record.Answer, record.Status, record.Steps = o.Transcript.Submission, o.Transcript.Status, o.Transcript.Steps
			record.Tokens = int64(o.Transcript.Usage.CompletionTokens)
			record.Messages = bounded(o.Transcript.Messages)
		}
		records = append(records, record)
	}
	return records
}

// bounded keeps the beginning and the end of a long conversation.
func bounded(messages []task.Message) []task.Message {
	total := 0
	for _, m := range messages {
		total += len(m.Content)
	}
	kept := slices.Clone(messages)
	// The opening tells the task, the last turns how it ended.
	for total > maxTranscript && len(kept) > 3 {
		middle := len(kept) / 2
		total -= len(kept[middle].Content)
		kept = slices.Delete(kept, middle, middle+1)
	}
	return kept
}

// probes are questions by which a serving pod shows that it loaded the model
// that was evaluated. Questions that the base model answers otherwise tell the
// two apart; of these those that the candidate answered right come first.
func (e *evaluation) probes() engine.Probes {
	r := e.env.Spec.Recipe
	p := engine.Probes{Version: engine.ProbesVersion, Engine: r.Engine, Device: r.EngineDevice, MaxTokens: answerTokens, Questions: []engine.Probe{}}
	if e.qa == nil {
		return p
	}
	type rankedProbe struct {
		engine.Probe
		rank int
	}
	candidates := make([]rankedProbe, 0, len(e.qa.asked))
	for i, question := range e.qa.asked {
		candidate, base := e.qa.replies[v1alpha1.ArmCandidate][i], e.qa.replies[v1alpha1.ArmBase][i]
		rank := 0
		if recall.Normalize(candidate.Text) == recall.Normalize(base.Text) {
			rank += 2
		}
		if !candidate.Correct {
			rank++
		}
		candidates = append(candidates, rankedProbe{engine.Probe{Messages: recall.ExpertPrompt(question), Answer: candidate.Text}, rank})
	}
	slices.SortStableFunc(candidates, func(a, b rankedProbe) int { return cmp.Compare(a.rank, b.rank) })
	for _, c := range candidates[:min(len(candidates), max(1, int(r.ProbeQuestions)))] {
		p.Questions = append(p.Questions, c.Probe)
	}
	return p
}

func writeJSON(name string, value any) error {
	content, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(name), err)
	}
	if err := os.WriteFile(name, append(content, '\n'), 0o640); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}
