package experience

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// Files of a shard, and the journal that they are made from.
const (
	SamplesFile    = "samples.jsonl"
	RejectionsFile = "rejections.jsonl"
	journalFile    = "work.jsonl"
)

// maxBegun is how often a task may be begun without an end: one that takes its pod
// along each time would keep the shard from ever ending. A pod can be lost for
// other reasons, so once is no proof.
const maxBegun = 3

// entry is what became of one task: a sample or a rejection, or that it was begun.
// The journal's first entry has none of these and names the inputs.
type entry struct {
	Inputs    map[string]string `json:"inputs,omitempty"`
	Unit      v1alpha1.UnitName `json:"unit,omitempty"`
	TaskID    string            `json:"taskId,omitempty"`
	Sample    *task.Sample      `json:"sample,omitempty"`
	Rejection *task.Rejection   `json:"rejection,omitempty"`
	// Begun says that the task is under way: what follows, if anything, is its end.
	Begun bool `json:"begun,omitempty"`
	// Released takes a beginning back: the task ended with an error that this process
	// lived to see.
	Released bool `json:"released,omitempty"`
	// Verified says that the task was shown to be sound, whatever came of it.
	Verified bool `json:"verified,omitempty"`
	// CPUMillis is what the task cost in the sandbox.
	CPUMillis int64 `json:"cpuMillis,omitempty"`
}

// ended says whether the entry is a task's end.
func (e entry) ended() bool { return e.TaskID != "" && !e.Begun && !e.Released }

// journal records results as they come, so that a killed shard goes on at the
// next task. It is append-only; a torn last line is what a kill leaves.
type journal struct {
	file    *os.File
	entries []entry
	done    map[string]bool
	// begun counts how often a task was begun.
	begun map[string]int
	// kept counts the samples of each unit.
	kept map[v1alpha1.UnitName]int
}

// openJournal continues the journal of a draft. It reports false when what is
// there was made from other inputs, and the draft must begin anew.
func openJournal(dir string, inputs map[string]string) (j *journal, same bool, err error) {
	path := filepath.Join(dir, journalFile)
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("reading the journal: %w", err)
	}
	j = &journal{done: map[string]bool{}, begun: map[string]int{}, kept: map[v1alpha1.UnitName]int{}}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	for line := range bytes.Lines(whole) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, false, nil
		}
		j.remember(e)
	}
	if len(j.entries) > 0 && !maps.Equal(j.entries[0].Inputs, inputs) {
		return nil, false, nil
	}
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return nil, false, fmt.Errorf("opening the journal: %w", err)
	}
	if err := j.position(int64(len(whole))); err != nil {
		return nil, false, errors.Join(err, j.file.Close())
	}
	if len(j.entries) == 0 {
		err = j.add(entry{Inputs: inputs})
	}
	return j, true, err
}

// position cuts a torn last line off.
func (j *journal) position(size int64) error {
	if err := j.file.Truncate(size); err != nil {
		return fmt.Errorf("cutting the journal's torn last line: %w", err)
	}
	_, err := j.file.Seek(size, 0)
	return err
}

func (j *journal) remember(e entry) {
	j.entries = append(j.entries, e)
	switch {
	case e.Begun:
		j.begun[key(e.Unit, e.TaskID)]++
		return
	case e.Released:
		j.begun[key(e.Unit, e.TaskID)]--
		return
	}
	j.done[key(e.Unit, e.TaskID)] = true
	if e.Sample != nil {
		j.kept[e.Unit]++
	}
}

func key(unit v1alpha1.UnitName, taskID string) string { return string(unit) + "/" + taskID }

// add appends entries and returns when they are on disk.
func (j *journal) add(entries ...entry) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, e := range entries {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("encoding a journal entry: %w", err)
		}
		j.remember(e)
	}
	if _, err := j.file.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("appending to the journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("flushing the journal: %w", err)
	}
	return nil
}

// finish writes the shard's files and removes the journal.
func (j *journal) finish(dir string) error {
	var samples []task.Sample
	var rejections []task.Rejection
	for _, e := range j.entries {
		if e.Sample != nil {
			samples = append(samples, *e.Sample)
		}
		if e.Rejection != nil {
			rejections = append(rejections, *e.Rejection)
		}
	}
	for _, name := range []string{SamplesFile, RejectionsFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an unfinished file: %w", err)
		}
	}
	return errors.Join(
		task.WriteFile(filepath.Join(dir, SamplesFile), samples),
		task.WriteFile(filepath.Join(dir, RejectionsFile), rejections),
		j.file.Close(),
		os.Remove(filepath.Join(dir, journalFile)),
	)
}

// counts are the figures of one unit: candidates of the shard, run so far,
// verified by execution or computation, kept as samples.
func (j *journal) counts(candidates map[v1alpha1.UnitName]int) map[string]int64 {
	counts := map[string]int64{}
	for unit, n := range candidates {
		name := string(unit)
		counts[name+".candidates"] = int64(n)
		for _, e := range j.entries {
			if e.Unit != unit || !e.ended() {
				continue
			}
			counts[name+".run"]++
			counts[name+".cpuMillis"] += e.CPUMillis
			if e.Verified {
				counts[name+".verified"]++
			}
			if e.Sample != nil {
				counts[name+".kept"]++
			}
			if e.Sample != nil && e.Sample.Meta.Recovered {
				counts[name+".recovered"]++
			}
		}
	}
	return counts
}
