package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/sandbox"
)

// EnvironmentFile is what Setup seals below environments/<key>: a tar.
const EnvironmentFile = "environment.tar"

// PutEnvironment puts what Setup installed into boxes. Where the recipe has no
// set-up commands there is nothing to put.
func (e Env) PutEnvironment(ctx context.Context, boxes ...sandbox.Box) error {
	folder := e.Spec.Keys.Output(v1alpha1.StageSetup)
	if folder == "" {
		return nil
	}
	place, err := e.Store.Path(folder)
	if err != nil {
		return err
	}
	for _, box := range boxes {
		if err := putFile(ctx, box, filepath.Join(place, EnvironmentFile)); err != nil {
			return fmt.Errorf("put the environment into the sandbox: %w", err)
		}
	}
	return nil
}

func putFile(ctx context.Context, box sandbox.Box, name string) (err error) {
	content, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() {
		// The box may have closed what it was given.
		if closeErr := content.Close(); !errors.Is(closeErr, os.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}()
	return box.PutEnvironment(ctx, content)
}
