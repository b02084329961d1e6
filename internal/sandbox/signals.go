package sandbox

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// deadly are the signals that end a Go program which does not ask for them.
// SIGKILL and SIGSTOP from inside do not reach the first process of a container.
var deadly = []os.Signal{
	syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS,
	syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSTKFLT, syscall.SIGSYS,
}

// Signals returns a context for Listen that ends when the container has to. As
// the first process of a container, the server can be killed by its commands
// with signals that it reacts to, and only with these: none of them does
// anything while a command runs. The kubelet sends its SIGTERM after the worker
// has ended, hence when no command runs any more.
func (s *Server) Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	if os.Getpid() != 1 {
		return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	}
	ignored, end := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ignored, deadly...)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer signal.Stop(end)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ignored:
			case <-end:
				if s.children.none() {
					cancel()
				} else {
					s.options.Log.Warn("a command tried to end the server")
				}
			}
		}
	}()
	return ctx, cancel
}
