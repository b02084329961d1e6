package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/spf13/cobra"
)

// answerTokens is enough for the facts that the demo asks for.
const answerTokens = 24

// newAsk asks questions through the official client of the OpenAI API.
func newAsk() *cobra.Command {
	var url, model string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "ask QUESTION...", Short: "Ask an OpenAI-compatible endpoint and print each answer as one JSON text", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, questions []string) error {
			chat := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("none"), option.WithRequestTimeout(timeout))
			encoder := json.NewEncoder(cmd.OutOrStdout())
			for _, question := range questions {
				completion, err := chat.Chat.Completions.New(cmd.Context(), openai.ChatCompletionNewParams{
					Model:       model,
					MaxTokens:   openai.Int(answerTokens),
					Temperature: openai.Float(0),
					Messages:    []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)},
				})
				if err != nil {
					return fmt.Errorf("ask %s: %w", url, err)
				}
				if len(completion.Choices) == 0 {
					return fmt.Errorf("ask %s: the answer has no choice", url)
				}
				if err := encoder.Encode(completion.Choices[0].Message.Content); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "base URL of the API")
	cmd.Flags().StringVar(&model, "model", "", "model to ask for")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "time for one answer")
	return cmd
}
