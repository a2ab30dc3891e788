package alerter

import (
	"fmt"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
)

// openGroups is how many groups are open while the fold is measured.
const openGroups = 10_000

func eventsOf(groups, n int) []*events.Event {
	w := &walk{}
	list := make([]*events.Event, n)
	for i := range list {
		list[i] = w.event(fmt.Sprint(i%groups), 6)
	}
	return list
}

// BenchmarkFold folds decoded events in batches, one draft each.
func BenchmarkFold(b *testing.B) {
	s, r := newState(), rules{ttl: time.Hour}
	commit := func(d *draft) {
		changes, err := d.changes()
		if err != nil {
			b.Fatal(err)
		}
		d.commit(changes, make([]uint64, len(changes)))
		clear(s.notices)
	}
	for _, e := range eventsOf(openGroups, openGroups) {
		d := s.draft()
		d.fold(r, e, start, waiting{})
		commit(d)
	}
	list := eventsOf(openGroups, openGroups+b.N)[openGroups:]
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < len(list); {
		d := s.draft()
		for n := 0; n < foldBatch && i < len(list) && !d.full(); n++ {
			d.fold(r, list[i], start, waiting{})
			i++
		}
		commit(d)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkTick looks for what is due among the open groups.
func BenchmarkTick(b *testing.B) {
	s, r := newState(), rules{ttl: time.Hour}
	for _, e := range eventsOf(openGroups, openGroups) {
		d := s.draft()
		d.fold(r, e, start, waiting{})
		d.commit(nil, nil)
	}
	clear(s.notices)
	for b.Loop() {
		d := s.draft()
		d.tick(r, start, waiting{}, true)
		if len(d.groups) > 0 {
			b.Fatal("something was due")
		}
	}
}

// BenchmarkPersist takes encoded events to state on a real broker's disk.
func BenchmarkPersist(b *testing.B) {
	kv, err := bustest.New(b).KV(b.Context(), bus.BucketAlerts)
	if err != nil {
		b.Fatal(err)
	}
	now := start
	l := newTestLedger(kv, newFakeOutbox(), &now)
	var list []*bus.Delivery
	for _, e := range eventsOf(1000, b.N) {
		list = append(list, delivery(b, e))
	}
	b.ResetTimer()
	for i := 0; i < len(list); i += foldBatch {
		for _, err := range l.handle(b.Context(), list[i:min(i+foldBatch, len(list))]) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
