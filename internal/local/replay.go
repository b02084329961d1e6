package local

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

func turns(sample task.Sample) int {
	n := 0
	for _, message := range sample.Messages {
		if message.Role == task.RoleAssistant {
			n++
		}
	}
	return n
}

// replayOne executes one sample's commands in a fresh tree.
func replayOne(ctx context.Context, env stage.Env, replays func(context.Context, task.Sample) (experience.Replay, error), sample task.Sample) ([]Difference, error) {
	replay, err := replays(ctx, sample)
	if errors.Is(err, experience.ErrNotReplayable) {
		return []Difference{{What: "task", Want: "a task of the plan", Got: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	transcript, err := agent.Run(ctx, agent.Episode{
		Profile: replay.Profile, Task: replay.Prompt, Model: &recorded{messages: sample.Messages}, Box: env.Agent, Tree: replay.Tree,
	})
	if err != nil && !errors.Is(err, errEnded) {
		return nil, err
	}
	differences := compare(sample.Messages, transcript.Messages)
	if err != nil || transcript.Status != agent.Submitted {
		return append(differences, Difference{What: "end", Want: "a submission", Got: cmp.Or(string(transcript.Status), "the episode goes on")}), nil
	}
	verification, code, err := replay.Verify(ctx, transcript)
	if err != nil {
		return nil, err
	}
	if code != "" {
		verification = "rejected: " + code
	}
	if verification != sample.Meta.Verification {
		differences = append(differences, Difference{What: "verdict", Want: sample.Meta.Verification, Got: verification})
	}
	return differences, nil
}

// recorded plays the assistant's turns of a sample again.
type recorded struct {
	messages []task.Message
	next     int
}

var errEnded = errors.New("the recorded turns have ended")

// Next implements agent.Model.
func (r *recorded) Next(context.Context, []task.Message) (string, agent.Usage, error) {
	for ; r.next < len(r.messages); r.next++ {
		if r.messages[r.next].Role == task.RoleAssistant {
			r.next++
			return r.messages[r.next-1].Content, agent.Usage{}, nil
		}
	}
	return "", agent.Usage{}, errEnded
}

// compare finds the first difference of each turn, volatile parts apart.
func compare(want, got []task.Message) []Difference {
	var differences []Difference
	turn := 0
	for i := range max(len(want), len(got)) {
		var w, g task.Message
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w.Role == task.RoleAssistant {
			turn++
		}
		if w.Role != g.Role {
			return append(differences, Difference{Turn: turn, What: "turns", Want: cmp.Or(string(w.Role), "the end"), Got: cmp.Or(string(g.Role), "the end")})
		}
		if before, after := Stable(w.Content), Stable(g.Content); before != after {
			line, other := firstDifference(before, after)
			differences = append(differences, Difference{Turn: turn, What: what(w.Role, turn), Want: line, Got: other})
		}
	}
	return differences
}

func what(role task.Role, turn int) string {
	switch {
	case role == task.RoleSystem:
		return "system prompt"
	case role == task.RoleUser && turn == 0:
		return "task"
	case role == task.RoleUser:
		return "observation"
	default:
		return "turn"
	}
}

// firstDifference returns the first lines of two texts that differ.
func firstDifference(want, got string) (string, string) {
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(found)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(wanted) {
			w = wanted[i]
		}
		if i < len(found) {
			g = found[i]
		}
		if w != g {
			return w, g
		}
	}
	return "", ""
}
