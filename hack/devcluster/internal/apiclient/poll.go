package apiclient

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Poll calls ask until it returns nil or ctx ends; then it fails with the last
// answer, which says more than "deadline exceeded".
func Poll(ctx context.Context, interval time.Duration, ask func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(err, ctx.Err()) {
				return err
			}
			return fmt.Errorf("%w (last answer: %w)", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
