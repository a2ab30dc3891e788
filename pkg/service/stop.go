package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// StopStack holds what has been started, so that it is stopped in reverse
// order: by a New that fails half-way as by an orderly stop. The zero value is
// ready for use; it may be used by many goroutines.
type StopStack struct {
	mu    sync.Mutex
	steps []stopStep
	once  sync.Once
	err   error
}

type stopStep struct {
	name string
	stop func(context.Context) error
}

// Push adds the way to stop what was just started. What is pushed
// after Stop is never stopped.
func (s *StopStack) Push(name string, stop func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, stopStep{name, stop})
}

// Stop runs all steps, the last pushed first, and joins their errors, each with
// the name of its step. A failing step keeps no other from running; one that
// has not returned when ctx ends is named and left behind. Only the first call
// does anything; every call gives its result.
func (s *StopStack) Stop(ctx context.Context) error {
	s.once.Do(func() {
		s.mu.Lock()
		steps := s.steps
		s.steps = nil
		s.mu.Unlock()
		var errs []error
		for i := len(steps) - 1; i >= 0; i-- {
			if err := steps[i].run(ctx); err != nil {
				errs = append(errs, fmt.Errorf("cannot stop %s: %w", steps[i].name, err))
			}
		}
		s.err = errors.Join(errs...)
	})
	return s.err
}

// run calls the step even when ctx is over: what needs no waiting is done.
func (s stopStep) run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// Both may have happened: what is done counts.
	select {
	case err := <-done:
		return err
	default:
		return fmt.Errorf("it did not end in time: %w", context.Cause(ctx))
	}
}
