package alerter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

var errCrash = errors.New("the process ends here")

// faults decides before each step whether it fails: not at all, before its
// effect or after it.
type faults func() (before, after bool)

func noFaults() (bool, bool) { return false, false }

// fakeBucket is a bucket in memory.
type fakeBucket struct {
	entries map[string]bus.Entry
	last    uint64
	faults  faults
	writes  int
	largest int
}

func newFakeBucket() *fakeBucket {
	return &fakeBucket{entries: map[string]bus.Entry{}, faults: noFaults}
}

func (b *fakeBucket) Get(_ context.Context, key string) (bus.Entry, error) {
	if before, _ := b.faults(); before {
		return bus.Entry{}, errCrash
	}
	e, ok := b.entries[key]
	if !ok {
		return e, bus.ErrNotFound
	}
	return e, nil
}

func (b *fakeBucket) All(_ context.Context, prefix string) ([]bus.Entry, error) {
	if before, _ := b.faults(); before {
		return nil, errCrash
	}
	var list []bus.Entry
	for key, e := range b.entries {
		if strings.HasPrefix(key, prefix) {
			list = append(list, e)
		}
	}
	return list, nil
}

func (b *fakeBucket) Write(_ context.Context, changes []bus.Change) ([]uint64, error) {
	before, after := b.faults()
	if before {
		return nil, errCrash
	}
	if len(changes) > bus.MaxChanges {
		return nil, errors.New("too many changes")
	}
	for _, c := range changes {
		if b.entries[c.Key].Revision != c.Revision {
			return nil, bus.ErrConflict
		}
	}
	b.writes++
	b.largest = max(b.largest, len(changes))
	revisions := make([]uint64, len(changes))
	for i, c := range changes {
		b.last++
		revisions[i] = b.last
		if c.Value == nil {
			delete(b.entries, c.Key)
		} else {
			b.entries[c.Key] = bus.Entry{Key: c.Key, Value: slices.Clone(c.Value), Revision: b.last}
		}
	}
	if after {
		return nil, errCrash
	}
	return revisions, nil
}

// fakeOutbox is the stream NOTIFY with its duplicate window.
type fakeOutbox struct {
	queue  []bus.Message
	seen   map[string]bool
	faults faults
}

func newFakeOutbox() *fakeOutbox { return &fakeOutbox{seen: map[string]bool{}, faults: noFaults} }

func (o *fakeOutbox) Publish(_ context.Context, msgs ...bus.Message) error {
	before, after := o.faults()
	if before {
		return errCrash
	}
	for _, m := range msgs {
		if !o.seen[m.ID] {
			o.seen[m.ID] = true
			o.queue = append(o.queue, m)
		}
	}
	if after {
		return errCrash
	}
	return nil
}

// fakeChannel notes what it was given and answers as it is told.
type fakeChannel struct {
	name string
	got  []Notification
	// answers are given one after another, then nil.
	answers []error
}

func (c *fakeChannel) Name() string { return c.name }

func (c *fakeChannel) Send(_ context.Context, n *Notification) error {
	c.got = append(c.got, *n)
	if len(c.answers) == 0 {
		return nil
	}
	err := c.answers[0]
	c.answers = c.answers[1:]
	return err
}

func testMetrics() *metrics { return newMetrics(prometheus.NewRegistry()) }

func newTestLedger(kv bucket, out outbox, now *time.Time) *ledger {
	return &ledger{
		rules: rules{ttl: 5 * time.Minute}, kv: kv, outbox: out, channels: []string{channelTerminal},
		now:     func() time.Time { return *now },
		waiting: func(context.Context) waiting { return waiting{} },
		metrics: testMetrics(), wake: make(chan struct{}, 1),
	}
}

func delivery(t testing.TB, e *events.Event) *bus.Delivery {
	t.Helper()
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	subject := bus.SubjectMasked
	if e.Analysis != nil {
		subject = bus.SubjectAnalyzed
	}
	return &bus.Delivery{Subject: subject, Data: data, Deliveries: 1}
}
