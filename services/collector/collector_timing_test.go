package collector

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"tocsin/pkg/events"
)

// BenchmarkScan reads lines of about 110 bytes, one in a hundred an event.
func BenchmarkScan(b *testing.B) {
	var buf bytes.Buffer
	for i := range 100_000 {
		level, text := "INFO", "reserved stock"
		if i%100 == 0 {
			level, text = "ERROR", "cannot reserve stock: connection refused"
		}
		fmt.Fprintf(&buf, "2026-11-23 10:%02d:%02d,%03d %s [worker-%d] c.e.shop.OrderService - %s for order %d of customer %d\n", i/60%60, i%60, i%1000, level, i%16, text, i, i*7)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		n := 0
		err := Scan(context.Background(), ScanOptions{Location: time.UTC}, bytes.NewReader(buf.Bytes()), "a.log", func(*events.Event) error { n++; return nil })
		if err != nil || n != 1000 {
			b.Fatalf("%d events, error %v", n, err)
		}
	}
}

func BenchmarkRulesLoad(b *testing.B) {
	for b.Loop() {
		if _, err := newEnv("h", time.UTC, true, time.Now); err != nil {
			b.Fatal(err)
		}
	}
}
