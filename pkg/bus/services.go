package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// statePoll is how often a service looks whether it is still attached.
const statePoll = time.Second

// State is what KV services says of a service.
type State struct {
	Attached bool `json:"attached"`
	// Reason says why it is detached, and how to attach it.
	Reason string `json:"reason,omitempty"`
	// Down is set by the analyzer while its model is out of reach.
	Down bool `json:"down,omitempty"`
	// MinSeverity is what the analyzer takes, by AI_MIN_SEVERITY.
	MinSeverity float64 `json:"min_severity,omitempty"`
}

// States gives the state of every service.
func (c *Conn) States(ctx context.Context) (map[string]State, error) {
	kv, err := c.KV(ctx, BucketServices)
	if err != nil {
		return nil, err
	}
	entries, err := kv.All(ctx, "")
	if err != nil {
		return nil, err
	}
	states := make(map[string]State, len(entries))
	for _, e := range entries {
		var s State
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return nil, fmt.Errorf("cannot read the state of %s: %w", e.Key, err)
		}
		states[e.Key] = s
	}
	return states, nil
}

// SetDown notes whether a service's dependency is out of reach.
func (c *Conn) SetDown(ctx context.Context, service string, down bool) error {
	kv, err := c.KV(ctx, BucketServices)
	if err != nil {
		return err
	}
	for {
		e, err := kv.Get(ctx, service)
		if err != nil {
			return err
		}
		var s State
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return fmt.Errorf("cannot read the state of %s: %w", service, err)
		}
		if s.Down == down {
			return nil
		}
		s.Down = down
		value, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = kv.Write(ctx, []Change{{Key: service, Value: value, Revision: e.Revision}})
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// WhileAttached runs f while KV services says that service is attached: f's
// context ends when it is detached, f is run again when it is attached again.
// told is called at the start and at each change. It returns when ctx is done
// (nil) or f fails.
func (c *Conn) WhileAttached(ctx context.Context, service string, told func(State), f func(context.Context) error) error {
	kv, err := c.KV(ctx, BucketServices)
	if err != nil {
		return stopped(ctx, err)
	}
	state, err := awaitState(ctx, kv, service, func(State) bool { return true })
	for err == nil {
		told(state)
		if state.Attached {
			state, err = runWhile(ctx, kv, service, f)
		} else {
			state, err = awaitState(ctx, kv, service, func(s State) bool { return s.Attached })
		}
	}
	return stopped(ctx, err)
}

// runWhile runs f until the service is detached, and gives the new state.
func runWhile(ctx context.Context, kv *KV, service string, f func(context.Context) error) (State, error) {
	fctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f(fctx) }()
	type seen struct {
		state State
		err   error
	}
	detached := make(chan seen, 1)
	go func() {
		s, err := awaitState(fctx, kv, service, func(s State) bool { return !s.Attached })
		detached <- seen{s, err}
	}()
	select {
	case err := <-ended:
		if err == nil && ctx.Err() == nil {
			err = fmt.Errorf("%s ended by itself", service)
		}
		if err == nil {
			err = ctx.Err()
		}
		return State{}, err
	case s := <-detached:
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return State{}, err
		}
		return s.state, s.err
	}
}

// awaitState waits until a service's state is known and as wanted. What can't
// be read right now is read again.
func awaitState(ctx context.Context, kv *KV, service string, wanted func(State) bool) (State, error) {
	for {
		var s State
		e, err := kv.Get(ctx, service)
		if err == nil {
			err = json.Unmarshal(e.Value, &s)
		}
		if err == nil && wanted(s) {
			return s, nil
		}
		if !sleep(ctx, statePoll) {
			return State{}, ctx.Err()
		}
	}
}
