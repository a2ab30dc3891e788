package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestBytesText(t *testing.T) {
	f := func(n int64, want string) {
		t.Helper()
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
	f(0, "0 B")
	f(999, "999 B")
	f(1000, "1.0 KB")
	f(999_949, "999.9 KB")
	f(999_950, "1.0 MB")
	f(1_430_000, "1.4 MB")
	f(5_000_000_000, "5.0 GB")
}

// fourCounters are the metrics of the minute line.
func fourCounters(t *testing.T) (*prometheus.Registry, prometheus.Counter, prometheus.Gauge, prometheus.Counter, prometheus.Counter) {
	t.Helper()
	counter := func(name string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name})
	}
	lines, events, alerts := counter("tocsin_lines_read_total"), counter("log_events_collected_total"), counter("alerts_sent_total")
	lag := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tocsin_read_lag_bytes"})
	r := prometheus.NewRegistry()
	r.MustRegister(lines, lag, events, alerts)
	return r, lines, lag, events, alerts
}

func TestMinuteLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lines, lag, events, alerts := fourCounters(t)
		lines.Add(1000) // read before the first minute began
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		done := make(chan error)
		go func() { done <- writeMinutes(ctx, &out, r) }()
		synctest.Wait()
		lines.Add(1234)
		lag.Set(2_500_000)
		events.Add(5)
		alerts.Inc()
		time.Sleep(time.Minute)
		synctest.Wait()
		lag.Set(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got := strings.Split(out.String(), "\n")
		if len(got) != 3 {
			t.Fatalf("got %d lines:\n%s", len(got)-1, out.String())
		}
		for i, want := range []string{
			"1,234 lines read, 2.5 MB behind, 5 events, 1 alert in the last minute",
			"0 lines read, 0 B behind, 0 events, 0 alerts in the last minute",
		} {
			if !strings.HasSuffix(got[i], "  "+want) {
				t.Errorf("line %d is %q, want %q", i, got[i], want)
			}
		}
	})
}

func TestMinuteLineNeedsItsMetrics(t *testing.T) {
	_, err := readCounts(prometheus.NewRegistry())
	if err == nil || !strings.Contains(err.Error(), "cannot find the metric") {
		t.Errorf("got %v", err)
	}
}
