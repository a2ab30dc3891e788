package indexer

import (
	"context"
	"errors"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
	"tocsin/pkg/store"
)

// handle stores a batch. What is no event, or what the store will never take,
// goes to DEAD; any other failure is the store's, and no fault of the messages.
func (s *Service) handle(ctx context.Context, batch []*bus.Delivery) []error {
	verdicts := make([]error, len(batch))
	var (
		list  []*events.Event
		index []int // of each event in batch
	)
	for i, d := range batch {
		e, err := events.Decode(d.Data)
		if err != nil {
			verdicts[i] = bus.Reject(err)
			continue
		}
		list, index = append(list, e), append(index, i)
	}
	if len(list) == 0 {
		return verdicts
	}
	for i, err := range s.write(ctx, list) {
		switch {
		case err == nil:
			s.metrics.success.Inc()
		case errors.Is(err, store.ErrRefused):
			s.metrics.errors.Inc()
			verdicts[index[i]] = bus.Reject(err)
		default:
			s.metrics.errors.Inc()
			verdicts[index[i]] = bus.Unavailable(err)
		}
	}
	return verdicts
}

// write gives a verdict for each event.
func (s *Service) write(ctx context.Context, list []*events.Event) []error {
	if err := s.open(); err != nil {
		verdicts := make([]error, len(list))
		for i := range verdicts {
			verdicts[i] = err
		}
		return verdicts
	}
	started := time.Now()
	defer func() { s.metrics.seconds.Observe(time.Since(started).Seconds()) }()
	return s.store.Put(ctx, list)
}
