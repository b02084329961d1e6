package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const lockPoll = 200 * time.Millisecond

// Lock keeps other devcluster commands of this user from starting or removing
// clusters until unlock is called or the process ends. It locks the folder that
// holds the store, because the store itself comes and goes with the clusters.
// onWait is called once if another command holds it.
func (s Store) Lock(ctx context.Context, onWait func()) (unlock func(), err error) {
	base := filepath.Dir(s.Root)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return LockFolder(ctx, base, onWait)
}

// LockFolder takes an exclusive lock on an existing folder.
func LockFolder(ctx context.Context, dir string, onWait func()) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		if !waited {
			onWait()
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}
