package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// journal notes what happened in which order.
type journal struct {
	mu    sync.Mutex
	notes []string
}

func (j *journal) note(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, s)
}

// untilStopped is a service that works until it is told to stop and then takes
// a while.
func (j *journal) untilStopped(name string, lingers time.Duration) part {
	return part{name, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(lingers)
		j.note(name)
		return ctx.Err()
	}}
}

func TestPartsStopInTheOrderOfTheData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		err := runParts(ctx, []part{
			j.untilStopped("collector", 300*time.Millisecond),
			j.untilStopped("masker", 200*time.Millisecond),
			j.untilStopped("alerter", 0),
		})
		if err != nil {
			t.Fatalf("an orderly stop gave %v", err)
		}
		if want := []string{"collector", "masker", "alerter"}; !slices.Equal(j.notes, want) {
			t.Errorf("stopped in the order %v, want %v", j.notes, want)
		}
	})
}

func TestOnePartFailingStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		broken := errors.New("the disk is gone")
		err := runParts(t.Context(), []part{
			j.untilStopped("collector", 0),
			{"indexer", func(context.Context) error { return broken }},
			j.untilStopped("alerter", 0),
		})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "indexer: ") {
			t.Errorf("got %v, want the indexer's error", err)
		}
		if want := []string{"collector", "alerter"}; !slices.Equal(j.notes, want) {
			t.Errorf("stopped %v, want %v", j.notes, want)
		}
	})
}

func TestAPartThatEndsByItselfIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		err := runParts(t.Context(), []part{
			j.untilStopped("collector", 0),
			{"masker", func(context.Context) error { return nil }},
		})
		if err == nil || !strings.Contains(err.Error(), "masker ended by itself") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPartThatHangsIsNamedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		err := runParts(ctx, []part{
			j.untilStopped("collector", 0),
			j.untilStopped("masker", time.Hour),
			j.untilStopped("indexer", time.Hour),
			j.untilStopped("alerter", 2*time.Second),
		})
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		for _, name := range []string{"masker did not stop", "indexer did not stop"} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%q is missing in %v", name, err)
			}
		}
		if want := []string{"collector", "alerter"}; !slices.Equal(j.notes, want) {
			t.Errorf("stopped %v, want %v: one that hangs must not keep the others from stopping", j.notes, want)
		}
		time.Sleep(2 * time.Hour) // let those that hang return
	})
}
