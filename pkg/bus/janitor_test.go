package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
)

func TestJanitorTrimsWhatEverybodyHasRead(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	publish(t, c, raw(0, 60)...)
	collect(t, c, 60)
	publish(t, c, raw(60, 40)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Janitor(ctx, bus.JanitorOptions{}) }()
	left := func() uint64 {
		n, err := c.StreamMessages(t.Context(), bus.StreamRaw)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "60 are trimmed", func() bool { return left() == 40 })
	collect(t, c, 40)
	eventually(t, "all are trimmed", func() bool { return left() == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestJanitorKeepsTheWindowAndTheUnread(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	for i := range 50 {
		m := bus.Message{Subject: bus.SubjectMasked, ID: fmt.Sprint(i), Data: []byte("x")}
		if err := p.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	trim := func(keep time.Duration) uint64 {
		if err := c.Trim(t.Context(), bus.StreamEvents, keep); err != nil {
			t.Fatal(err)
		}
		n, err := c.StreamMessages(t.Context(), bus.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := trim(time.Nanosecond); got != 50 {
		t.Fatalf("%d left of 50 that nobody has read", got)
	}
	for _, service := range []string{"analyzer", "indexer", "alerter"} {
		var n atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Consume(ctx, bus.ConsumeOptions{Stream: bus.StreamEvents, Durable: service, Service: service, Batch: 100,
			Handle: bus.Each(func(context.Context, *bus.Delivery) error {
				if n.Add(1) == 50 {
					cancel()
				}
				return nil
			})})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		want := uint64(50)
		if service == "alerter" {
			want = 0
		}
		if got := trim(time.Nanosecond); got != want {
			t.Errorf("after the %s: %d left, want %d", service, got, want)
		}
	}
	if err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectMasked, ID: "new", Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if got := trim(time.Hour); got != 1 {
		t.Errorf("%d left inside the window, want 1", got)
	}
}

// What nobody has read stays, however the janitor and the publisher meet: the
// broker counts what is pending a moment after it stored it.
func TestJanitorNeverTrimsTheUnread(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	var s seen
	k := start(t, c, bus.ConsumeOptions{Batch: 100, Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 3 {
		go func() {
			for ctx.Err() == nil {
				_ = c.Trim(ctx, bus.StreamRaw, 0)
			}
		}()
	}
	p := c.NewPublisher()
	defer p.Close()
	sent := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		n := 1 + sent%40
		if err := p.Publish(ctx, raw(sent, n)...); err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	eventually(t, "all are handled", func() bool { return s.len() == sent })
	cancel()
	k.stop(t)
}

// A subject that the analyzer does not read, and a service that starts at now,
// don't keep what the others have read.
func TestJanitorTrimsBehindTheLastOfASubject(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	ctx := t.Context()
	trimmed := func(want uint64, when string) {
		t.Helper()
		if err := c.Trim(ctx, bus.StreamEvents, time.Nanosecond); err != nil {
			t.Fatal(err)
		}
		if n, err := c.StreamMessages(ctx, bus.StreamEvents); err != nil || n != want {
			t.Errorf("%s: %d left, want %d (%v)", when, n, want, err)
		}
	}
	read := func(service string, n int64) {
		t.Helper()
		var got atomic.Int64
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := c.Consume(ctx, bus.ConsumeOptions{Stream: bus.StreamEvents, Durable: service, Service: service, Batch: 100,
			Handle: bus.Each(func(context.Context, *bus.Delivery) error {
				if got.Add(1) == n {
					cancel()
				}
				return nil
			})}); err != nil {
			t.Fatal(err)
		}
	}
	send := func(subject string, n int) {
		for i := range n {
			publish(t, c, bus.Message{Subject: subject, ID: fmt.Sprint(subject, i, time.Now().UnixNano()), Data: []byte("x")})
		}
	}
	send(bus.SubjectMasked, 3)
	send(bus.SubjectAnalyzed, 2)
	read("indexer", 5)
	read("alerter", 5)
	trimmed(5, "before the analyzer has read")
	read("analyzer", 3)
	trimmed(0, "after all have read")
	send(bus.SubjectMasked, 1)
	read("analyzer", 1)
	read("indexer", 1)
	o := bustest.Defaults()
	o.States["alerter"] = bus.State{Reason: "off"}
	if err := c.Apply(ctx, o); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(ctx, bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	trimmed(0, "after the alerter was attached again at now")
	send(bus.SubjectMasked, 1)
	read("analyzer", 1)
	read("indexer", 1)
	trimmed(1, "while the alerter has not read what came since")
}
