package masker

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
	"tocsin/pkg/fingerprint"
)

// decode reads an event that was not masked yet. What it refuses no further
// try can change.
func decode(d *bus.Delivery) (*events.Event, error) {
	e, err := events.Decode(d.Data)
	if err != nil {
		return nil, err
	}
	if run := d.Run(); run != "" {
		n, err := strconv.ParseInt(run, 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("cannot read message %d of %s: header %s is no number", d.Sequence, bus.StreamRaw, bus.HeaderRun)
		}
		e.Revision = 2 * n
	}
	return e, nil
}

// maskEvent masks an event of size bytes and names its problem. An event that
// takes too long or is too big is masked coarsely; every other failure is
// an error, and the event must not be passed on.
func (s *Service) maskEvent(ctx context.Context, e *events.Event, size int64) error {
	e.Masked = nil
	if size > events.MaxEncoded {
		coarsen(e, "it is too big")
	}
	headline := *e // masking changes e step by step
	if e.Kernel != nil {
		kernel := *e.Kernel
		headline.Kernel = &kernel
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	err := s.masker.EventContext(limited, e)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		*e = headline
		coarsen(e, "masking it took too long")
		err = s.masker.EventContext(ctx, e)
	}
	if err != nil {
		return err
	}
	e.Fingerprint = fingerprint.Of(e)
	e.Group = events.NewGroup(e.Fingerprint)
	return nil
}

// maxCoarse is how much of a headline is left in an event masked coarsely.
const maxCoarse = 256

// coarsen drops everything that is long: body, context, fields, frames and what
// a kernel report tells beside its title. The text says so.
func coarsen(e *events.Event, why string) {
	dropped := len(e.Body)
	e.TruncatedBytes += int64(dropped)
	e.Body = fmt.Sprintf("… %d bytes and the context dropped: %s …", dropped, why)
	e.Before, e.After, e.Fields, e.Frames, e.Tags = nil, nil, nil, nil, nil
	e.Analysis = nil
	if k := e.Kernel; k != nil {
		e.Kernel = &events.Kernel{Title: events.CutEnd(k.Title, maxCoarse), Type: events.CutEnd(k.Type, maxCoarse)}
	}
	for _, text := range []*string{&e.Message, &e.Class, &e.SeverityReason, &e.Rule, &e.Level, &e.Language, &e.Host} {
		*text = events.CutEnd(*text, maxCoarse)
	}
	if len(e.File) > 4<<10 { // longer than a path can be
		e.File = events.CutEnd(e.File, maxCoarse)
	}
}
