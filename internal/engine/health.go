package engine

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/repoexpert/operator/internal/task"
)

// warmUp is what a server is asked first.
var warmUp = []task.Message{{Role: task.RoleUser, Content: "Hello"}}

// healthTimeout of one look.
const healthTimeout = 5 * time.Second

// awaitHealth looks at /health until it answers 200 or the context ends, whose
// cause it returns.
func awaitHealth(ctx context.Context, address string) error {
	client := &http.Client{Timeout: healthTimeout}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if healthy(ctx, client, address) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the model server is not healthy: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

func healthy(ctx context.Context, client *http.Client, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/health", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
