package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/pkg/service"
)

const (
	// stopWithin is how long all services together may take to stop.
	stopWithin = service.RunStops
	// stopTurn is how long the next service waits for the one before it.
	stopTurn = 700 * time.Millisecond
)

// part is one service of this process.
type part struct {
	name string
	run  func(context.Context) error
}

// running is a part that was started. Done is closed when it has returned, and
// err is what it returned.
type running struct {
	part
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// runParts runs services, given in the order of the data, until ctx is done or
// one of them returns. They are started in reverse, so that each finds its
// reader there, and stopped in the order of the data, so that each finishes
// what it was handed. The error is what they returned; a service that returns
// unasked is an error too.
func runParts(ctx context.Context, parts []part) error {
	all := make([]*running, len(parts))
	ended := make(chan *running, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		all[i] = start(ctx, parts[i], ended)
	}
	var first error
	select {
	case <-ctx.Done():
	case r := <-ended:
		if r.err == nil && ctx.Err() == nil {
			first = fmt.Errorf("%s ended by itself", r.name)
		}
	}
	return errors.Join(first, stop(all))
}

// start runs a part under a context of its own: the end of ctx alone must not
// stop all of them at once.
func start(ctx context.Context, p part, ended chan<- *running) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{part: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = p.run(own)
		close(r.done)
		ended <- r
	}()
	return r
}

// stop ends the parts one after the other and tells what they returned.
func stop(all []*running) error {
	deadline, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	for _, r := range all {
		r.cancel()
		turn, cancel := context.WithTimeout(deadline, stopTurn)
		r.wait(turn)
		cancel()
	}
	var errs []error
	for _, r := range all {
		switch {
		case !r.wait(deadline):
			errs = append(errs, fmt.Errorf("%s did not stop within %s; what it held is delivered again at the next start", r.name, stopWithin))
		case r.err != nil && !errors.Is(r.err, context.Canceled):
			errs = append(errs, fmt.Errorf("%s: %w", r.name, r.err))
		}
	}
	return errors.Join(errs...)
}

// wait tells whether the part has returned before ctx was done.
func (r *running) wait(ctx context.Context) bool {
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-r.done: // both were true
		return true
	default:
		return false
	}
}
