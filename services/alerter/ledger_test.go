package alerter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

var quietLog = slog.New(slog.NewTextHandler(io.Discard, nil))

// stage is a moment on the clock and the events that arrive then.
type stage struct {
	after  time.Duration
	events []*events.Event
}

func drawStages(t *rapid.T) []stage {
	var stages []stage
	offset := int64(0)
	for range rapid.IntRange(1, 6).Draw(t, "stages") {
		s := stage{after: time.Duration(rapid.SampledFrom([]int{0, 1, 3, 20, 301, 601, 1801, 5000}).Draw(t, "seconds")) * time.Second}
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			offset += 10
			e := &events.Event{ID: events.NewID("gen", offset), Generation: "gen" + strconv.FormatInt(offset/10%2, 10),
				Offset: offset, Host: "h", Kind: events.KindLog, Message: "m", Time: start,
				Group:    rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group"),
				Severity: rapid.SampledFrom([]float64{2, 6, 9}).Draw(t, "severity"),
				Backlog:  rapid.IntRange(0, 3).Draw(t, "backlog") == 0}
			if rapid.IntRange(0, 5).Draw(t, "analysed") == 0 {
				e.Analysis = &events.Analysis{RootCause: rapid.SampledFrom([]string{"r", "s"}).Draw(t, "cause")}
			}
			s.events = append(s.events, e)
		}
		stages = append(stages, s)
	}
	return stages
}

// told is what people were told, in order.
func told(list []Notification) []string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprintf("%s %s %d %v %s", n.ID, n.Reason, n.Count, n.Severity, n.Time))
	}
	return out
}

// undisturbed runs the stages one event at a time, without a fault.
func undisturbed(t *rapid.T, stages []stage) []string {
	return told(disturbed(t, stages, func(string, int) int { return 0 }, noFaults, noFaults))
}

// disturbed runs the stages with batches, redeliveries and crashes as choose
// says, and gives what the channel was given.
func disturbed(t *rapid.T, stages []stage, choose func(label string, most int) int, ledgerFaults, sendFaults faults) []Notification {
	ctx := t.Context()
	kv, out, channel := newFakeBucket(), newFakeOutbox(), &fakeChannel{name: channelTerminal}
	out.faults = ledgerFaults
	now := start
	var l *ledger
	restart := func() {
		l = newTestLedger(kv, out, &now)
		l.waiting = func(context.Context) waiting { return waiting{on: true, min: 5, most: 10 * time.Second} }
	}
	restart()
	s := &sender{channel: channel, now: func() time.Time { return now }, metrics: testMetrics(), log: quietLog}
	var old []*bus.Delivery
	for _, st := range stages {
		now = now.Add(st.after)
		var pending []*bus.Delivery
		for _, e := range st.events {
			pending = append(pending, deliveryOf(t, e))
		}
		kv.faults = ledgerFaults
		for len(pending) > 0 {
			n := 1 + choose("batch", len(pending)-1)
			batch := slices.Clone(pending[:n])
			again := 0
			if len(old) > 0 {
				for range choose("redelivered", 3) {
					batch = slices.Insert(batch, choose("place", len(batch)), old[choose("which", len(old)-1)])
					again++
				}
			}
			errs := l.handle(ctx, batch)
			failed := slices.ContainsFunc(errs, func(err error) bool { return err != nil })
			if failed {
				// Nothing was acknowledged for sure: all come again.
				if choose("restart", 1) == 1 {
					restart()
				}
				continue
			}
			for _, d := range pending[:n] {
				if d.Subject == bus.SubjectMasked { // analyses are not counted
					old = append(old, d)
				}
			}
			pending = pending[n:]
			if choose("publish early", 1) == 1 && l.publish(ctx) != nil {
				restart()
			}
		}
		for l.tick(ctx, true) != nil || l.publish(ctx) != nil {
			restart()
		}
		if choose("window over", 3) == 1 {
			out.seen = map[string]bool{}
		}
		kv.faults = sendFaults
		for len(out.queue) > 0 {
			d := &bus.Delivery{Data: out.queue[0].Data}
			if err := s.handle(ctx, kv, d); err == nil {
				out.queue = out.queue[1:]
			} else if !bus.IsUnavailable(err) {
				t.Fatalf("a fault of the bucket was charged to the message: %v", err)
			}
		}
	}
	return channel.got
}

func deliveryOf(t *rapid.T, e *events.Event) *bus.Delivery {
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	d := &bus.Delivery{Subject: bus.SubjectMasked, Data: data}
	if e.Analysis != nil {
		d.Subject = bus.SubjectAnalyzed
	}
	return d
}

func drawnFaults(t *rapid.T) faults {
	return func() (bool, bool) {
		n := rapid.IntRange(0, 9).Draw(t, "fault")
		return n == 1, n == 2
	}
}

// TestSameNotificationsWhateverHappens: any split into batches, any redelivery
// of counted events and any crash between two steps tells the same.
func TestSameNotificationsWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stages := drawStages(t)
		want := undisturbed(t, stages)
		choose := func(label string, most int) int { return rapid.IntRange(0, most).Draw(t, label) }
		got := told(disturbed(t, stages, choose, drawnFaults(t), noFaults))
		if !slices.Equal(got, want) {
			t.Fatalf("told\n%q\nwant\n%q", got, want)
		}
	})
}

// TestCrashesOfTheSender: a severe notification arrives, at most once more and
// marked; a lesser one at most once.
func TestCrashesOfTheSender(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stages := drawStages(t)
		want := undisturbed(t, stages)
		got := disturbed(t, stages, func(string, int) int { return 0 }, noFaults, drawnFaults(t))
		sends := map[string][]Notification{}
		for _, n := range got {
			sends[told([]Notification{n})[0]] = append(sends[told([]Notification{n})[0]], n)
		}
		for _, id := range want {
			list := sends[id]
			delete(sends, id)
			for i, n := range list {
				if n.Attempt > 2 || n.Repeated != (n.Attempt == 2) && n.Severity < severe {
					t.Fatalf("attempt %d of %s: repeated %v", n.Attempt, id, n.Repeated)
				}
				if i > 0 && !n.Repeated {
					t.Fatalf("%s was sent twice without a mark", id)
				}
			}
		}
		if len(sends) > 0 {
			t.Fatalf("nobody should have been told of %v", sends)
		}
	})
}

func TestLedgerRejectsWhatIsNoEvent(t *testing.T) {
	now := start
	l := newTestLedger(newFakeBucket(), newFakeOutbox(), &now)
	good := newWalk(t).event("g", 9)
	errs := l.handle(t.Context(), []*bus.Delivery{{Data: []byte("{")}, delivery(t, good)})
	if !bus.IsReject(errs[0]) || errs[1] != nil {
		t.Fatalf("verdicts %v", errs)
	}
	if len(l.state.groups) != 1 {
		t.Error("the event beside it was not folded")
	}
}

func TestReplaysAreSilent(t *testing.T) {
	now := start
	l := newTestLedger(newFakeBucket(), newFakeOutbox(), &now)
	d := delivery(t, newWalk(t).event("g", 9))
	d.Header = map[string]string{bus.HeaderRun: "7"}
	if errs := l.handle(t.Context(), []*bus.Delivery{d}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if len(l.state.groups) != 0 {
		t.Error("a replayed event was counted")
	}
}

// TestConflict: somebody else wrote, so memory is worth nothing.
func TestConflict(t *testing.T) {
	now := start
	kv := newFakeBucket()
	one, two := newTestLedger(kv, newFakeOutbox(), &now), newTestLedger(kv, newFakeOutbox(), &now)
	w := newWalk(t)
	a, b := delivery(t, w.event("g", 6)), delivery(t, w.event("g", 6))
	if errs := one.handle(t.Context(), []*bus.Delivery{a}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if errs := two.handle(t.Context(), []*bus.Delivery{a}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if errs := two.handle(t.Context(), []*bus.Delivery{b}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	errs := one.handle(t.Context(), []*bus.Delivery{b})
	if !bus.IsUnavailable(errs[0]) || !errors.Is(errs[0], bus.ErrConflict) {
		t.Fatalf("verdict %v, want a conflict", errs[0])
	}
	if errs = one.handle(t.Context(), []*bus.Delivery{b}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	for _, g := range one.state.groups {
		if g.Count != 2 {
			t.Errorf("count %d, want 2", g.Count)
		}
	}
}

// TestLargeBatches: more than one write may hold is split, all of it counted.
func TestLargeBatches(t *testing.T) {
	now := start
	kv, out := newFakeBucket(), newFakeOutbox()
	l := newTestLedger(kv, out, &now)
	w := newWalk(t)
	var batch []*bus.Delivery
	for i := range 900 {
		e := w.event(fmt.Sprint(i), 9)
		e.Generation = fmt.Sprint(i)
		batch = append(batch, delivery(t, e))
	}
	for i, err := range l.handle(t.Context(), batch) {
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	if len(l.state.groups) != 900 || kv.writes < 3 {
		t.Errorf("%d groups in %d writes of at most %d", len(l.state.groups), kv.writes, kv.largest)
	}
	if err := l.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(out.queue) != 900 || len(l.state.notices) != 0 {
		t.Errorf("%d published, %d left", len(out.queue), len(l.state.notices))
	}
	// All of them close at once: more than one write again.
	now = now.Add(2 * time.Hour)
	if err := l.tick(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if len(l.state.groups) != 0 {
		t.Errorf("%d groups are left", len(l.state.groups))
	}
}

func TestMergedAndSkipped(t *testing.T) {
	now := start
	l := newTestLedger(newFakeBucket(), newFakeOutbox(), &now)
	w := newWalk(t)
	for range 5 {
		l.handle(t.Context(), []*bus.Delivery{delivery(t, w.event("g", 6))})
	}
	if got := testutil.ToFloat64(l.metrics.merged); got != 4 {
		t.Errorf("alerts_merged_total %v, want 4", got)
	}
	if got := testutil.ToFloat64(l.metrics.skipped); got != 3 {
		t.Errorf("alerts_skip_total %v, want 3", got)
	}
}

func TestStateThatCannotBeRead(t *testing.T) {
	for _, key := range []string{prefixGroup + "x", prefixCounted + "x", prefixNotice + "x"} {
		now := start
		kv := newFakeBucket()
		kv.entries[key] = bus.Entry{Key: key, Value: []byte("{"), Revision: 1}
		l := newTestLedger(kv, newFakeOutbox(), &now)
		errs := l.handle(t.Context(), []*bus.Delivery{delivery(t, newWalk(t).event("g", 9))})
		if !bus.IsUnavailable(errs[0]) {
			t.Errorf("%s: verdict %v", key, errs[0])
		}
	}
}

// TestRepair: a reference to a notice that is gone is no crash.
func TestRepair(t *testing.T) {
	now := start
	kv := newFakeBucket()
	l := newTestLedger(kv, newFakeOutbox(), &now)
	e := newWalk(t).event("g", 9)
	e.Backlog = true
	l.handle(t.Context(), []*bus.Delivery{delivery(t, e)})
	for key := range kv.entries {
		if key[:7] == prefixNotice {
			delete(kv.entries, key)
		}
	}
	l = newTestLedger(kv, newFakeOutbox(), &now)
	now = now.Add(time.Minute)
	if err := l.tick(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if len(l.state.notices) != 0 {
		t.Error("a notice came back")
	}
}

func TestSweep(t *testing.T) {
	now := start
	kv, out := newFakeBucket(), newFakeOutbox()
	l := newTestLedger(kv, out, &now)
	s := &sender{channel: &fakeChannel{name: channelTerminal}, now: l.now, metrics: l.metrics, log: quietLog}
	l.handle(t.Context(), []*bus.Delivery{delivery(t, newWalk(t).event("g", 9))})
	if err := l.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.handle(t.Context(), kv, &bus.Delivery{Data: out.queue[0].Data}); err != nil {
		t.Fatal(err)
	}
	f := func(after time.Duration, want int) {
		t.Helper()
		now = start.Add(after)
		if err := l.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := 0
		for key := range kv.entries {
			if key[:5] == prefixSent || key[:8] == prefixCounted {
				got++
			}
		}
		if got != want {
			t.Errorf("after %s %d keys are left, want %d", after, got, want)
		}
	}
	f(0, 2)
	f(47*time.Hour, 2)
	f(49*time.Hour, 1)
	f(8*24*time.Hour, 0)
}
