package collector

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
	"tocsin/pkg/service/servicetest"
)

// TestOverARealBroker: what stands in a file reaches the masker's durable.
func TestOverARealBroker(t *testing.T) {
	conn := bustest.New(t)
	rt := servicetest.Testing(t, conn)
	path := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(path, []byte("ERROR one\n"+javaText), 0o644); err != nil {
		t.Fatal(err)
	}
	rt.Settings.LogFilePaths = " " + path + " , "
	s, err := New(t.Context(), OptionsFrom(rt.For("collector")))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	got := make(chan *events.Event, 10)
	consumed := make(chan error, 1)
	consumeCtx, stop := context.WithCancel(ctx)
	go func() {
		consumed <- conn.Consume(consumeCtx, bus.ConsumeOptions{
			Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Log: rt.Log,
			Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
				e, err := events.Decode(d.Data)
				if err == nil {
					got <- e
				}
				return err
			}),
		})
	}()
	select {
	case e := <-got:
		if e.Host != "test" || e.Kind != events.KindStack || e.File != path || !e.Backlog {
			t.Errorf("event %+v", e)
		}
	case <-ctx.Done():
		t.Fatal("no event came")
	}
	stop()
	if err := <-consumed; err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
