// Package httpserve runs the HTTP servers of sidecars and proxies: until they are
// told to end, and then until their requests have ended.
package httpserve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// readHeaderTimeout and readTimeout bound how long a client may take to send a
	// request. Answers are not bounded: models take their time.
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
)

// UntilDone answers on the listener until the context ends, then gives the
// requests under way the time drain to end. The error is that of the listener, or
// the drain's context.DeadlineExceeded; requests that are still under way then
// are cut.
func UntilDone(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		// The requests' own context must outlive the signal.
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if err := server.Shutdown(draining); err != nil {
			return errors.Join(fmt.Errorf("end the requests under way: %w", err), server.Close())
		}
		return nil
	})
	return group.Wait()
}
