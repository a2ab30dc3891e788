package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Timings of a lease: renewed every second, taken over when it was not renewed
// for three by the clock of whoever waits (no two clocks are compared).
const (
	leaseRenew = time.Second
	leaseTTL   = 3 * time.Second
	// leaseWrite bounds one renewal, so that a single one may fail; after
	// leaseGiveUp, when the second has, the lease counts as lost: before anybody
	// else may take it.
	leaseWrite  = 700 * time.Millisecond
	leaseGiveUp = leaseTTL - leaseRenew - leaseRenew/5
)

// Lead runs f while this process holds the lease of that name: one process at a
// time, another takes over about 3 s after the holder's death, at once after
// its orderly stop. f's context ends when the lease is lost; f has to stop soon
// then, and whatever it writes has to be protected by revisions. A holder that
// finds its own name (from before a crash) goes on at once. Lead returns when
// ctx is done (nil) or f fails.
func (c *Conn) Lead(ctx context.Context, lease, holder string, f func(context.Context) error) error {
	kv, err := c.KV(ctx, BucketLeases)
	if err != nil {
		return stopped(ctx, err)
	}
	// The mark tells this call from another one that goes by the same name.
	value := holder + " " + rand.Text()
	for restarted := true; ; restarted = false {
		revision, err := acquire(ctx, kv, lease, value, restarted)
		if err != nil {
			return stopped(ctx, err)
		}
		if err := hold(ctx, kv, lease, value, revision, f); err != nil {
			return stopped(ctx, fmt.Errorf("leading %s: %w", lease, err))
		}
		if !sleep(ctx, reconnectWait) {
			return nil
		}
	}
}

// acquire waits for the lease and takes it, at once if restarted and the lease
// has the name of this holder.
func acquire(ctx context.Context, kv *KV, lease, value string, restarted bool) (uint64, error) {
	var seen uint64
	var since time.Time
	for {
		e, err := kv.Get(ctx, lease)
		free := false
		switch {
		case errors.Is(err, ErrNotFound):
			e, free = Entry{}, true
		case err != nil:
			since = time.Now() // unseen time does not count against the holder
		case string(e.Value) == value:
			free = true // our own write, whose answer was lost
		case restarted && holderOf(string(e.Value)) == holderOf(value):
			free = true
		case e.Revision != seen:
			seen, since = e.Revision, time.Now()
		default:
			free = time.Since(since) >= leaseTTL
		}
		if free {
			revisions, err := kv.Write(ctx, []Change{{Key: lease, Value: []byte(value), Revision: e.Revision}})
			if err == nil {
				return revisions[0], nil
			}
		}
		if !sleep(ctx, reconnectWait) {
			return 0, ctx.Err()
		}
	}
}

// holderOf is the name in the value of a lease, which ends with a mark.
func holderOf(value string) string {
	return value[:max(strings.LastIndexByte(value, ' '), 0)]
}

// hold runs f and renews the lease beside it, until f ends or the lease is
// lost; then it gives the lease back if it is still ours.
func hold(ctx context.Context, kv *KV, lease, value string, revision uint64, f func(context.Context) error) error {
	fctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f(fctx) }()
	renewed := time.Now()
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	lost := false
	for {
		select {
		case err := <-ended:
			if lost && errors.Is(err, context.Canceled) {
				err = nil // the loss ended it: stand by again
			}
			if !lost {
				back, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseWrite)
				defer cancel()
				// What fails here only lets the next holder wait 3 s.
				_, _ = kv.Write(back, []Change{{Key: lease, Revision: revision}})
			}
			return err
		case <-tick.C:
			if lost {
				continue
			}
			asked := time.Now()
			rctx, stop := context.WithTimeout(context.WithoutCancel(ctx), leaseWrite)
			revisions, err := kv.Write(rctx, []Change{{Key: lease, Value: []byte(value), Revision: revision}})
			switch {
			case err == nil:
				revision, renewed = revisions[0], asked
			case errors.Is(err, ErrConflict):
				// Our own write whose answer was lost leaves its time unknown:
				// the next renewal counts.
				revision, lost = reread(rctx, kv, lease, value, revision)
			default:
				lost = time.Since(renewed) > leaseGiveUp
			}
			stop()
			if lost {
				cancel()
			}
		}
	}
}

// reread finds out whether a conflict is our own write whose answer was lost.
func reread(ctx context.Context, kv *KV, lease, value string, revision uint64) (uint64, bool) {
	e, err := kv.Get(ctx, lease)
	if err != nil || string(e.Value) != value {
		return revision, true
	}
	return e.Revision, false
}
