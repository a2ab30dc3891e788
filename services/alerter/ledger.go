package alerter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

// bucket and outbox are what the ledger needs of the bus: *bus.KV and
// *bus.Publisher.
type bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	All(ctx context.Context, prefix string) ([]bus.Entry, error)
	Write(ctx context.Context, changes []bus.Change) ([]uint64, error)
}

type outbox interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// publishedAtOnce notifications are published and cleared together.
const publishedAtOnce = 20

// ledger is the one writer of the alerter's state: it folds batches and does
// what timers ask for, each as one atomic write, and publishes what is unsent.
// After any error that leaves open what lies in the bucket it reads all anew.
type ledger struct {
	rules    rules
	kv       bucket
	outbox   outbox
	channels []string
	now      func() time.Time
	// waiting tells whether first notifications wait for an analysis.
	waiting func(ctx context.Context) waiting
	metrics *metrics

	mu    sync.Mutex
	state *state        // nil = to be read
	wake  chan struct{} // signals that something is unsent
}

// loaded gives the state, read from the bucket if need be. l.mu is held.
func (l *ledger) loaded(ctx context.Context) (*state, error) {
	if l.state != nil {
		return l.state, nil
	}
	s := newState()
	for _, prefix := range []string{prefixGroup, prefixCounted, prefixNotice} {
		entries, err := l.kv.All(ctx, prefix)
		if err != nil {
			return nil, fmt.Errorf("cannot read the alerter's state: %w", err)
		}
		for _, e := range entries {
			if err := s.restore(e); err != nil {
				return nil, err
			}
		}
	}
	s.repair()
	l.state = s
	l.signal()
	return s, nil
}

// write makes a draft the state, on disk first. l.mu is held.
func (l *ledger) write(ctx context.Context, d *draft) error {
	changes, err := d.changes()
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		revisions, err := l.kv.Write(ctx, changes)
		if err != nil {
			l.state = nil
			if errors.Is(err, bus.ErrConflict) {
				return fmt.Errorf("cannot write the alerter's state, another alerter is active: %w", err)
			}
			return fmt.Errorf("cannot write the alerter's state: %w", err)
		}
		d.commit(changes, revisions)
	}
	l.metrics.merged.Add(float64(d.merged))
	l.metrics.skipped.Add(float64(d.skipped))
	if len(d.notices) > 0 {
		l.signal()
	}
	return nil
}

func (l *ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// handle is the consumer of events.masked and events.analyzed.
func (l *ledger) handle(ctx context.Context, batch []*bus.Delivery) []error {
	errs := make([]error, len(batch))
	for done := 0; done < len(batch); {
		n, err := l.fold(ctx, batch[done:], errs[done:])
		if err != nil {
			for i := done; i < len(batch); i++ {
				errs[i] = bus.Unavailable(err)
			}
			return errs
		}
		done += n
	}
	return errs
}

// fold takes deliveries into the state, as many as fit one write, and tells
// how many. It rejects in errs what is no event; its own error is nobody's
// fault.
func (l *ledger) fold(ctx context.Context, batch []*bus.Delivery, errs []error) (int, error) {
	w := l.waiting(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.loaded(ctx)
	if err != nil {
		return 0, err
	}
	d, now, n := s.draft(), l.now(), 0
	for ; n < len(batch) && !d.full(); n++ {
		msg := batch[n]
		if msg.Run() != "" {
			continue // a replay is for the store: nobody is rung up for it
		}
		e, err := events.Decode(msg.Data)
		if err != nil {
			errs[n] = bus.Reject(err)
			continue
		}
		if msg.Subject == bus.SubjectAnalyzed {
			d.attach(l.rules, e, now)
		} else {
			d.fold(l.rules, e, now, w)
		}
	}
	return n, l.write(ctx, d)
}

// tick does what is due without an event, see draft.tick.
func (l *ledger) tick(ctx context.Context, all bool) error {
	w := l.waiting(ctx)
	for {
		more, err := l.tickOnce(ctx, w, all)
		if err != nil || !more {
			return err
		}
	}
}

// tickOnce does what fits one write and tells whether more is left.
func (l *ledger) tickOnce(ctx context.Context, w waiting, all bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.loaded(ctx)
	if err != nil {
		return false, err
	}
	d := s.draft()
	more := d.tick(l.rules, l.now(), w, all)
	return more, l.write(ctx, d)
}

// publish puts what is unsent into the outbox of every channel and clears it,
// until nothing is left. A crash in between publishes it once more: the broker
// knows the id for two minutes, after that the sender does.
func (l *ledger) publish(ctx context.Context) error {
	for {
		s, list, err := l.unsent(ctx)
		if err != nil || len(list) == 0 {
			return err
		}
		var msgs []bus.Message
		for _, n := range list {
			data, err := n.encode()
			if err != nil {
				return err
			}
			for _, channel := range l.channels {
				msgs = append(msgs, bus.Message{Subject: bus.SubjectNotify(channel), ID: n.ID + ":" + channel, Data: data})
			}
		}
		if err := l.outbox.Publish(ctx, msgs...); err != nil {
			return fmt.Errorf("cannot publish notifications: %w", err)
		}
		if err := l.clear(ctx, s, list); err != nil {
			return err
		}
	}
}

func (l *ledger) unsent(ctx context.Context) (*state, []*notice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.loaded(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s, s.unsent(publishedAtOnce), nil
}

// clear deletes what was published, unless the state was read anew meanwhile.
func (l *ledger) clear(ctx context.Context, s *state, list []*notice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != s {
		return nil
	}
	d := s.draft()
	for _, n := range list {
		d.notices[n.ID] = nil
	}
	return l.write(ctx, d)
}

// sweep forgets counted offsets of old generations and results of old sendings.
func (l *ledger) sweep(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.loaded(ctx)
	if err != nil {
		return err
	}
	d := s.draft()
	d.forgetCounted(l.now(), bus.MaxChanges)
	if err := l.write(ctx, d); err != nil {
		return err
	}
	return sweepSent(ctx, l.kv, l.now())
}
