package analyzer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/services/analyzer/llm"
)

func TestRetryAfterIsObeyed(t *testing.T) {
	model := newFakeModel(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(429)
	})
	now := time.Now()
	m := testModel(t, model.URL, func() time.Time { return now })
	for range 3 {
		if _, _, err := m.ask(t.Context(), llm.Request{}); llm.ClassOf(err) != llm.Temporary {
			t.Fatalf("got %v", err)
		}
	}
	if model.calls() != 1 {
		t.Errorf("asked %d times within the time it wanted", model.calls())
	}
	now = now.Add(61 * time.Second)
	model.play(answering("x"))
	if _, _, err := m.ask(t.Context(), llm.Request{}); err != nil {
		t.Errorf("after that time: %v", err)
	}
}

// While the model is out of reach one asks, and those who wait share his failure.
func TestOneProbe(t *testing.T) {
	gate := make(chan struct{})
	model := newFakeModel(t, refusing(500, ""))
	var looks atomic.Int64 // at the clock, each a second later than the last
	start := time.Now()
	m := testModel(t, model.URL, func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Second) })
	if _, _, err := m.ask(t.Context(), llm.Request{}); err == nil {
		t.Fatal("no failure")
	}
	model.play(func(w http.ResponseWriter, r *http.Request) { <-gate; refusing(500, "")(w, r) })
	failed := make(chan error, 10)
	before := looks.Load()
	for range 10 {
		go func() { _, _, err := m.ask(context.Background(), llm.Request{}); failed <- err }()
	}
	// All have come, one of them has looked again and asks.
	for deadline := time.Now().Add(20 * time.Second); looks.Load() < before+11 || model.calls() < 2; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks")
		}
	}
	close(gate)
	for range 10 {
		if err := await(t, failed); llm.ClassOf(err) != llm.Temporary {
			t.Errorf("got %v", err)
		}
	}
	if n := model.calls(); n != 2 {
		t.Errorf("%d calls, want one after the first", n)
	}
	m.probe <- struct{}{} // somebody asks for ever
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.ask(ctx, llm.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func testModel(t *testing.T, url string, now func() time.Time) *model {
	t.Helper()
	client, err := llm.New(llm.Options{URL: url, Key: testKey, Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(client, newMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler), now)
	m.setDown = func(context.Context, bool) error { return nil }
	m.recovered = func() {}
	t.Cleanup(m.close)
	return m
}
