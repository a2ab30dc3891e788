package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// janitorPace is how often RAW and EVENTS are trimmed: unmasked text leaves the
// broker's stream within a second after it was masked.
const janitorPace = time.Second

// trimAbove is the fill of a stream at which the keep time no longer counts.
const trimAbove = 0.80

// JanitorOptions are the replay windows.
type JanitorOptions struct {
	// RawKeep and EventsKeep say how long what everybody has read stays
	// replayable; 0 = not at all.
	RawKeep, EventsKeep time.Duration
	Log                 *slog.Logger
}

// Janitor trims RAW and EVENTS every second until ctx is done: what is older
// than the keep time, or above 80 % of the bytes, but never anything that an
// attached service has not acknowledged. Run it under a lease (Lead "janitor").
func (c *Conn) Janitor(ctx context.Context, o JanitorOptions) error {
	if o.Log == nil {
		o.Log = c.log
	}
	var said string
	for sleep(ctx, janitorPace) {
		err := errors.Join(
			c.trim(ctx, StreamRaw, o.RawKeep),
			c.trim(ctx, StreamEvents, o.EventsKeep),
		)
		switch {
		case err == nil:
			said = ""
		case ctx.Err() == nil && err.Error() != said:
			o.Log.Warn("cannot trim the streams; trying again", "err", err)
			said = err.Error()
		}
	}
	return nil
}

// trim purges the part of a stream that nobody needs any more.
func (c *Conn) trim(ctx context.Context, name string, keep time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// The states come first, then the stream, then the floors: a service that is
	// detached in between keeps everything for one more round.
	states, err := c.States(ctx)
	if err != nil {
		return err
	}
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("cannot trim %s: %w", name, err)
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	floor, err := c.lowestFloor(ctx, name, states, state.LastSeq)
	if err != nil {
		return err
	}
	upTo := floor
	if keep > 0 {
		full := float64(state.Bytes) > trimAbove*float64(stream.CachedInfo().Config.MaxBytes)
		if upTo, err = c.windowStart(ctx, stream, state, keep, full); err != nil {
			return err
		}
		upTo = min(upTo, floor)
	}
	if upTo < state.FirstSeq {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return fmt.Errorf("cannot trim %s: %w", name, err)
	}
	return nil
}

// lowestFloor is the last sequence that every attached service has
// acknowledged, with everything before it. last is the stream's last sequence,
// read before.
func (c *Conn) lowestFloor(ctx context.Context, stream string, states map[string]State, last uint64) (uint64, error) {
	lowest, found := last, false
	for service, where := range durableOf {
		if where.stream != stream || !states[service].Attached {
			continue
		}
		consumer, err := c.js.Consumer(ctx, stream, service)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return 0, nil // attached but not made yet: everything is unread
		}
		if err != nil {
			return 0, fmt.Errorf("cannot trim %s: %w", stream, err)
		}
		found = true
		// Only the floor tells what was read: the broker counts what is pending
		// a moment after it stored it, so "nothing is pending" may be wrong.
		floor := consumer.CachedInfo().AckFloor.Stream
		if floor < last {
			// Messages of subjects it does not read don't move its floor.
			unread, err := c.lastOf(ctx, stream, where.subjects)
			if err != nil {
				return 0, err
			}
			if unread <= floor {
				floor = last
			}
		}
		lowest = min(lowest, floor)
	}
	if !found && stream == StreamRaw {
		return 0, nil // nobody has masked anything
	}
	return lowest, nil
}

// lastOf gives the last sequence of some subjects, 0 if there is none. It asks
// the stream's leader: another replica may not know the newest message yet.
func (c *Conn) lastOf(ctx context.Context, stream string, subjects []string) (uint64, error) {
	var last uint64
	for _, subject := range subjects {
		request, err := json.Marshal(map[string]string{"last_by_subj": subject})
		if err != nil {
			return 0, err
		}
		reply, err := c.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
		if err != nil {
			return 0, fmt.Errorf("cannot trim %s: %w", stream, err)
		}
		var found struct {
			Message struct {
				Seq uint64 `json:"seq"`
			} `json:"message"`
			Error *jetstream.APIError `json:"error"`
		}
		if err := json.Unmarshal(reply.Data, &found); err != nil {
			return 0, fmt.Errorf("cannot trim %s: %w", stream, err)
		}
		if found.Error != nil && found.Error.ErrorCode != jetstream.JSErrCodeMessageNotFound {
			return 0, fmt.Errorf("cannot trim %s: %w", stream, found.Error)
		}
		last = max(last, found.Message.Seq)
	}
	return last, nil
}

// windowStart is the last sequence that is outside the replay window: by age,
// or, in a full stream, the oldest fifth of its messages.
func (c *Conn) windowStart(ctx context.Context, stream jetstream.Stream, state jetstream.StreamState, keep time.Duration, full bool) (uint64, error) {
	cutoff := time.Now().Add(-keep)
	byAge := state.FirstSeq - 1
	if state.FirstTime.Before(cutoff) {
		var err error
		if byAge, err = lastBefore(ctx, stream, state.FirstSeq, state.LastSeq, cutoff); err != nil {
			return 0, err
		}
	}
	if full {
		return max(byAge, state.FirstSeq+(state.LastSeq-state.FirstSeq)/5), nil
	}
	return byAge, nil
}

// lastBefore finds, by halving, the last sequence stored before cutoff.
func lastBefore(ctx context.Context, stream jetstream.Stream, first, last uint64, cutoff time.Time) (uint64, error) {
	low, high := first-1, last // low is before the cutoff (or before first), above high nothing is
	for low < high {
		middle := low + (high-low+1)/2
		msg, err := stream.GetMsg(ctx, middle)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			// A hole: decide by nothing but position, towards keeping more.
			high = middle - 1
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("cannot read the age of a message: %w", err)
		}
		if msg.Time.Before(cutoff) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}
