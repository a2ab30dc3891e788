package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestHealthProblems(t *testing.T) {
	h := NewHealth(Masker, Alerter)
	want := func(want ...string) {
		t.Helper()
		if got := h.Problems(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want("masker: not ready yet", "alerter: not ready yet")
	h.Ready(Masker)
	h.Ready(Masker)
	want("alerter: not ready yet")
	h.Set("store", errors.New("disk full"))
	state := errors.New("out of reach")
	h.Check("broker", func() error { return state })
	want("alerter: not ready yet", "broker: out of reach", "store: disk full")
	h.Set("store", errors.New("read-only"))
	state = nil
	want("alerter: not ready yet", "store: read-only")
	h.Set("store", nil)
	h.Set("never seen", nil)
	h.Ready(Alerter)
	want()
	state = errors.New("out of reach")
	want("broker: out of reach")
}

func TestHealthWaitReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth(Masker, Alerter)
		done := make(chan error, 1)
		go func() { done <- h.WaitReady(t.Context(), Masker, Alerter) }()
		for _, name := range []string{Indexer, Alerter} {
			h.Ready(name)
			synctest.Wait()
			select {
			case err := <-done:
				t.Fatalf("ready without masker: %v", err)
			default:
			}
		}
		h.Ready(Masker)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := h.WaitReady(t.Context()); err != nil {
			t.Errorf("no service: %v", err)
		}
	})
}

func TestHealthWaitReadyEnds(t *testing.T) {
	h := NewHealth(Masker, Indexer, Alerter)
	h.Ready(Indexer)
	h.Set("broker", errors.New("out of reach"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.WaitReady(ctx, Services()[1:]...)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"masker, analyzer, alerter", "broker: out of reach"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestHealthConcurrently(t *testing.T) {
	h := NewHealth(Services()...)
	var wg sync.WaitGroup
	for i, name := range Services() {
		wg.Go(func() {
			if err := h.WaitReady(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			part := fmt.Sprint("part", i%2)
			h.Set(part, errors.New("bad"))
			h.Check(part, func() error { return nil })
			h.Problems()
			h.Set(part, nil)
			h.Ready(name)
		})
	}
	wg.Wait()
	if got := h.Problems(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
