package bus

import (
	"context"
	"errors"
	"time"
)

// The broker writes down what it delivered up to a tenth of a second later. One
// that runs in this process dies with it: a message that ends the process comes
// again as if it had never been delivered, and would end it for ever. So a loop
// notes in KV suspects that it runs; after one that ended without taking that
// back, everybody is a suspect for a while. That need not reach the culprit at
// once: what is handled meanwhile is written down, so each start comes closer.

// carefulFor is how long everybody is a suspect, from the first delivery on.
const carefulFor = 3 * time.Second

// waitNoted is how long a suspect may wait to publish before its try counts no
// more: a stream that is full for hours, and whoever restarts us meanwhile, are
// no fault of the message.
const waitNoted = 500 * time.Millisecond

// waitsKey holds, in the context of a handler, what Publish calls then.
type waitsKey struct{}

func (l *loop) openKey() string { return "open." + l.Stream + "." + l.Durable }

// begin notes that the loop runs and whether the last one ended by a crash.
// Another replica that runs looks the same: then it costs carefulFor.
func (l *loop) begin(ctx context.Context) error {
	for {
		_, err := l.suspects.Get(ctx, l.openKey())
		l.unclean = err == nil
		if errors.Is(err, ErrNotFound) {
			err = l.suspects.Put(ctx, l.openKey(), []byte("{}"))
		}
		if err == nil {
			return nil
		}
		if !sleep(ctx, reconnectWait) {
			return ctx.Err()
		}
	}
}

// end takes back what begin noted.
func (l *loop) end() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	if err := l.suspects.Delete(ctx, l.openKey()); err != nil {
		l.Log.Debug("cannot note an orderly end; the next start is careful", "durable", l.Durable, "err", err)
	}
}

// suspect tells whether an item is to be worked on alone.
func (l *loop) suspect(it *item) bool {
	if it.Deliveries > 1 {
		return true
	}
	if !l.unclean {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.careful.IsZero() {
		l.careful = time.Now().Add(carefulFor)
	}
	return time.Now().Before(l.careful)
}
