package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/repoexpert/operator/internal/task"
)

const (
	// answerTimeout bounds one answer: a long one of a large model on a busy CPU.
	answerTimeout = 10 * time.Minute
	// connectAttempts and connectPause bound retries of a connection that the
	// server refused or cut; an answer with an error status is never asked again.
	connectAttempts = 4
	connectPause    = time.Second
	// maxAnswer bounds an answer in bytes: 4,096 tokens of 32 bytes.
	maxAnswer = 128 << 10
	// maxRefusal bounds what is repeated of a server's error, in bytes.
	maxRefusal = 300
)

// Chat asks one model of a server, always in the same way.
type Chat struct {
	client openai.Client
	model  string
	fields map[string]any
}

// Answer of a model.
type Answer struct {
	Text             string
	PromptTokens     int64
	CompletionTokens int64
	// Cut says that the answer reached its limit of tokens.
	Cut bool
}

// NewChat returns a chat with a model behind an OpenAI-compatible base URL.
// fields go into every request, such as Engine.Fields.
func NewChat(baseURL, model string, fields map[string]any) *Chat {
	client := openai.NewClient(
		option.WithBaseURL(baseURL),
		// The server wants no key, the client does.
		option.WithAPIKey("none"),
		option.WithMaxRetries(0),
		option.WithRequestTimeout(answerTimeout),
	)
	return &Chat{client: client, model: model, fields: fields}
}

// Ask returns the model's next turn.
func (c *Chat) Ask(ctx context.Context, messages []task.Message) (Answer, error) {
	converted, err := Messages(messages)
	if err != nil {
		return Answer{}, err
	}
	request := openai.ChatCompletionNewParams{Model: c.model, Messages: converted}
	options := make([]option.RequestOption, 0, len(c.fields))
	for name, value := range c.fields {
		options = append(options, option.WithJSONSet(name, value))
	}
	completion, err := c.send(ctx, request, options)
	if err != nil {
		return Answer{}, fmt.Errorf("ask model %s: %w%s", c.model, err, refusal(err))
	}
	if len(completion.Choices) == 0 {
		return Answer{}, fmt.Errorf("ask model %s: the answer has no choice", c.model)
	}
	choice := completion.Choices[0]
	if len(choice.Message.Content) > maxAnswer {
		return Answer{}, fmt.Errorf("ask model %s: the answer has %d bytes, more than %d", c.model, len(choice.Message.Content), maxAnswer)
	}
	return Answer{
		Text:             choice.Message.Content,
		PromptTokens:     completion.Usage.PromptTokens,
		CompletionTokens: completion.Usage.CompletionTokens,
		Cut:              choice.FinishReason == "length",
	}, nil
}

// send asks again, a few times, only when no answer came at all.
func (c *Chat) send(ctx context.Context, request openai.ChatCompletionNewParams, options []option.RequestOption) (*openai.ChatCompletion, error) {
	for attempt := 1; ; attempt++ {
		completion, err := c.client.Chat.Completions.New(ctx, request, options...)
		if err == nil || attempt == connectAttempts || !connectionFailed(err) {
			return completion, err
		}
		timer := time.NewTimer(connectPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// refusal is the beginning of what the server said beside its status.
func refusal(err error) string {
	var refused *openai.Error
	if !errors.As(err, &refused) || refused.RawJSON() == "" {
		return ""
	}
	text := refused.RawJSON()
	return ": " + strings.ToValidUTF8(text[:min(len(text), maxRefusal)], "")
}

// connectionFailed says whether the server could not be reached, or hung up.
func connectionFailed(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && !operation.Timeout()
}

// Messages writes turns as OpenAI's API takes them, without our own fields. The
// error names a role that it does not know.
func Messages(messages []task.Message) ([]openai.ChatCompletionMessageParamUnion, error) {
	converted := make([]openai.ChatCompletionMessageParamUnion, 0, len(messages))
	for _, message := range messages {
		next, err := convert(message)
		if err != nil {
			return nil, err
		}
		converted = append(converted, next)
	}
	return converted, nil
}

func convert(message task.Message) (openai.ChatCompletionMessageParamUnion, error) {
	switch message.Role {
	case task.RoleSystem:
		return openai.SystemMessage(message.Content), nil
	case task.RoleUser:
		return openai.UserMessage(message.Content), nil
	case task.RoleAssistant:
		return openai.AssistantMessage(message.Content), nil
	default:
		return openai.ChatCompletionMessageParamUnion{}, fmt.Errorf("message has the unknown role %q", message.Role)
	}
}
