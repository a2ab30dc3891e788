package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counts is what the minute line tells, as it stands on /metrics.
type counts struct {
	lines, lag, events, alerts int64
}

// readCounts takes the figures from the metrics; one that nobody registered is
// an error, so that the line never tells a zero that nobody counted.
func readCounts(g prometheus.Gatherer) (counts, error) {
	var c counts
	wanted := map[string]*int64{
		"tocsin_lines_read_total":    &c.lines,
		"tocsin_read_lag_bytes":      &c.lag,
		"log_events_collected_total": &c.events,
		"alerts_sent_total":          &c.alerts,
	}
	families, err := g.Gather()
	if err != nil {
		return c, fmt.Errorf("cannot read the metrics: %w", err)
	}
	for _, family := range families {
		into := wanted[family.GetName()]
		if into == nil {
			continue
		}
		for _, m := range family.GetMetric() {
			*into += int64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
		delete(wanted, family.GetName())
	}
	for name := range wanted {
		return c, fmt.Errorf("cannot find the metric %s", name)
	}
	return c, nil
}

// minuteLine tells the last minute and what is left to read.
func minuteLine(now time.Time, before, after counts) string {
	return fmt.Sprintf("%s  %s read, %s behind, %s, %s in the last minute",
		now.Format(time.TimeOnly), counted(after.lines-before.lines, "line"), bytesText(after.lag),
		counted(after.events-before.events, "event"), counted(after.alerts-before.alerts, "alert"))
}

// writeMinutes writes one line a minute until ctx is done.
func writeMinutes(ctx context.Context, w io.Writer, g prometheus.Gatherer) error {
	before, err := readCounts(g)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			after, err := readCounts(g)
			if err != nil {
				return err
			}
			fmt.Fprintln(w, minuteLine(now, before, after))
			before = after
		}
	}
}

// bytesText writes a size as people do: "0 B", "1.4 MB", in powers of 1,000.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), []string{"KB", "MB", "GB", "TB", "PB", "EB"}
	unit := ""
	for _, unit = range units {
		value /= 1000
		if value < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
