package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Health is what /healthz and /readyz tell. It may be used by many goroutines.
type Health struct {
	mu       sync.Mutex
	expected []string // services in the order they were named
	ready    map[string]bool
	parts    map[string]error
	checks   map[string]func() error
	changed  chan struct{} // closed and replaced whenever a service becomes ready
}

// NewHealth makes a Health that is ready when all of these services are.
func NewHealth(services ...string) *Health {
	return &Health{
		expected: services,
		ready:    map[string]bool{},
		parts:    map[string]error{},
		checks:   map[string]func() error{},
		changed:  make(chan struct{}),
	}
}

// Set notes the state of a part ("broker", "model", "store"): nil = well. A
// part that is not well makes /readyz fail with its error.
func (h *Health) Set(part string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.parts, part)
		return
	}
	h.parts[part] = err
}

// Check names a part whose state is asked for whenever somebody looks. The
// function must not block.
func (h *Health) Check(part string, state func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[part] = state
}

// Ready notes that a service has started all it needs.
func (h *Health) Ready(service string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready[service] {
		return
	}
	h.ready[service] = true
	close(h.changed)
	h.changed = make(chan struct{})
}

// WaitReady waits until each of the services has called Ready. When ctx ends
// before, the error names those that are missing and the parts that are not
// well, and wraps the cause of ctx.
func (h *Health) WaitReady(ctx context.Context, services ...string) error {
	for {
		h.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(services), func(s string) bool { return h.ready[s] })
		changed := h.changed
		h.mu.Unlock()
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("not ready: %s: %w", strings.Join(missing, ", "), errors.Join(context.Cause(ctx), h.notWell()))
		}
	}
}

// Problems tells what keeps /readyz from saying yes, one line each: services
// that are not ready, in the order they were named, then parts that are not
// well, by name.
func (h *Health) Problems() []string {
	h.mu.Lock()
	expected := slices.DeleteFunc(slices.Clone(h.expected), func(s string) bool { return h.ready[s] })
	h.mu.Unlock()
	var lines []string
	for _, service := range expected {
		lines = append(lines, service+": not ready yet")
	}
	for _, part := range h.badParts() {
		lines = append(lines, part.name+": "+part.err.Error())
	}
	return lines
}

type badPart struct {
	name string
	err  error
}

// badParts gives the parts that are not well, by name.
func (h *Health) badParts() []badPart {
	h.mu.Lock()
	var bad []badPart
	for name, err := range h.parts {
		bad = append(bad, badPart{name, err})
	}
	checks := make(map[string]func() error, len(h.checks))
	for name, check := range h.checks {
		checks[name] = check
	}
	h.mu.Unlock()
	for name, check := range checks {
		if err := check(); err != nil {
			bad = append(bad, badPart{name, err})
		}
	}
	slices.SortFunc(bad, func(a, b badPart) int { return strings.Compare(a.name, b.name) })
	return bad
}

// notWell joins the errors of the parts that are not well.
func (h *Health) notWell() error {
	var errs []error
	for _, part := range h.badParts() {
		errs = append(errs, fmt.Errorf("%s: %w", part.name, part.err))
	}
	return errors.Join(errs...)
}
