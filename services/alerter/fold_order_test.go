package alerter

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"tocsin/pkg/events"
)

// permutations calls f with each order of n things.
func permutations(n int, f func(order []int)) {
	order := make([]int, 0, n)
	var next func()
	next = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				next()
				order = order[:len(order)-1]
			}
		}
	}
	next()
}

// TestBacklogInAnyOrder: the summary is the same in whatever order its events
// come; the worst one speaks, of equals the one with the least time, file and
// offset.
func TestBacklogInAnyOrder(t *testing.T) {
	f := func(speaker string, places ...string) {
		t.Helper()
		list := make([]*events.Event, len(places))
		for i, place := range places {
			var severity float64
			var second int
			e := newWalk(t).event("g", 0)
			if _, err := fmt.Sscanf(place, "%f %d %s %d", &severity, &second, &e.File, &e.Offset); err != nil {
				t.Fatal(err)
			}
			e.Severity, e.Backlog, e.Message, e.Generation = severity, true, "it broke: "+place, e.File
			e.Time, e.ID = start.Add(time.Duration(second)*time.Second), events.NewID(e.Generation, e.Offset)
			list[i] = e
		}
		var first *Notification
		permutations(len(list), func(order []int) {
			w := newWalk(t)
			for _, i := range order {
				w.fold(0, list[i])
			}
			w.tick(5 * time.Second)
			if len(w.rung) != 1 || len(w.state.notices) != 0 {
				t.Fatalf("%v: %d rang, %d wait", order, len(w.rung), len(w.state.notices))
			}
			n := &w.rung[0].Notification
			if first == nil {
				first = n
			}
			if n.Title != "it broke: "+speaker || n.Event.Message != n.Title || w.group().Title != n.Title || !reflect.DeepEqual(n, first) {
				t.Fatalf("%v: got %+v, want %+v", order, n, first)
			}
		})
	}
	f("6 1 a 300", "6 1 a 300", "6 2 a 100", "6 3 a 200", "5 0 a 400")
	f("6 1 a 300", "6 1 b 100", "6 1 a 300", "6 1 a 400", "6 2 a 200")
	f("9 4 b 100", "6 1 a 100", "6 1 a 200", "6 2 a 300", "7 0 a 400", "9 4 b 100")
}

// TestLiveInAnyOrder: of events that are live and equal the order of arrival
// decides nothing but which of them gives the title and which of them ring.
func TestLiveInAnyOrder(t *testing.T) {
	w := newWalk(t)
	list := make([]*events.Event, 5)
	for i := range list {
		list[i] = w.event("g", 6)
		list[i].Message = fmt.Sprint("it broke at ", i)
	}
	permutations(len(list), func(order []int) {
		w := newWalk(t)
		w.at(0, func(d *draft, now time.Time) {
			for _, i := range order {
				d.fold(w.rules, list[i], now, w.wait)
			}
		})
		g := w.group()
		if g.Count != 5 || g.Severity != 6 || !g.FirstTime.Equal(list[0].Time) || !g.LastTime.Equal(list[4].Time) {
			t.Fatalf("%v: group %+v", order, g.Group)
		}
		title := list[order[0]].Message
		for i, n := range w.rung {
			if n.Title != title || n.Event != list[order[i]] {
				t.Fatalf("%v: notification %d has the title %q and the event %q", order, i, n.Title, n.Event.Message)
			}
		}
		w.want("first 1", "repeat 2")
		if g.Title != title {
			t.Fatalf("%v: title %q, want %q", order, g.Title, title)
		}
	})
}

// TestSummaryBesideLive: the title of a summary is its event's, unless what
// came live is worse.
func TestSummaryBesideLive(t *testing.T) {
	f := func(severity float64, title string) {
		t.Helper()
		w := newWalk(t)
		live := w.event("g", severity)
		live.Message = "live"
		w.fold(0, live)
		w.backlog(0, "g") // of severity 6
		w.rung = nil
		w.tick(5 * time.Second)
		if n := w.rung[0]; n.Title != title || n.Event.Message != "it broke: g" {
			t.Errorf("title %q, want %q", n.Title, title)
		}
	}
	f(5, "it broke: g")
	f(6, "it broke: g")
	f(7, "live")
}
