package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/services/alerter"
)

const (
	// kills is how often a process is killed in a test.
	kills = 20
	// writePause is the time between two steps of the writer.
	writePause = 8 * time.Millisecond
)

// TestUpKilled kills `up` twenty times while logs are written and holds that in
// the end every event is stored exactly once and that people were told what
// they are told by an undisturbed run.
func TestUpKilled(t *testing.T) {
	s := newSite(t, "AI_ENABLE=false")
	logs := newLiveLogs(t, s.logs)
	var told strings.Builder
	var stop func()
	for i := range kills {
		p := s.up(t, "--alerts", "jsonl")
		p.waitReady(t)
		if i == 0 { // what is there before the first start would be backlog
			stop = writeInBackground(t, logs)
		}
		live(t, p, 300*time.Millisecond+rand.N(1700*time.Millisecond))
		p.kill()
		told.WriteString(wholeLines(p.stdout.String()))
		exported(t, s.env) // works after a kill too
	}
	stop()
	last := s.up(t, "--alerts", "jsonl")
	last.waitReady(t)
	groups := settle(t, s, logs)
	if code, took := last.interrupt(t); code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, tail(last.stderr.String()))
	}
	told.WriteString(last.stdout.String())

	_, list := exported(t, s.env)
	checkStored(t, list, logs.events)
	t.Logf("%d events in %d steps over %d kills", len(logs.events), logs.step, kills)
	compareGroups(t, groups, undisturbed(t, logs.step))
	checkTold(t, alertsOf(t, told.String()), groups)
}

// live lets a process live for a while; it must not end by itself.
func live(t testing.TB, p *process, d time.Duration) {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("%s ended by itself: %v\n%s", p.name, p.err, tail(p.stderr.String()))
	case <-time.After(d):
	}
}

// writeInBackground writes until stop is called.
func writeInBackground(t testing.TB, logs *liveLogs) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- logs.writeUntil(ctx, writePause) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("cannot write the logs: %s", err)
		}
	}
}

// wholeLines drops a line that a kill cut off.
func wholeLines(s string) string { return s[:strings.LastIndexByte(s, '\n')+1] }

// settle waits until every event is stored and counted and every notification
// has left, and gives the alert groups.
func settle(t testing.TB, s *site, logs *liveLogs) []alerter.Group {
	t.Helper()
	eventually(t, "every event is stored", 60*time.Second, func() bool { return storedCount(s.data) >= len(logs.events) })
	conn := s.connect(t)
	defer conn.Close()
	var groups []alerter.Group
	eventually(t, "every event is counted and every alert sent", 60*time.Second, func() bool {
		var err error
		if groups, err = alerter.Groups(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		counted := 0
		for _, g := range groups {
			counted += int(g.Count)
			if len(g.Notifications) == 0 {
				return false
			}
			for _, n := range g.Notifications {
				if n.Result == "sending" || n.Result == "retry" {
					return false
				}
			}
		}
		return counted >= len(logs.events)
	})
	return groups
}

// connect connects to the broker that the site works with.
func (s *site) connect(t testing.TB) *bus.Conn {
	t.Helper()
	var url, token string
	for _, v := range s.env {
		if name, value, _ := strings.Cut(v, "="); name == "NATS_URL" {
			url = value
		}
	}
	if url == "" {
		r, err := readRunFile(s.data)
		if err != nil {
			t.Fatal(err)
		}
		url, token = r.NatsURL, r.Token
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: url, Token: token, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// undisturbed gives the alert groups of a run that nobody kills on the events
// of so many steps.
func undisturbed(t testing.TB, steps int) []alerter.Group {
	t.Helper()
	s := newSite(t, "AI_ENABLE=false")
	logs := newLiveLogs(t, s.logs)
	p := s.up(t, "--alerts", "jsonl")
	p.waitReady(t)
	for range steps {
		if err := logs.next(); err != nil {
			t.Fatal(err)
		}
	}
	groups := settle(t, s, logs)
	p.interrupt(t)
	checkTold(t, alertsOf(t, p.stdout.String()), groups)
	return groups
}

// compareGroups holds that both runs know the same problems, counted as often
// and told as often.
func compareGroups(t testing.TB, got, want []alerter.Group) {
	t.Helper()
	for _, line := range differences(perGroup(got, countOf), perGroup(want, countOf)) {
		t.Errorf("events of the alert group %s", line)
	}
	for _, line := range differences(perGroup(got, noticesOf), perGroup(want, noticesOf)) {
		t.Errorf("notifications of the alert group %s", line)
	}
	t.Logf("%d alert groups with %d notifications", len(got), sum(perGroup(got, noticesOf)))
}

func countOf(g alerter.Group) int   { return int(g.Count) }
func noticesOf(g alerter.Group) int { return len(g.Notifications) }

func perGroup(groups []alerter.Group, figure func(alerter.Group) int) map[string]int {
	m := map[string]int{}
	for _, g := range groups {
		m[g.Group] = figure(g)
	}
	return m
}

func sum(m map[string]int) (total int) {
	for _, n := range m {
		total += n
	}
	return total
}

// checkTold holds that what people read is what the groups say was sent: every
// notification once, one that may have arrived before it was sent again marked
// as that, and one whose process died while it was sent perhaps not at all.
func checkTold(t testing.TB, told []alert, groups []alerter.Group) {
	t.Helper()
	times, marked := map[string]int{}, map[string]bool{}
	for _, a := range told {
		times[a.ID]++
		marked[a.ID] = marked[a.ID] || a.Repeated
	}
	unknown := 0
	for _, g := range groups {
		for _, n := range g.Notifications {
			switch {
			case n.Result == "unknown":
				unknown++
			case times[n.ID] == 0:
				t.Errorf("the notification %s (%s) of %q was not told", n.ID, n.Result, g.Title)
			}
			if times[n.ID] > 1 && !marked[n.ID] {
				t.Errorf("the notification %s of %q was told %d times without a mark", n.ID, g.Title, times[n.ID])
			}
			delete(times, n.ID)
		}
	}
	for id := range times {
		t.Errorf("the notification %s was told, and no group knows it", id)
	}
	t.Logf("%d lines of alerts, %d notifications were on their way at a kill", len(told), unknown)
}
