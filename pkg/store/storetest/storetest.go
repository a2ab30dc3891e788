// Package storetest holds what every home of the store must do. A home passes
// Run in its own tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tocsin/pkg/events"
	"tocsin/pkg/store"
)

// day is the time of the events made here.
var day = time.Date(2026, 3, 14, 15, 9, 26, 535_897_932, time.UTC)

// Event makes an event of a number and a revision; a higher number is later.
func Event(n int, revision int64) *events.Event {
	return &events.Event{
		ID:       events.NewID("generation", int64(n)),
		Host:     "web-1",
		Time:     day.Add(time.Duration(n) * time.Second),
		Kind:     events.KindLog,
		Severity: 5.5,
		Message:  fmt.Sprintf("余额 query %d failed at <TASK>", n),
		Revision: revision,
		Group:    events.NewGroup(fmt.Sprint(n % 7)),
	}
}

// Run runs the suite; open gives a new, empty store, closed by the suite.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	run := func(name string, f func(t *testing.T, s store.Store)) {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f(t, s)
		})
	}
	run("whole event", wholeEvent)
	run("highest revision stays", highestRevision)
	run("same event twice in a batch", twiceInABatch)
	run("one refused among others", oneRefused)
	run("not found", notFound)
	run("empty batch", emptyBatch)
	run("oldest first", oldestFirst)
	run("more than a page", manyEvents)
	run("stop in the middle", stopInTheMiddle)
	run("read while writing", readWhileWriting)
	run("cancelled", cancelled)
	run("close twice", func(t *testing.T, s store.Store) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Put writes events and fails the test if one is not stored.
func Put(t testing.TB, s store.Store, batch ...*events.Event) {
	t.Helper()
	verdicts := s.Put(context.Background(), batch)
	if len(verdicts) != len(batch) {
		t.Fatalf("%d verdicts for %d events", len(verdicts), len(batch))
	}
	if err := errors.Join(verdicts...); err != nil {
		t.Fatal(err)
	}
}

// IDs gives the ids of all events in their order.
func IDs(t testing.TB, s store.Store) []string {
	t.Helper()
	var ids []string
	for e, err := range s.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func get(t *testing.T, s store.Store, id string) *events.Event {
	t.Helper()
	e, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wholeEvent(t *testing.T, s store.Store) {
	cpu := 3
	e := Event(1, 1)
	e.Body, e.Before, e.Tags = "a\n\tb\x00‹ip:k3v9x2m8›", []string{"x"}, []string{"oom"}
	e.Frames = []events.Frame{{Function: "do_exit", Offset: "0x1a", Module: "ext4"}}
	e.Kernel = &events.Kernel{Title: "hung task", CPU: &cpu, Registers: map[string]string{"RIP": "0010"}}
	e.Fields, e.Masked = map[string]string{"k": "v"}, map[string]int{"ip": 1}
	e.Analysis = &events.Analysis{RootCause: "磁盘满", Confidence: 80, Claims: []events.Claim{{Text: "c", Lines: []int{1}, Grounded: true}}}
	Put(t, s, e)
	if got := get(t, s, e.ID); !reflect.DeepEqual(got, e) {
		t.Fatalf("got %+v\nwant %+v", got, e)
	}
}

func highestRevision(t *testing.T, s store.Store) {
	for name, c := range map[string]struct {
		n      int
		writes []int64
	}{
		"masked, analysed":     {1, []int64{0, 1}},
		"analysed, masked":     {2, []int64{1, 0}},
		"replay of both":       {3, []int64{0, 1, 2, 3, 1, 0}},
		"replay before live":   {4, []int64{2, 0, 1}},
		"the same again":       {5, []int64{1, 1}},
		"late in another life": {6, []int64{0, 7, 3}},
	} {
		var highest int64
		for i, revision := range c.writes {
			e := Event(c.n, revision)
			e.Body = fmt.Sprintf("write %d", i)
			Put(t, s, e)
			highest = max(highest, revision)
		}
		want := fmt.Sprintf("write %d", slices.Index(c.writes, highest))
		if got := get(t, s, Event(c.n, 0).ID); got.Revision != highest || got.Body != want {
			t.Errorf("%s: got revision %d, %s; want %d, %s", name, got.Revision, got.Body, highest, want)
		}
	}
	if n := len(IDs(t, s)); n != 6 {
		t.Errorf("got %d events, want one an id", n)
	}
}

func twiceInABatch(t *testing.T, s store.Store) {
	Put(t, s, Event(1, 1), Event(2, 0), Event(1, 0), Event(2, 1))
	for n := 1; n <= 2; n++ {
		if got := get(t, s, Event(n, 0).ID); got.Revision != 1 {
			t.Errorf("event %d has revision %d", n, got.Revision)
		}
	}
}

func oneRefused(t *testing.T, s store.Store) {
	bad := Event(2, 0)
	bad.ID = ""
	verdicts := s.Put(t.Context(), []*events.Event{Event(1, 0), bad, Event(3, 0)})
	if len(verdicts) != 3 || verdicts[0] != nil || !errors.Is(verdicts[1], store.ErrRefused) || verdicts[2] != nil {
		t.Fatalf("got %v", verdicts)
	}
	if got := IDs(t, s); !slices.Equal(got, []string{Event(1, 0).ID, Event(3, 0).ID}) {
		t.Fatalf("got %v", got)
	}
}

func notFound(t *testing.T, s store.Store) {
	if e, err := s.Get(t.Context(), "nobody"); e != nil || !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, %v", e, err)
	}
}

func emptyBatch(t *testing.T, s store.Store) {
	if v := s.Put(t.Context(), nil); len(v) != 0 {
		t.Fatalf("got %v", v)
	}
	if ids := IDs(t, s); ids != nil {
		t.Fatalf("got %v", ids)
	}
}

func oldestFirst(t *testing.T, s store.Store) {
	var all []*events.Event
	for n := range 20 {
		e := Event(n, 0)
		e.Time = day.Add(time.Duration(n/2) * time.Nanosecond) // pairs of one time
		all = append(all, e)
	}
	all[4].Time = time.Time{}
	all[5].Time = time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC)
	shuffled := slices.Clone(all)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	Put(t, s, shuffled...)
	slices.SortFunc(all, func(a, b *events.Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	got := IDs(t, s)
	for i, e := range all {
		if got[i] != e.ID {
			t.Fatalf("place %d holds another event", i)
		}
	}
}

func manyEvents(t *testing.T, s store.Store) {
	const n = 2003
	var batch []*events.Event
	for i := range n {
		batch = append(batch, Event(i, 0))
	}
	Put(t, s, batch...)
	got := IDs(t, s)
	if len(got) != n {
		t.Fatalf("got %d events, want %d", len(got), n)
	}
	for i := range n {
		if got[i] != batch[i].ID {
			t.Fatalf("place %d holds another event", i)
		}
	}
}

func stopInTheMiddle(t *testing.T, s store.Store) {
	Put(t, s, Event(1, 0), Event(2, 0), Event(3, 0))
	n := 0
	for range s.All(t.Context()) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Fatalf("got %d", n)
	}
	Put(t, s, Event(4, 0)) // the iteration holds nothing
}

func readWhileWriting(t *testing.T, s store.Store) {
	Put(t, s, Event(1, 0), Event(2, 0))
	next := 100
	for _, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if next < 110 {
			Put(t, s, Event(next, 0))
			get(t, s, Event(next, 0).ID)
			next++
		}
	}
	if ids := IDs(t, s); len(ids) != next-100+2 {
		t.Fatalf("got %d events", len(ids))
	}
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Put(ctx, []*events.Event{Event(1, 0)}) {
		if err == nil || errors.Is(err, store.ErrRefused) {
			t.Errorf("got %v, want an error that lets the event be tried again", err)
		}
	}
	if _, err := s.Get(ctx, "x"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	failed := false
	for _, err := range s.All(ctx) {
		failed = failed || err != nil
	}
	if !failed {
		t.Error("reading went on")
	}
}
