package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
	"tocsin/pkg/service"
)

// TestFiveProcesses holds that the five programs over a NATS server of their
// own see the very events that `up` sees, with and without a model.
func TestFiveProcesses(t *testing.T) {
	t.Run("without AI", func(t *testing.T) { sameAsUp(t, false, "AI_ENABLE=false") })
	t.Run("with AI", func(t *testing.T) {
		model := newScriptedModel(t)
		sameAsUp(t, true, append(model.settings(), "AI_BACKLOG_MAX=1000")...)
		if model.calls.Load() == 0 {
			t.Error("the model was never asked")
		}
	})
}

func sameAsUp(t *testing.T, analysed bool, settings ...string) {
	settings = append(settings, "MASK_KEY=the-key-of-both")
	f := newFarm(t, settings...)
	f.copyTestLog(t)

	// The same files, so that the ids are the same, but another DATA_DIR.
	one := &site{dir: f.dir, logs: f.logs, data: filepath.Join(f.dir, "data-up")}
	for _, v := range f.env {
		if name, _, _ := strings.Cut(v, "="); name != "NATS_URL" && name != "DATA_DIR" {
			one.env = append(one.env, v)
		}
	}
	one.env = append(one.env, "DATA_DIR="+one.data)
	p := one.up(t)
	p.waitReady(t)
	settled(t, one, analysed)
	if code, _ := p.interrupt(t); code != 0 {
		t.Errorf("`up` ended with %d\n%s", code, tail(p.stderr.String()))
	}
	_, want := exported(t, one.env)

	f.startServices(t)
	var got []*events.Event
	eventually(t, "the five processes have stored as much", 30*time.Second, func() bool { return storedCount(f.data) >= len(want) })
	settled(t, f.site, analysed)
	ringing := f.processes[service.Alerter]
	ringing.waitOutput(t, "an alert", ringing.stdout, 20*time.Second, func(out string) bool { return out != "" })
	f.stop(t)
	checkNoSecret(t, "the alerter's stdout", f.told.String())
	for _, name := range service.Services() {
		checkNoSecret(t, "the log of "+name, f.processes[name].stderr.String())
	}
	_, got = exported(t, f.env)
	compareEvents(t, got, want)
	told := 0
	for _, e := range got {
		if e.Analysis != nil && e.Analysis.RootCause == scriptedCause {
			told++
		}
	}
	if analysed != (told > 0) {
		t.Errorf("%d events hold what the model said", told)
	}
}

// settled waits until the store no longer changes: the same count twice, one
// second apart, and every event analysed where a model is asked.
func settled(t testing.TB, s *site, analysed bool) {
	t.Helper()
	before, since := -1, time.Now()
	eventually(t, "the store is complete", 40*time.Second, func() bool {
		_, list := exported(t, s.env)
		waiting := len(list) - before
		for _, e := range list {
			if analysed && e.Analysis == nil && e.Severity >= service.Defaults().AIMinSeverity {
				waiting++
			}
		}
		if before != len(list) {
			before, since = len(list), time.Now()
		}
		return before > 0 && waiting == 0 && time.Since(since) > time.Second
	})
}

// compareEvents holds that both runs stored the same, but for what hangs on
// the clock.
func compareEvents(t testing.TB, got, want []*events.Event) {
	t.Helper()
	index := func(list []*events.Event) map[string]string {
		m := map[string]string{}
		for _, e := range list {
			e.ObservedAt = time.Time{}
			if e.Analysis != nil {
				e.Analysis.Seconds, e.Analysis.Cached = 0, false
				e.Analysis.Tokens = nil // a cached answer cost none
			}
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			m[e.ID] = string(line)
		}
		return m
	}
	a, b := index(got), index(want)
	if len(a) != len(b) || len(a) == 0 {
		t.Errorf("the five processes stored %d events, `up` %d", len(a), len(b))
	}
	shown := 0
	for _, id := range slices.Sorted(maps.Keys(b)) {
		if a[id] != b[id] && shown < 5 {
			shown++
			t.Errorf("event %s differs:\n%s\nup:\n%s", id, a[id], b[id])
		}
	}
	t.Logf("%d events are the same", len(b))
}

// TestFiveProcessesKilled kills each process of the farm in turn, twenty times
// in all, while logs are written.
func TestFiveProcessesKilled(t *testing.T) {
	f := newFarm(t, "AI_ENABLE=false")
	logs := newLiveLogs(t, f.logs)
	f.env = append(f.env, "LOG_FILE_PATHS="+logs.glob())
	f.startServices(t)
	stop := writeInBackground(t, logs)
	names := f.names()
	for i := range kills {
		name := names[i%len(names)]
		live(t, f.processes[name], 600*time.Millisecond)
		f.kill(name)
		f.start(t, name)
		if name != brokerName {
			f.processes[name].waitReady(t)
		}
	}
	stop()
	for _, name := range names {
		live(t, f.processes[name], 10*time.Millisecond)
	}
	groups := settle(t, f.site, logs)
	f.stop(t)
	_, list := exported(t, f.env)
	checkStored(t, list, logs.events)
	t.Logf("%d events in %d steps over %d kills", len(logs.events), logs.step, kills)
	compareGroups(t, groups, undisturbed(t, logs.step))
}
