package bus_test

import (
	"context"
	"fmt"
	"testing"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
)

// The benchmarks say what an event of 1 KB costs on the bus, every write
// synced. Compare ns/op of one run with another of the same run.

func messages(n int) []bus.Message {
	msgs := make([]bus.Message, n)
	for i := range msgs {
		msgs[i] = bus.Message{Subject: bus.SubjectRaw, Data: make([]byte, 1024)}
	}
	return msgs
}

func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 10, 200} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			c := bustest.New(b)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go drain(ctx, c)
			go func() { _ = c.Janitor(ctx, bus.JanitorOptions{}) }()
			p := c.NewPublisher()
			defer p.Close()
			msgs := messages(size)
			sent := 0
			for b.Loop() {
				for i := range msgs {
					msgs[i].ID = fmt.Sprint(sent)
					sent++
				}
				if err := p.Publish(b.Context(), msgs...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

func drain(ctx context.Context, c *bus.Conn) {
	_ = c.Consume(ctx, bus.ConsumeOptions{Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Batch: 200,
		Handle: func(_ context.Context, batch []*bus.Delivery) []error { return make([]error, len(batch)) }})
}

func BenchmarkConsume(b *testing.B) {
	for _, workers := range []int{1, 10} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c := bustest.New(b)
			p := c.NewPublisher()
			defer p.Close()
			const n = 20_000
			for b.Loop() {
				b.StopTimer()
				if err := p.Publish(b.Context(), messages(n)...); err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				var s seen
				handled := 0
				b.StartTimer()
				err := c.Consume(ctx, bus.ConsumeOptions{Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Workers: workers,
					Handle: bus.Each(func(context.Context, *bus.Delivery) error {
						s.mu.Lock()
						if handled++; handled == n {
							cancel()
						}
						s.mu.Unlock()
						return nil
					})})
				cancel()
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

func BenchmarkKVWrite(b *testing.B) {
	for _, size := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("keys=%d", size), func(b *testing.B) {
			c := bustest.New(b)
			kv, err := c.KV(b.Context(), bus.BucketAlerts)
			if err != nil {
				b.Fatal(err)
			}
			changes := make([]bus.Change, size)
			for i := range changes {
				changes[i] = bus.Change{Key: fmt.Sprintf("group.%d", i), Value: make([]byte, 1024)}
			}
			for b.Loop() {
				revisions, err := kv.Write(b.Context(), changes)
				if err != nil {
					b.Fatal(err)
				}
				for i := range changes {
					changes[i].Revision = revisions[i]
				}
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}
