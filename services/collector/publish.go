package collector

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

// Publisher is where events go. Publish returns nil when all messages are on
// the broker's disk, in order; it waits for a broker that is full or away.
type Publisher interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Limits of one call of Publish.
const (
	maxBatch      = 200
	maxBatchBytes = 4 << 20
)

// publishing sends the events of all files.
type publishing struct {
	to      Publisher
	metrics *metrics
	log     *slog.Logger
	wait    Waker
	// ctx ends a little after the collector is told to stop.
	ctx context.Context
}

// send returns nil when all events are on the broker's disk, and an error only
// when the collector stops: then nothing of it counts as sent.
func (p *publishing) send(list []*events.Event) error {
	for len(list) > 0 {
		msgs, n := batch(list, p.log)
		if err := p.untilSent(msgs); err != nil {
			return err
		}
		for _, e := range list[:n] {
			p.metrics.events.Inc()
			if e.Kind == events.KindKernel {
				p.metrics.traces.Inc()
				p.metrics.traceSeverity.Set(e.Severity)
			}
		}
		list = list[n:]
	}
	return nil
}

// untilSent tries until it succeeds or the collector stops.
func (p *publishing) untilSent(msgs []bus.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	for delay := time.Second; ; delay = min(2*delay, 30*time.Second) {
		err := p.to.Publish(p.ctx, msgs...)
		if err == nil {
			return nil
		}
		if p.ctx.Err() != nil {
			return fmt.Errorf("cannot publish %d events before the stop: %w", len(msgs), err)
		}
		p.metrics.errors.Inc()
		p.log.Error("cannot publish events, reading waits", "events", len(msgs), "error", err)
		if err := p.wait.Wait(p.ctx, delay); err != nil {
			return err
		}
	}
}

// batch encodes the first events of the list, as many as one call may hold.
func batch(list []*events.Event, log *slog.Logger) ([]bus.Message, int) {
	var msgs []bus.Message
	size := 0
	for i, e := range list {
		if len(msgs) == maxBatch || size > maxBatchBytes {
			return msgs, i
		}
		data, err := events.Fit(e, events.MaxCollected)
		if err != nil { // cannot happen: every part of an event is bounded
			log.Error("cannot encode an event", "file", e.File, "offset", e.Offset, "error", err)
			continue
		}
		size += len(data)
		msgs = append(msgs, bus.Message{Subject: bus.SubjectRaw, ID: bus.MsgID(bus.SubjectRaw, e.ID, ""), Data: data})
	}
	return msgs, len(list)
}
