package curate

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// each asks a question of every value, on all processors. The answers have the
// values' order. The only error is that of a context that ends.
func each[V, T any](ctx context.Context, values []V, ask func(V) T) ([]T, error) {
	answers := make([]T, len(values))
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < len(values); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				answers[i] = ask(values[i])
			}
			return nil
		})
	}
	return answers, group.Wait()
}
