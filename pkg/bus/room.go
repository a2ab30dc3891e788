package bus

import (
	"context"
	"errors"
	"time"
)

// eventsReserve is the share of EVENTS that is kept for events.analyzed: were
// it filled with events.masked to the brim, the analyzer could not publish what
// would let them go.
const eventsReserve = 0.10

// roomAge is how long a look at the stream's fill holds.
const roomAge = 500 * time.Millisecond

var errReserved = errors.New("EVENTS is full but for the part kept for analyses")

// room knows how much events.masked may still take of EVENTS. A publisher uses
// it from one goroutine.
type room struct {
	conn   *Conn
	looked time.Time
	left   int64
}

// await gives an error while a batch of size bytes on subject would reach into
// the reserve.
func (r *room) await(ctx context.Context, subject string, size int) error {
	if subject != SubjectMasked {
		return nil
	}
	if time.Since(r.looked) > roomAge || r.left < int64(size) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		stream, err := r.conn.js.Stream(ctx, StreamEvents)
		if err != nil {
			return err
		}
		info := stream.CachedInfo()
		r.looked = time.Now()
		if info.Config.MaxBytes <= 0 {
			r.left = 1 << 62
		} else {
			r.left = int64(float64(info.Config.MaxBytes)*(1-eventsReserve)) - int64(info.State.Bytes)
		}
	}
	if r.left < int64(size) {
		return errReserved
	}
	r.left -= int64(size)
	return nil
}
