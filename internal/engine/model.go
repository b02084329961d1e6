package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

// Next implements agent.Model.
func (c *Chat) Next(ctx context.Context, messages []task.Message) (string, agent.Usage, error) {
	answer, err := c.Ask(ctx, messages)
	if contextExceeded(err) {
		return "", agent.Usage{}, fmt.Errorf("%w: %w", agent.ErrContext, err)
	}
	usage := agent.Usage{PromptTokens: int(answer.PromptTokens), CompletionTokens: int(answer.CompletionTokens)}
	return answer.Text, usage, err
}

func contextExceeded(err error) bool {
	var refused *openai.Error
	return errors.As(err, &refused) && ContextExceeded(refused.StatusCode, refused.Message+refused.Code+refused.RawJSON())
}

// ContextExceeded says whether a server refused a request for its length, by the
// status and what it said. The API has no code for it that all servers use, so
// the text decides.
func ContextExceeded(status int, text string) bool {
	if status != http.StatusBadRequest {
		return false
	}
	text = strings.ToLower(text)
	return strings.Contains(text, "context length") || strings.Contains(text, "context_length") || strings.Contains(text, "max_model_len")
}
