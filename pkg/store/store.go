// Package store keeps events where they can be found again: one interface, a
// home in each subfolder.
package store

import (
	"context"
	"errors"
	"iter"

	"tocsin/pkg/events"
)

// ErrNotFound: there is no event of that id.
var ErrNotFound = errors.New("event not found")

// ErrRefused marks an event that the store will never take. Any other error of
// Put means that the store is out of reach and the event may be tried again.
var ErrRefused = errors.New("refused by the store")

// Store keeps one document an event id: that of the highest revision.
type Store interface {
	// Put writes a batch and gives a verdict for each event, as long as batch:
	// nil = it is on disk, or one of the same or a higher revision already was.
	Put(ctx context.Context, batch []*events.Event) []error
	// Get reads one event; ErrNotFound if there is none.
	Get(ctx context.Context, id string) (*events.Event, error)
	// All gives every event, oldest first by time, then id.
	All(ctx context.Context) iter.Seq2[*events.Event, error]
	// Close closes it; what was put stays.
	Close() error
}
