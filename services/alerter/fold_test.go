package alerter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// walk drives the fold on a clock of its own and notes what rings.
type walk struct {
	t      *testing.T
	state  *state
	rules  rules
	wait   waiting
	offset int64
	// rung are the notifications so far, as "minute:second reason".
	rung []*notice
}

func newWalk(t *testing.T) *walk {
	return &walk{t: t, state: newState(), rules: rules{ttl: 5 * time.Minute}}
}

// event makes the next event of a file.
func (w *walk) event(group string, severity float64) *events.Event {
	w.offset += 100
	return &events.Event{ID: events.NewID("gen", w.offset), Generation: "gen", Offset: w.offset, Host: "web-1",
		Kind: events.KindLog, Group: group, Severity: severity, Message: "it broke: " + group, Body: "it broke\n",
		Time: start.Add(time.Duration(w.offset) * time.Millisecond)}
}

func (w *walk) at(after time.Duration, f func(d *draft, now time.Time)) {
	w.t.Helper()
	d := w.state.draft()
	f(d, start.Add(after))
	changes, err := d.changes()
	if err != nil {
		w.t.Fatal(err)
	}
	d.commit(changes, make([]uint64, len(changes)))
	list := w.state.unsent(0)
	w.rung = append(w.rung, list...)
	for _, n := range list {
		delete(w.state.notices, n.ID)
	}
}

func (w *walk) fold(after time.Duration, e *events.Event) {
	w.t.Helper()
	w.at(after, func(d *draft, now time.Time) { d.fold(w.rules, e, now, w.wait) })
}

func (w *walk) live(after time.Duration, severity float64) {
	w.t.Helper()
	w.fold(after, w.event("g", severity))
}

func (w *walk) backlog(after time.Duration, group string) {
	w.t.Helper()
	e := w.event(group, 6)
	e.Backlog = true
	w.fold(after, e)
}

func (w *walk) analysed(after time.Duration, severity float64, a events.Analysis) {
	w.t.Helper()
	e := w.event("g", severity)
	e.Analysis = &a
	w.at(after, func(d *draft, now time.Time) { d.attach(w.rules, e, now) })
}

func (w *walk) tick(after time.Duration) {
	w.t.Helper()
	w.at(after, func(d *draft, now time.Time) { d.tick(w.rules, now, w.wait, true) })
}

// want compares what rang since the last call, as "reason count".
func (w *walk) want(want ...string) {
	w.t.Helper()
	got := make([]string, len(w.rung))
	for i, n := range w.rung {
		got[i] = fmt.Sprintf("%s %d", n.Reason, n.Count)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("rang %q, want %q", got, want)
	}
	w.rung = nil
}

func (w *walk) group() *groupState {
	w.t.Helper()
	if len(w.state.groups) != 1 {
		w.t.Fatalf("%d groups, want one", len(w.state.groups))
	}
	for _, g := range w.state.groups {
		return g
	}
	return nil
}

// TestTiers walks each tier: the event times, then those that ring, in seconds.
func TestTiers(t *testing.T) {
	f := func(severity float64, times, want string) {
		t.Helper()
		w := newWalk(t)
		var got []string
		for _, field := range strings.Fields(times) {
			after, err := time.ParseDuration(field)
			if err != nil {
				t.Fatal(err)
			}
			if w.live(after, severity); len(w.rung) > 0 {
				got = append(got, field)
			}
			w.rung = nil
		}
		if strings.Join(got, " ") != want {
			t.Errorf("severity %v: rang at %q, want %q", severity, strings.Join(got, " "), want)
		}
	}
	f(9, "0s 1s 2s 3s 4s", "0s 1s 2s")
	f(8, "0s 1s 2s 5m1s 5m2s 5m3s", "0s 1s 2s 5m2s")
	f(8, "0s 1s 2s 5m1s 5m2s 10m1s 10m2s", "0s 1s 2s 5m2s 10m2s")
	f(7.9, "0s 1s 2s 3s 10m0s 10m1s 10m2s", "0s 1s 10m1s")
	f(5, "0s 1s 10m0s 20m0s 20m1s", "0s 1s 20m0s")
	f(4.9, "0s 1s 2s 3s 4s 5s 6s 7s 8s 9s 10s 11s", "0s 10s")
	f(1, "0s 10m 20m 29m59s 30m 31m", "0s 30m")
	f(0, "0s 1m 30m 31m 32m 33m 34m 35m 36m 37m 38m 39m 40m", "0s 30m 40m")
	// Closed and opened again: the memory is still there.
	f(9, "0s 1s 2s 8m 16m", "0s 1s 2s 8m 16m")
	f(6, "0s 1s 6m 12m", "0s 1s 12m")
	f(4, "0s 6m 12m 18m 24m 30m", "0s 30m")
	// The memory of a closed group lives 1 h after the TTL: 65 min.
	f(4, "0s 64m", "0s 64m")
	f(6, "0s 1s 64m 64m1s", "0s 1s 64m")
	f(6, "0s 1s 65m1s 65m2s 65m3s", "0s 1s 65m1s 65m2s")
	// A clock set back by a day silences nothing.
	f(6, "0s 1s -24h -24h", "0s 1s -24h")
}

func TestEverySixMinutesForADay(t *testing.T) {
	f := func(severity float64, want int) {
		t.Helper()
		for _, ticks := range []bool{false, true} {
			w := newWalk(t)
			for after := time.Duration(0); after < 24*time.Hour; after += 6 * time.Minute {
				w.live(after, severity)
				if ticks {
					w.tick(after + 5*time.Minute)
				}
			}
			if len(w.rung) != want {
				t.Errorf("severity %v, timers %v: rang %d times, want %d", severity, ticks, len(w.rung), want)
			}
		}
	}
	f(6, 121)
	f(3, 48)
	f(9, 240)
}

func TestRiseRingsAtOnce(t *testing.T) {
	w := newWalk(t)
	w.live(0, 4)
	w.live(time.Second, 4)
	w.want("first 1")
	w.live(2*time.Second, 6)
	w.want("rise 3")
	w.live(3*time.Second, 7)
	w.live(4*time.Second, 7)
	w.want("repeat 4")
	w.live(5*time.Second, 9)
	w.want("rise 6")
	if g := w.group(); g.Severity != 9 {
		t.Errorf("severity %v, want that of the worst event", g.Severity)
	}
	// The lesser kind is not new to whoever was told of the worse.
	w.tick(6 * time.Minute)
	w.live(7*time.Minute, 4)
	w.want()
}

func TestGroupFigures(t *testing.T) {
	w := newWalk(t)
	w.live(0, 6)
	w.live(time.Minute, 6)
	g := w.group()
	if g.State != StateOpen || g.Count != 2 || !g.FirstTime.Equal(start.Add(100*time.Millisecond)) ||
		!g.LastTime.Equal(start.Add(200*time.Millisecond)) || g.Host != "web-1" || g.Title != "it broke: g" {
		t.Fatalf("group %+v", g.Group)
	}
	if !g.NextDue.Equal(start.Add(11 * time.Minute)) {
		t.Errorf("next due %v", g.NextDue)
	}
	w.tick(6 * time.Minute)
	if g = w.group(); g.State != StateClosed {
		t.Errorf("state %s after the TTL", g.State)
	}
	w.tick(66 * time.Minute)
	if len(w.state.groups) != 0 {
		t.Errorf("%d groups are left after the memory's time", len(w.state.groups))
	}
}

func TestCountedOnce(t *testing.T) {
	w := newWalk(t)
	e := w.event("g", 4)
	for range 3 {
		w.fold(0, e)
	}
	if g := w.group(); g.Count != 1 {
		t.Errorf("count %d, want 1", g.Count)
	}
	w.want("first 1")
}

func TestHostsAreNeverMixed(t *testing.T) {
	w := newWalk(t)
	a, b := w.event("g", 4), w.event("g", 4)
	b.Host = "web-2"
	w.fold(0, a)
	w.fold(0, b)
	w.want("first 1", "first 1")
	c := w.event("", 4)
	c.Message = "no group of its own"
	w.fold(0, c)
	w.want("first 1")
	if len(w.state.groups) != 3 {
		t.Errorf("%d groups, want 3", len(w.state.groups))
	}
}

// TestQuickTick: a tick that closes nothing rings what waits.
func TestQuickTick(t *testing.T) {
	w := newWalk(t)
	w.wait = waiting{on: true, min: 3, most: 15 * time.Second}
	w.backlog(0, "b")
	w.wait.on = false
	w.live(0, 4)
	w.want("first 1")
	quick := func(after time.Duration) {
		w.at(after, func(d *draft, now time.Time) { d.tick(w.rules, now, w.wait, false) })
	}
	quick(time.Second)
	w.want()
	quick(4 * time.Second)
	w.want("backlog 1")
	quick(time.Hour)
	for _, g := range w.state.groups {
		if g.State != StateOpen {
			t.Errorf("a quick tick made a group %s", g.State)
		}
	}
}

func TestBacklogSummary(t *testing.T) {
	t.Run("after the host's quiet", func(t *testing.T) {
		w := newWalk(t)
		w.backlog(0, "g")
		w.backlog(time.Second, "g")
		w.tick(2400 * time.Millisecond)
		w.want()
		w.tick(2500 * time.Millisecond)
		w.want("backlog 2")
	})
	t.Run("other groups of the host keep it waiting, to 4 s", func(t *testing.T) {
		w := newWalk(t)
		w.backlog(0, "g")
		for i := range 6 {
			w.backlog(time.Duration(i)*time.Second, "other")
		}
		w.tick(3900 * time.Millisecond)
		w.want()
		w.tick(4 * time.Second)
		w.want("backlog 1", "backlog 6")
	})
	t.Run("exactly one, whatever comes later", func(t *testing.T) {
		w := newWalk(t)
		w.backlog(0, "g")
		w.tick(5 * time.Second)
		w.want("backlog 1")
		for i := range 20 {
			at := time.Duration(i+1) * time.Hour
			w.backlog(at, "g")
			w.tick(at + 10*time.Second)
		}
		w.want()
	})
	t.Run("live events start the usual tiers", func(t *testing.T) {
		w := newWalk(t)
		w.backlog(0, "g")
		w.tick(5 * time.Second)
		w.live(6*time.Second, 6)
		w.live(7*time.Second, 6)
		w.live(8*time.Second, 6)
		w.want("backlog 1", "repeat 2", "repeat 3")
	})
	t.Run("the worst event speaks", func(t *testing.T) {
		w := newWalk(t)
		w.backlog(0, "g")
		e := w.event("g", 9)
		e.Backlog = true
		w.fold(0, e)
		w.backlog(0, "g")
		w.tick(5 * time.Second)
		if n := w.rung[0]; n.Event.ID != e.ID || n.Severity != 9 || !n.Backlog {
			t.Errorf("the summary shows event %s of severity %v", n.Event.ID, n.Severity)
		}
		w.want("backlog 3")
	})
}

func TestAnalysis(t *testing.T) {
	answer := events.Analysis{RootCause: "the disk is full"}
	none := events.Analysis{UnanalysedReason: "budget"}
	begin := func(t *testing.T) *walk {
		w := newWalk(t)
		w.wait = waiting{on: true, min: 3, most: 15 * time.Second}
		return w
	}
	t.Run("the first waits and leaves with it", func(t *testing.T) {
		w := begin(t)
		w.live(0, 9)
		w.live(time.Second, 9)
		w.tick(2 * time.Second)
		w.want()
		w.analysed(3*time.Second, 9, answer)
		if len(w.rung) != 2 || w.rung[0].Analysis == nil || w.rung[1].Analysis == nil {
			t.Fatalf("rang %+v", w.rung)
		}
		w.want("first 1", "repeat 2")
		w.analysed(4*time.Second, 9, answer)
		w.live(5*time.Second, 9)
		w.want("repeat 3")
	})
	t.Run("no longer than it may", func(t *testing.T) {
		w := begin(t)
		w.live(0, 9)
		w.tick(14900 * time.Millisecond)
		w.want()
		w.tick(15 * time.Second)
		w.want("first 1")
		w.analysed(20*time.Second, 9, answer)
		w.want("analysis 1")
		w.analysed(21*time.Second, 9, events.Analysis{RootCause: "another one"})
		w.want()
	})
	t.Run("below 8 it comes with the next message", func(t *testing.T) {
		w := begin(t)
		w.live(0, 6)
		w.tick(15 * time.Second)
		w.analysed(20*time.Second, 6, answer)
		w.want("first 1")
		w.live(21*time.Second, 6)
		if w.rung[0].Analysis == nil {
			t.Error("the next message has no analysis")
		}
		w.want("repeat 2")
	})
	t.Run("a reason why there is none releases too", func(t *testing.T) {
		w := begin(t)
		w.live(0, 9)
		w.analysed(time.Second, 9, none)
		w.want("first 1")
		w.analysed(2*time.Second, 9, answer)
		w.want("analysis 1")
		w.analysed(3*time.Second, 9, none)
		if g := w.group(); g.Analysis.RootCause == "" {
			t.Error("a missing analysis replaced one")
		}
	})
	t.Run("the model is out of reach meanwhile", func(t *testing.T) {
		w := begin(t)
		w.live(0, 9)
		w.wait.on = false
		w.tick(time.Second)
		w.want("first 1")
	})
	t.Run("a rise does not wait", func(t *testing.T) {
		w := begin(t)
		w.live(0, 4)
		w.live(time.Second, 9)
		w.want("first 1", "rise 2")
	})
	t.Run("below what the analyzer takes nothing waits", func(t *testing.T) {
		w := begin(t)
		w.live(0, 2.9)
		w.want("first 1")
	})
	t.Run("with the analyzer detached nothing waits", func(t *testing.T) {
		w := begin(t)
		w.wait.on = false
		w.live(0, 9)
		w.want("first 1")
	})
	t.Run("a summary of the backlog waits from its first event", func(t *testing.T) {
		w := begin(t)
		w.backlog(0, "g")
		w.tick(4 * time.Second)
		w.want()
		w.analysed(6*time.Second, 6, answer)
		w.want("backlog 1")
	})
	t.Run("an analysis ahead of its event", func(t *testing.T) {
		w := begin(t)
		w.analysed(0, 9, answer)
		w.live(time.Second, 9)
		if w.rung[0].Analysis == nil {
			t.Error("the analysis was lost")
		}
		w.want("first 1")
	})
	t.Run("an analysis ahead of the event that comes after a long time", func(t *testing.T) {
		w := begin(t)
		w.wait.on = false
		w.live(0, 9)
		w.want("first 1")
		w.wait.on = true
		w.analysed(2*time.Hour, 9, answer)
		w.live(2*time.Hour, 9)
		if w.rung[0].Analysis == nil {
			t.Error("the analysis was lost")
		}
		w.want("first 1")
	})
	t.Run("a storm does not wait without end", func(t *testing.T) {
		w := begin(t)
		for range 10 * heldMax {
			w.live(0, 4)
		}
		if len(w.rung) != 0 {
			t.Fatalf("%d rang early", len(w.rung))
		}
		w.live(0, 4)
		if len(w.rung) != heldMax+1 {
			t.Errorf("%d rang, want %d", len(w.rung), heldMax+1)
		}
	})
	t.Run("an event without analysis changes nothing", func(t *testing.T) {
		w := begin(t)
		e := w.event("g", 9)
		w.at(0, func(d *draft, now time.Time) { d.attach(w.rules, e, now) })
		if len(w.state.groups) != 0 {
			t.Error("it made a group")
		}
	})
}

// TestDraftIsBounded folds more than one write may hold.
func TestDraftIsBounded(t *testing.T) {
	w := newWalk(t)
	d := w.state.draft()
	for i := 0; !d.full(); i++ {
		e := w.event(fmt.Sprint(i), 9)
		e.Generation = fmt.Sprint(i)
		d.fold(w.rules, e, start, w.wait)
	}
	changes, err := d.changes()
	if err != nil || len(changes) > 1000 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	d = w.state.draft()
	for i := 0; !d.full(); i++ {
		if i > 100 {
			t.Fatal("a draft of 100 large events is not full")
		}
		e := w.event(fmt.Sprint(i), 9)
		e.Body = strings.Repeat("x", 100_000)
		d.fold(w.rules, e, start, w.wait)
	}
}

func TestCut(t *testing.T) {
	f := func(text string, limit int, want string) {
		t.Helper()
		if got := cut(text, limit); got != want {
			t.Errorf("cut(%q, %d) = %q, want %q", text, limit, got, want)
		}
	}
	f("short", 5, "short")
	f("longer", 5, "lo…")
	f("警钟警钟", 9, "警钟…")
	f("警钟警钟", 8, "警…")
	f("警", 0, "…")
}
