package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

// ErrContext is wrapped by a model whose context the messages no longer fit.
var ErrContext = errors.New("the messages do not fit the model's context")

// Model gives the next assistant turn. Usage is that of this turn alone.
type Model interface {
	Next(ctx context.Context, messages []task.Message) (string, Usage, error)
}

// Episode is one attempt at a task.
type Episode struct {
	Profile Profile
	// Task is the first user turn.
	Task  string
	Model Model
	// Box runs the commands in Tree, which PrepareTree made.
	Box  sandbox.Box
	Tree Tree
}

// Run plays the episode to its end. An error is the model's or the context's; a
// box that fails ends the episode with the status BoxLost, as an agent's own
// command can bring it down.
func Run(ctx context.Context, episode Episode) (Transcript, error) {
	p := &player{episode: episode, said: map[string]int{}, transcript: Transcript{
		Profile:  episode.Profile.Name,
		Messages: Opening(episode.Task),
	}}
	for p.transcript.Status == "" {
		if p.transcript.Steps == episode.Profile.MaxSteps {
			p.transcript.Status = StepLimit
			break
		}
		if err := p.step(ctx); err != nil {
			return p.transcript, err
		}
	}
	return p.transcript, nil
}

type player struct {
	episode    Episode
	transcript Transcript
	// said counts the assistant's turns by their text.
	said map[string]int
	// malformed counts turns in a row without exactly one action.
	malformed int
}

// step takes one assistant turn and answers it.
func (p *player) step(ctx context.Context) error {
	message, usage, err := p.episode.Model.Next(ctx, p.transcript.Messages)
	if errors.Is(err, ErrContext) {
		p.transcript.Status = ContextLimit
		return nil
	}
	if err != nil {
		return fmt.Errorf("turn %d: %w", p.transcript.Steps+1, err)
	}
	p.transcript.Usage.add(usage)
	p.transcript.Steps++
	p.add(task.RoleAssistant, message)
	p.said[message]++
	answer, err := p.answer(ctx, message)
	if err != nil || p.transcript.Status != "" {
		return err
	}
	p.add(task.RoleUser, answer)
	if usage.PromptTokens+usage.CompletionTokens >= p.episode.Profile.ContextTokens {
		p.transcript.Status = ContextLimit
	}
	return nil
}

func (p *player) add(role task.Role, content string) {
	p.transcript.Messages = append(p.transcript.Messages, task.Message{Role: role, Content: content})
}

// answer returns the user turn for an assistant turn, or sets the status.
func (p *player) answer(ctx context.Context, message string) (string, error) {
	switch p.said[message] {
	case warnRepeats:
		return loopWarning, nil
	case abortRepeats:
		p.transcript.Status = LoopAborted
		return "", nil
	}
	actions := Actions(message)
	if len(actions) != 1 {
		p.malformed++
		p.transcript.FormatErrors++
		if p.malformed == formatErrors {
			p.transcript.Status = FormatLimit
		}
		return formatError(len(actions)), nil
	}
	p.malformed = 0
	return p.execute(ctx, actions[0])
}

func (p *player) execute(ctx context.Context, command string) (string, error) {
	result, err := p.episode.Box.Run(ctx, p.episode.Tree.command(command, p.episode.Profile.CommandTimeout))
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		p.transcript.Status, p.transcript.Lost = BoxLost, err.Error()
		return "", nil
	}
	p.transcript.Commands = append(p.transcript.Commands, Command{
		Step: p.transcript.Steps, ExitCode: result.ExitCode, TimedOut: result.TimedOut, Elapsed: result.Elapsed, CPU: result.CPU,
	})
	text, submitted := submission(clean(result.Output))
	switch {
	case !submitted || result.TimedOut:
		return observation(result), nil
	case result.Truncated || len(text) > submissionLimit:
		return refusedSubmission, nil
	default:
		p.transcript.Status, p.transcript.Submission = Submitted, text
		return "", nil
	}
}
