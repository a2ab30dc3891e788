package alerter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Channel brings notifications to people. Send renders the notification and
// returns nil only when the provider said yes. Its error says by its type what
// to do; no error, log or metric of a channel quotes its secrets or log text.
type Channel interface {
	// Name is the channel's name, as in its outbox and in metrics.
	Name() string
	Send(ctx context.Context, n *Notification) error
}

// paced is a Channel with a send budget. Slot waits up to about a second for a
// slot; an error of RetryError says when there may be one.
type paced interface {
	Slot(ctx context.Context) error
	// Restore tells when requests went out before, in the order of time.
	Restore(sent []time.Time)
}

// RetryError: it did not arrive, for a reason that passes.
type RetryError struct {
	After time.Duration // 0 = as soon as the bus likes
	Code  string
	Err   error
}

// TooLongError: the provider takes no message of this size, however it was
// shortened.
type TooLongError struct {
	Code string
	Err  error
}

// PermanentError: the channel's configuration is wrong; no message will pass
// until somebody changes it.
type PermanentError struct {
	Code string
	Err  error
}

// UnknownError: it may have arrived.
type UnknownError struct {
	Code string
	Err  error
}

func (e *RetryError) Error() string     { return e.Err.Error() }
func (e *RetryError) Unwrap() error     { return e.Err }
func (e *TooLongError) Error() string   { return e.Err.Error() }
func (e *TooLongError) Unwrap() error   { return e.Err }
func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }
func (e *UnknownError) Error() string   { return e.Err.Error() }
func (e *UnknownError) Unwrap() error   { return e.Err }

// Results of a sending: the label of tocsin_notifications_total and the field
// of Group.notifications.
const (
	resultSending   = "sending" // not a label
	resultOK        = "ok"
	resultRetry     = "retry"
	resultTooLong   = "too_long"
	resultRefused   = "refused"
	resultPermanent = "permanent"
	resultUnknown   = "unknown"
	resultMoved     = "moved" // switched off: left to the other channel
	resultDuplicate = "duplicate"
)

var results = []string{resultOK, resultRetry, resultTooLong, resultRefused, resultPermanent, resultUnknown,
	resultMoved, resultDuplicate}

// classify gives the result of an error of Send and the provider's code.
func classify(err error) (result, code string) {
	var retry *RetryError
	var long *TooLongError
	var permanent *PermanentError
	var unknown *UnknownError
	switch {
	case err == nil:
		return resultOK, ""
	case errors.As(err, &retry):
		return resultRetry, retry.Code
	case errors.As(err, &long):
		return resultTooLong, long.Code
	case errors.As(err, &permanent):
		return resultPermanent, permanent.Code
	case errors.As(err, &unknown):
		return resultUnknown, unknown.Code
	default:
		return resultRefused, ""
	}
}

// budget is a sliding window: at most limit sendings within window.
type budget struct {
	limit  int
	window time.Duration
	now    func() time.Time
	sent   []time.Time
	closed time.Time // nothing goes before
}

// wait tells how long until there is a slot.
func (b *budget) wait() time.Duration {
	now := b.now()
	for len(b.sent) > 0 && now.Sub(b.sent[0]) >= b.window {
		b.sent = b.sent[1:]
	}
	wait := b.closed.Sub(now)
	if len(b.sent) >= b.limit {
		wait = max(wait, b.sent[len(b.sent)-b.limit].Add(b.window).Sub(now))
	}
	return max(wait, 0)
}

// note takes a sending into account.
func (b *budget) note(t time.Time) { b.sent = append(b.sent, t) }

// shut lets nothing through for d.
func (b *budget) shut(d time.Duration) { b.closed = b.now().Add(d) }

// slotPatience is how long a sender waits for a slot itself; a longer wait is
// the bus's.
const slotPatience = time.Second

// slot waits for a slot or says when there may be one.
func (b *budget) slot(ctx context.Context) error {
	wait := b.wait()
	if wait > slotPatience {
		return &RetryError{After: wait, Err: fmt.Errorf("its send budget of %d in %s is used up for %s more",
			b.limit, b.window, wait.Round(time.Second))}
	}
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &RetryError{Err: ctx.Err()}
	}
}
