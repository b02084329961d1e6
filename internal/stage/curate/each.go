package curate

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/repoexpert/operator/internal/task"
)

// each asks a question of every sample, on all processors. The answers have the
// samples' order. The only error is that of a context that ends.
func each[T any](ctx context.Context, samples []task.Sample, ask func(task.Sample) T) ([]T, error) {
	answers := make([]T, len(samples))
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < len(samples); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				answers[i] = ask(samples[i])
			}
			return nil
		})
	}
	return answers, group.Wait()
}
