package analyzer

import (
	"strings"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
)

func TestBacklogAsksAFewProblems(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, answering(goodAnswer))
	out := listen(t, conn)
	next := 0
	round := func(count, problems, wantAnswered int) {
		t.Helper()
		b := newBench(t, conn, model.URL, func(o *Options) { o.BacklogMax = 3 })
		var list []*events.Event
		for range count {
			e := event(next, next%problems)
			e.Backlog = true
			list = append(list, e)
			next++
		}
		publish(t, conn, "", list...)
		stop := b.start(t)
		defer stop()
		answered := 0
		for range list {
			if a := await(t, out).Analysis; a.UnanalysedReason == "" {
				answered++
			} else if !strings.Contains(a.UnanalysedReason, "AI_BACKLOG_MAX") || a.RootCause != "" {
				t.Fatalf("got %+v", a)
			}
		}
		if answered != wantAnswered {
			t.Errorf("%d events are answered, want %d", answered, wantAnswered)
		}
		if got := b.metric(t, "tocsin_unanalysed_total", reasonBacklog); got != float64(count-wantAnswered) {
			t.Errorf("tocsin_unanalysed_total is %v", got)
		}
	}
	round(40, 10, 12) // 3 of 10 problems, 4 events each
	round(40, 10, 12) // the places stay taken after a restart
	if model.calls() != 3 {
		t.Errorf("%d calls, want 3", model.calls())
	}
	newBench(t, conn, model.URL, func(o *Options) { o.BacklogMax = 3 }).start(t)
	publish(t, conn, "", event(next, 9)) // live, and one of those left out
	if a := await(t, out).Analysis; a.RootCause == "" {
		t.Errorf("got %+v", a)
	}
}

// Replicas share the places of a backlog.
func TestBacklogOfTwoReplicas(t *testing.T) {
	conn := bustest.New(t)
	kv, err := conn.KV(t.Context(), bus.BucketAnalyses)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &backlog{kv: kv, max: 3}, &backlog{kv: kv, max: 3}
	day := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		of      *backlog
		problem string
		at      time.Time
		want    bool
	}{
		{a, "1", day, true}, {b, "2", day, true}, {b, "1", day, true}, {a, "3", day, true}, {b, "4", day, false}, {a, "4", day, false},
		{a, "2", day, true}, {b, "3", day, true}, {a, "4", day.Add(2 * time.Hour), true}, {a, "4", day, false}, {b, "4", day, false},
	} {
		if got, err := c.of.take(t.Context(), c.problem, c.at); got != c.want || err != nil {
			t.Errorf("step %d: got %v, %v", i, got, err)
		}
	}
	none := &backlog{kv: kv}
	if got, err := none.take(t.Context(), "1", day.Add(96*time.Hour)); got || err != nil {
		t.Errorf("with AI_BACKLOG_MAX=0: got %v, %v", got, err)
	}
}
