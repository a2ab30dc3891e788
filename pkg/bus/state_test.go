package bus_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
)

func TestKV(t *testing.T) {
	c := bustest.New(t)
	ctx := t.Context()
	kv, err := c.KV(ctx, bus.BucketAlerts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(ctx, "a"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("Get of nothing: %v", err)
	}
	if err := kv.Create(ctx, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := kv.Create(ctx, "a", []byte("2")); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("second Create: %v", err)
	}
	if err := kv.Put(ctx, "group.b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	all, err := kv.All(ctx, "group.")
	if err != nil || len(all) != 1 || all[0].Key != "group.b" || string(all[0].Value) != "x" {
		t.Fatalf("All: %v, %v", all, err)
	}
	for range 2 {
		if err := kv.Delete(ctx, "group.b"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kv.Get(ctx, "group.b"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("Get of a deleted key: %v", err)
	}
	if all, err = kv.All(ctx, ""); err != nil || len(all) != 1 {
		t.Fatalf("All after Delete: %v, %v", all, err)
	}
}

func TestKVWriteIsAllOrNothing(t *testing.T) {
	c := bustest.New(t)
	ctx := t.Context()
	kv, err := c.KV(ctx, bus.BucketAlerts)
	if err != nil {
		t.Fatal(err)
	}
	changes := make([]bus.Change, bus.MaxChanges)
	for i := range changes {
		changes[i] = bus.Change{Key: fmt.Sprintf("group.%d", i), Value: []byte("1")}
	}
	revisions, err := kv.Write(ctx, changes)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 500, 999} {
		e, err := kv.Get(ctx, changes[i].Key)
		if err != nil || e.Revision != revisions[i] {
			t.Fatalf("key %d stands at %d, Write said %d (%v)", i, e.Revision, revisions[i], err)
		}
	}
	// One key was changed by somebody else: none is written.
	if err := kv.Put(ctx, "group.7", []byte("other")); err != nil {
		t.Fatal(err)
	}
	for i := range changes {
		changes[i].Value, changes[i].Revision = []byte("2"), revisions[i]
	}
	if _, err := kv.Write(ctx, changes); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("Write over another's change: %v", err)
	}
	if e, err := kv.Get(ctx, "group.6"); err != nil || string(e.Value) != "1" {
		t.Fatalf("group.6 is %q after a refused batch (%v)", e.Value, err)
	}
	if _, err := kv.Write(ctx, changes[:1]); err != nil {
		t.Fatalf("a single change: %v", err)
	}
	if _, err := kv.Write(ctx, changes[:1]); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("a single stale change: %v", err)
	}
	if _, err := kv.Write(ctx, make([]bus.Change, bus.MaxChanges+1)); err == nil {
		t.Fatal("more changes than a batch holds were taken")
	}
	if _, err := kv.Write(ctx, []bus.Change{{Key: "group.1", Revision: revisions[1]}, {Key: "new", Value: []byte("n")}}); err != nil {
		t.Fatalf("a delete in a batch: %v", err)
	}
	if _, err := kv.Get(ctx, "group.1"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("Get after a delete in a batch: %v", err)
	}
}

func TestApplyTwiceChangesNothingAndRefusesNewerLayouts(t *testing.T) {
	c := bustest.New(t)
	publish(t, c, raw(0, 5)...)
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	if got := len(collect(t, c, 5)); got != 5 {
		t.Fatalf("%d messages after a second Apply, want 5", got)
	}
	for _, tt := range []struct {
		name   string
		change func(*bus.ApplyOptions)
	}{
		{"no size", func(o *bus.ApplyOptions) { o.RawMaxBytes = 0 }},
		{"unknown service", func(o *bus.ApplyOptions) { o.States = map[string]bus.State{"baker": {}} }},
		{"bad channel", func(o *bus.ApplyOptions) { o.Channels = []string{"a.b"} }},
	} {
		o := bustest.Defaults()
		tt.change(&o)
		if err := c.Apply(t.Context(), o); err == nil {
			t.Errorf("%s: applied", tt.name)
		}
	}
	if err := c.SetLayout(t.Context(), 99); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), bustest.Defaults()); err == nil {
		t.Error("a newer layout was overwritten")
	}
}

func TestDetachAndAttach(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	var running atomic.Bool
	told := make(chan bus.State, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- c.WhileAttached(ctx, "masker", func(s bus.State) { told <- s }, func(ctx context.Context) error {
			running.Store(true)
			<-ctx.Done()
			running.Store(false)
			return nil
		})
	}()
	if s := <-told; !s.Attached {
		t.Fatal("told that the masker is detached")
	}
	publish(t, c, raw(0, 5)...)
	o := bustest.Defaults()
	o.States["masker"] = bus.State{Reason: "off"}
	if err := c.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if s := <-told; s.Attached || s.Reason != "off" {
		t.Fatalf("told %+v", s)
	}
	eventually(t, "it stopped", func() bool { return !running.Load() })
	publish(t, c, raw(5, 5)...)
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	if s := <-told; !s.Attached {
		t.Fatal("told that it is still detached")
	}
	publish(t, c, raw(10, 1)...)
	if got := collect(t, c, 1); got[0] != "000010" {
		t.Errorf("attached again it starts at %s, want what came after", got[0])
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestWhileAttachedGivesTheErrorOfItsWork(t *testing.T) {
	c := bustest.New(t)
	broken := errors.New("broken")
	err := c.WhileAttached(t.Context(), "masker", func(bus.State) {}, func(context.Context) error { return broken })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
}

func TestSetDown(t *testing.T) {
	c := bustest.New(t)
	for _, down := range []bool{true, true, false} {
		if err := c.SetDown(t.Context(), "analyzer", down); err != nil {
			t.Fatal(err)
		}
		states, err := c.States(t.Context())
		if err != nil || states["analyzer"].Down != down || !states["analyzer"].Attached {
			t.Fatalf("%+v, %v", states, err)
		}
		if got := slices.Sorted(maps.Keys(states)); len(got) != 4 {
			t.Fatalf("states of %v", got)
		}
		if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
			t.Fatal(err)
		}
		if states, err = c.States(t.Context()); err != nil || states["analyzer"].Down != down {
			t.Fatalf("after Apply: %+v, %v", states, err)
		}
	}
}

func TestLeadOneAtATime(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	var leading, most atomic.Int64
	led := make(chan string, 10)
	lead := func(ctx context.Context, holder string) chan error {
		ended := make(chan error, 1)
		go func() {
			ended <- c.Lead(ctx, "alerter", holder, func(ctx context.Context) error {
				most.Store(max(most.Load(), leading.Add(1)))
				led <- holder
				<-ctx.Done()
				leading.Add(-1)
				return nil
			})
		}()
		return ended
	}
	ctxA, stopA := context.WithCancel(t.Context())
	endedA := lead(ctxA, "a")
	if <-led != "a" {
		t.Fatal("a does not lead")
	}
	ctxB, stopB := context.WithCancel(t.Context())
	defer stopB()
	endedB := lead(ctxB, "b")
	from := time.Now()
	stopA()
	if err := <-endedA; err != nil {
		t.Fatal(err)
	}
	if <-led != "b" {
		t.Fatal("b does not take over")
	}
	if took := time.Since(from); took > 2500*time.Millisecond {
		t.Errorf("b took over %s after an orderly stop of a", took)
	}
	// A third that finds its own name goes on at once; b is told by the conflict.
	ctxC, stopC := context.WithCancel(t.Context())
	defer stopC()
	endedC := lead(ctxC, "b")
	<-led
	stopC()
	stopB()
	for _, ended := range []chan error{endedB, endedC} {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestLeadTakesOverFromTheDead(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	kv, err := c.KV(t.Context(), bus.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Create(t.Context(), "alerter", []byte("dead")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("done")
	from := time.Now()
	err = c.Lead(t.Context(), "alerter", "b", func(context.Context) error { return broken })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if took := time.Since(from); took < 3*time.Second {
		t.Errorf("took over after %s, before the lease ran out", took)
	}
}

func TestLeadStandsByAgainAfterALoss(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	kv, err := c.KV(t.Context(), bus.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	led := make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- c.Lead(ctx, "alerter", "a", func(ctx context.Context) error {
			led <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-led
	if err := kv.Put(t.Context(), "alerter", []byte("another")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-led:
	case err := <-ended:
		t.Fatalf("the loss of the lease ended it: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Two that go by the same name don't take each other's renewals for their own.
func TestLeadOfTheSameNameIsTakenOver(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	led, lost := make(chan int, 10), make(chan int, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 2)
	lead := func(i int) {
		ended <- c.Lead(ctx, "alerter", "a", func(ctx context.Context) error {
			led <- i
			<-ctx.Done()
			lost <- i
			return nil
		})
	}
	go lead(1)
	<-led
	go lead(2)
	if got := <-led; got != 2 {
		t.Fatalf("%d leads, want the one that started anew", got)
	}
	select {
	case got := <-lost:
		if got != 1 {
			t.Errorf("%d lost the lease, want the first", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("both lead")
	}
	cancel()
	<-ended
	<-ended
}
