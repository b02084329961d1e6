package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// probe is one line of the prober's output.
type probe struct {
	Time    time.Time `json:"time"`
	Status  int       `json:"status"`
	Model   string    `json:"model,omitempty"`
	Seconds float64   `json:"seconds"`
	Error   string    `json:"error,omitempty"`
}

// newProber asks an endpoint once a second, each time over a new connection as
// new clients would, and prints one JSON line an answer.
func newProber() *cobra.Command {
	var url, model, question string
	var interval, timeout time.Duration
	cmd := &cobra.Command{
		Use: "prober", Short: "Ask an OpenAI-compatible endpoint once a second and print how it answered", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := json.Marshal(map[string]any{
				"model": model, "max_tokens": 4, "temperature": 0,
				"messages": []map[string]string{{"role": "user", "content": question}},
			})
			if err != nil {
				return err
			}
			client := &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
			ticker := time.NewTicker(interval)
			defer ticker.Stop()
			encoder := json.NewEncoder(cmd.OutOrStdout())
			for {
				select {
				case <-cmd.Context().Done():
					return nil
				case <-ticker.C:
					if err := encoder.Encode(ask(cmd.Context(), client, url+"/chat/completions", body)); err != nil {
						return err
					}
				}
			}
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "base URL of the API")
	cmd.Flags().StringVar(&model, "model", "", "model to ask for")
	cmd.Flags().StringVar(&question, "question", "Hello", "what to ask")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two questions")
	cmd.Flags().DurationVar(&timeout, "timeout", 60*time.Second, "time for one answer")
	return cmd
}

func ask(ctx context.Context, client *http.Client, url string, body []byte) (p probe) {
	start := time.Now()
	p = probe{Time: start.UTC()}
	defer func() { p.Seconds = time.Since(start).Seconds() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		p.Error = err.Error()
		return p
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	defer response.Body.Close()
	p.Status = response.StatusCode
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		p.Error = err.Error()
		return p
	}
	var answer struct {
		Model string `json:"model"`
	}
	if response.StatusCode != http.StatusOK {
		p.Error = fmt.Sprintf("%.200s", raw)
	} else if err := json.Unmarshal(raw, &answer); err != nil {
		p.Error = "answer is no JSON: " + err.Error()
	}
	p.Model = answer.Model
	return p
}
