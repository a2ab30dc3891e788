package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/bus/embedded"
)

// triesOf gives what KV suspects holds of the first message of RAW.
func triesOf(t *testing.T, c *bus.Conn) string {
	t.Helper()
	kv, err := c.KV(t.Context(), bus.BucketSuspects)
	if err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(t.Context(), "RAW.masker.1")
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		t.Fatal(err)
	}
	return string(e.Value)
}

// handOnce has the only message delivered and handed back once, which makes it
// a suspect.
func handOnce(t *testing.T, c *bus.Conn) {
	t.Helper()
	down := make(chan error, 2)
	k := start(t, c, bus.ConsumeOptions{
		OnDown: func(err error) { down <- err },
		Handle: bus.Each(func(context.Context, *bus.Delivery) error { return bus.Unavailable(errors.New("away")) }),
	})
	<-down
	k.stop(t)
}

func TestAStopThatCutsOffASuspectIsNoTry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		verdict func(error) error
	}{
		{"the dependency hangs", bus.Unavailable},
		{"the work is cut off", func(err error) error { return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := bustest.New(t)
			publish(t, c, raw(0, 1)...)
			handOnce(t, c)
			counted := make(chan string, 1)
			k := start(t, c, bus.ConsumeOptions{Handle: bus.Each(func(ctx context.Context, _ *bus.Delivery) error {
				counted <- triesOf(t, c)
				<-ctx.Done()
				return tt.verdict(ctx.Err())
			})})
			if got := <-counted; got == "" {
				t.Error("the try was not counted before the work")
			}
			from := time.Now()
			k.stop(t)
			if took := time.Since(from); took > 4*time.Second {
				t.Errorf("the stop took %s", took)
			}
			if got := triesOf(t, c); got != "" {
				t.Errorf("the stop counts as a try: %s", got)
			}
		})
	}
}

// Whoever restarts us while a stream is full for hours does not send what
// waits for it to DEAD.
func TestWaitingToPublishIsNoTry(t *testing.T) {
	t.Parallel()
	c, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.EventsMaxBytes = 100_000
	if err := c.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	publish(t, c, raw(0, 1)...)
	handOnce(t, c)
	p := c.NewPublisher()
	defer p.Close()
	counted := make(chan string, 1)
	k := start(t, c, bus.ConsumeOptions{Handle: bus.Each(func(ctx context.Context, d *bus.Delivery) error {
		counted <- triesOf(t, c)
		return p.Publish(ctx, bus.Message{Subject: bus.SubjectMasked, ID: "big", Data: make([]byte, 95_000)})
	})})
	if got := <-counted; got == "" {
		t.Error("the try was not counted before the work")
	}
	eventually(t, "the try counts no more", func() bool { return triesOf(t, c) == "" })
	k.stop(t)
}

// The child process of TestPoisonThatEndsTheBrokerToo.
const poisonDirEnv = "TOCSIN_TEST_POISON_DIR"

// poisonedWithBroker is poisoned with a broker of its own, which dies with it.
// It gives 0 once the poison is in DEAD and the others are through.
func poisonedWithBroker(dir string) int {
	server, err := embedded.Start(embedded.Options{Dir: dir})
	if err != nil {
		return 3
	}
	defer server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := bus.Connect(ctx, bus.Options{URL: server.URL(), Name: "poisoned"})
	if err != nil || c.Apply(ctx, bustest.Defaults()) != nil {
		return 3
	}
	p := c.NewPublisher()
	done := make(chan error, 1)
	go func() {
		done <- c.Consume(ctx, bus.ConsumeOptions{
			Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Workers: 10,
			Handle: bus.Each(func(ctx context.Context, d *bus.Delivery) error {
				if string(d.Data) == "000500" {
					os.Exit(1)
				}
				return p.Publish(ctx, bus.Message{Subject: bus.SubjectMasked, ID: string(d.Data), Data: d.Data})
			}),
		})
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		dead, err := c.DeadLetters(ctx, "masker", 10)
		n, err2 := c.StreamMessages(ctx, bus.StreamEvents)
		if err != nil || err2 != nil {
			return 3
		}
		if len(dead) == 1 && string(dead[0].Data) == "000500" && n == 999 {
			break
		}
	}
	cancel()
	if <-done != nil {
		return 3
	}
	return 0
}

// In `up` the broker dies with the process and may have forgotten what it
// delivered; the poison has to be found all the same.
func TestPoisonThatEndsTheBrokerToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := embedded.Start(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := bustest.Connect(t, server.URL())
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, raw(0, 1000)...)
	c.Close()
	server.Stop()
	for crashes := 0; ; crashes++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), poisonDirEnv+"="+dir)
		err := cmd.Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			if crashes < 3 {
				t.Errorf("the poison ended %d processes, want at least 3", crashes)
			}
			return
		case !errors.As(err, &exit) || exit.ExitCode() != 1:
			t.Fatal(fmt.Errorf("the child failed: %w", err))
		case crashes == 10:
			t.Fatalf("the poison escapes: it ended %d processes", crashes)
		}
	}
}
