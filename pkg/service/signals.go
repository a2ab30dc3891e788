package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// echo is how soon after the first the same signal counts as one with it:
// timeout(1) and others send it to the process and again to its group.
const echo = 500 * time.Millisecond

// Signals gives a context that ends with the first SIGINT or SIGTERM, which its
// cause names. A second signal ends the process at once with 128 + its number.
// Call stop when the process ends by itself.
func Signals(parent context.Context, log *slog.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 2)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var first os.Signal
		var at time.Time
		for {
			select {
			case <-done:
				return
			case s := <-received:
				if s == first && time.Since(at) < echo {
					continue
				}
				if first != nil {
					os.Exit(128 + number(s))
				}
				first, at = s, time.Now()
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
