package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals gives a context that ends with the first SIGINT or SIGTERM, which its
// cause names. A second signal ends the process at once with 128 + its number.
// Call stop when the process ends by itself.
func Signals(parent context.Context, log *slog.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 2)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case s := <-received:
				if n > 0 {
					os.Exit(128 + number(s))
				}
				log.Info("stopping; a second signal ends at once", "signal", s.String())
				cancel(fmt.Errorf("stopped by %s: %w", s, context.Canceled))
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(received)
		close(done)
		cancel(context.Canceled)
	})
}

func number(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 1
}
