package engine

import (
	"context"
	"fmt"
	"time"
)

// startTimeout bounds the start of a server behind an endpoint; the kubelet's
// own start-up probe is usually earlier.
const startTimeout = time.Hour

// Serve runs a server for one trained model until the context ends or the
// server does. folder and base are slash paths below the supervisor's root. A
// server that ends by itself is an error.
func Serve(ctx context.Context, supervisor *Supervisor, folder, base string, settings Settings) error {
	defer supervisor.Close()
	engine, err := For(settings.Engine)
	if err != nil {
		return err
	}
	model, err := Trained(engine, supervisor.root, ServedName, folder, base)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := supervisor.Load(starting, []Model{model}, settings); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	server := supervisor.running()
	select {
	case <-ctx.Done():
		return nil
	case <-server.Done():
		return fmt.Errorf("the model server ended with exit code %d", server.ExitCode())
	}
}
