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

// contextExceeded says whether the server refused a request for its length. The
// API has no code for it that all servers use, so the text decides.
func contextExceeded(err error) bool {
	var refused *openai.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest {
		return false
	}
	text := strings.ToLower(refused.Message + refused.Code + refused.RawJSON())
	return strings.Contains(text, "context length") || strings.Contains(text, "context_length") || strings.Contains(text, "max_model_len")
}
