package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
)

// consumer is a consume loop of the masker in a test.
type consumer struct {
	cancel context.CancelFunc
	ended  chan error
}

func start(t *testing.T, c *bus.Conn, o bus.ConsumeOptions) *consumer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o.Stream, o.Durable, o.Service = bus.StreamRaw, "masker", "masker"
	k := &consumer{cancel: cancel, ended: make(chan error, 1)}
	go func() { k.ended <- c.Consume(ctx, o) }()
	t.Cleanup(cancel)
	return k
}

func (k *consumer) stop(t *testing.T) {
	t.Helper()
	k.cancel()
	select {
	case err := <-k.ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the consume loop does not end")
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(40 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("never came true: %s", what)
		}
	}
}

func publish(t *testing.T, c *bus.Conn, msgs ...bus.Message) {
	t.Helper()
	p := c.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
}

// seen counts what a handler was given.
type seen struct {
	mu    sync.Mutex
	times map[string]int
}

func (s *seen) add(data []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[string]int{}
	}
	s.times[string(data)]++
	return s.times[string(data)]
}

func (s *seen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

func (s *seen) of(data string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[data]
}

func TestConsumeAcknowledgesOnce(t *testing.T) {
	c := bustest.New(t)
	publish(t, c, raw(0, 500)...)
	var s seen
	k := start(t, c, bus.ConsumeOptions{Workers: 10, Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	eventually(t, "500 messages are handled", func() bool { return s.len() == 500 })
	k.stop(t)
	publish(t, c, raw(500, 1)...)
	k = start(t, c, bus.ConsumeOptions{Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	eventually(t, "the last message is handled", func() bool { return s.of("000500") == 1 })
	k.stop(t)
	for data, n := range s.times {
		if n != 1 {
			t.Errorf("%s was handled %d times", data, n)
		}
	}
}

func TestConsumeWaitsForItsDurable(t *testing.T) {
	c, _ := bustest.Raw(t)
	var s seen
	k := start(t, c, bus.ConsumeOptions{Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, raw(0, 1)...)
	eventually(t, "the message is handled", func() bool { return s.len() == 1 })
	k.stop(t)
}

// Each kind of fault sends exactly its own message to DEAD, after the tries it
// is due; the others are handled once.
func TestFaultsOfAMessageEndInDead(t *testing.T) {
	errBad := errors.New("bad")
	for _, tt := range []struct {
		name  string
		batch int
		fault func() error
		tries int // handler calls for the faulty message
	}{
		{"failure", 1, func() error { return errBad }, 3},
		{"failure in a batch", 50, func() error { return errBad }, 3},
		{"panic", 1, func() error { panic("secret text") }, 3},
		{"panic in a batch", 50, func() error { panic("secret text") }, 4}, // once beside others
		{"reject", 1, func() error { return bus.Reject(errBad) }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := bustest.New(t)
			publish(t, c, raw(0, 200)...)
			var s seen
			var times []time.Time
			k := start(t, c, bus.ConsumeOptions{Batch: tt.batch, Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
				s.add(d.Data)
				if string(d.Data) == "000100" {
					times = append(times, time.Now())
					return tt.fault()
				}
				return nil
			})})
			dead := awaitDead(t, c, 1)
			eventually(t, "all are handled", func() bool { return s.len() == 200 })
			k.stop(t)
			if got := s.of("000100"); got != tt.tries {
				t.Errorf("the faulty message was tried %d times, want %d", got, tt.tries)
			}
			if d := dead[0]; string(d.Data) != "000100" || d.Header[bus.HeaderDeadReason] == "" {
				t.Errorf("dead letter %q with %v", d.Data, d.Header)
			}
			if tt.name == "failure" {
				if a, b := times[1].Sub(times[0]), times[2].Sub(times[1]); a < 900*time.Millisecond || b < 1900*time.Millisecond {
					t.Errorf("tried again after %s and %s, want 1 s and 2 s", a, b)
				}
			}
		})
	}
}

// awaitDead gives the dead letters of the masker once there are n, and makes
// sure that there are not more.
func awaitDead(t *testing.T, c *bus.Conn, n int) []*bus.Delivery {
	t.Helper()
	var dead []*bus.Delivery
	eventually(t, fmt.Sprintf("%d dead letters", n), func() bool {
		var err error
		if dead, err = c.DeadLetters(context.Background(), "masker", 1000); err != nil {
			t.Fatal(err)
		}
		return len(dead) >= n
	})
	if len(dead) != n {
		t.Fatalf("%d dead letters, want %d", len(dead), n)
	}
	return dead
}

func TestAnUnknownSchemaGoesToDeadUnread(t *testing.T) {
	c := bustest.New(t)
	msgs := raw(0, 3)
	msgs[1].Header = map[string]string{bus.HeaderSchema: "99"}
	publish(t, c, msgs...)
	var s seen
	k := start(t, c, bus.ConsumeOptions{Batch: 3, Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	dead := awaitDead(t, c, 1)
	eventually(t, "the others are handled", func() bool { return s.len() == 2 })
	k.stop(t)
	if string(dead[0].Data) != "000001" || s.of("000001") != 0 {
		t.Errorf("dead letter %q, handled %d times", dead[0].Data, s.of("000001"))
	}
}

func TestDeadLettersAreSealed(t *testing.T) {
	c := bustest.New(t)
	publish(t, c, raw(0, 1)...)
	k := start(t, c, bus.ConsumeOptions{
		Handle: bus.Each(func(context.Context, *bus.Delivery) error { return bus.Reject(errors.New("no")) }),
		Seal:   func(plain []byte) ([]byte, error) { return []byte("sealed"), nil },
	})
	dead := awaitDead(t, c, 1)
	k.stop(t)
	if string(dead[0].Data) != "sealed" || dead[0].Header[bus.HeaderDeadSealed] != "1" {
		t.Errorf("dead letter %q with %v", dead[0].Data, dead[0].Header)
	}
}

func TestASealThatFailsKeepsTheMessage(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	publish(t, c, raw(0, 1)...)
	var broken atomic.Bool
	broken.Store(true)
	var sealed atomic.Int64
	k := start(t, c, bus.ConsumeOptions{
		Handle: bus.Each(func(context.Context, *bus.Delivery) error { return bus.Reject(errors.New("no")) }),
		Seal: func(plain []byte) ([]byte, error) {
			sealed.Add(1)
			if broken.Swap(false) {
				return nil, errors.New("no key")
			}
			return plain, nil
		},
	})
	awaitDead(t, c, 1)
	k.stop(t)
	if sealed.Load() != 2 {
		t.Errorf("sealed %d times, want 2", sealed.Load())
	}
}

// A dependency that is down is no fault of a message: all are held, nothing
// more is pulled, and everything is handled once it is back.
func TestADependencyThatIsDownStopsThePulling(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	publish(t, c, raw(0, 300)...)
	var up atomic.Bool
	var tried, done seen
	down := make(chan error, 10)
	k := start(t, c, bus.ConsumeOptions{
		Workers: 4,
		OnDown:  func(err error) { down <- err },
		Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
			if !up.Load() {
				tried.add(d.Data)
				return bus.Unavailable(errors.New("store is down"))
			}
			done.add(d.Data)
			return nil
		}),
	})
	if err := <-down; err == nil {
		t.Fatal("OnDown was told that all is well")
	}
	// Longer than AckWait, so that only in-progress keeps what is held.
	time.AfterFunc(bus.AckWait+2*time.Second, func() { up.Store(true) })
	eventually(t, "all are handled", func() bool { return done.len() == 300 })
	if err := <-down; err != nil {
		t.Fatal("OnDown was not told that all is well again")
	}
	k.stop(t)
	if n := tried.len(); n > 8 {
		t.Errorf("%d messages were pulled while the dependency was down, want at most 2 × 4", n)
	}
	for data, n := range done.times {
		if n != 1 {
			t.Errorf("%s was handled %d times", data, n)
		}
	}
	awaitDead(t, c, 0)
}

func TestAStopHandsBackWhatNobodyWorkedOn(t *testing.T) {
	c := bustest.New(t)
	publish(t, c, raw(0, 20)...)
	begun, let := make(chan struct{}, 20), make(chan struct{})
	var s seen
	k := start(t, c, bus.ConsumeOptions{Workers: 2, Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		begun <- struct{}{}
		<-let
		s.add(d.Data)
		return nil
	})})
	<-begun
	<-begun
	k.cancel()
	close(let)
	k.stop(t)
	if s.len() != 2 {
		t.Errorf("%d were finished after the stop, want the 2 in work", s.len())
	}
	from := time.Now()
	k = start(t, c, bus.ConsumeOptions{Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
		s.add(d.Data)
		return nil
	})})
	eventually(t, "the rest is handled", func() bool { return s.len() == 20 })
	if took := time.Since(from); took > bus.AckWait-time.Second {
		t.Errorf("the rest came after %s: it was not handed back", took)
	}
	k.stop(t)
	for data, n := range s.times {
		if n != 1 {
			t.Errorf("%s was handled %d times", data, n)
		}
	}
}

// The child process of TestPoisonThatKillsTheProcess.
const poisonEnv = "TOCSIN_TEST_POISON_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(poisonEnv); url != "" {
		os.Exit(poisoned(url))
	}
	if dir := os.Getenv(poisonDirEnv); dir != "" {
		os.Exit(poisonedWithBroker(dir))
	}
	os.Exit(m.Run())
}

// poisoned consumes until it meets the poison, which ends the process as a
// fatal error of the runtime would.
func poisoned(url string) int {
	ctx := context.Background()
	c, err := bus.Connect(ctx, bus.Options{URL: url, Name: "poisoned"})
	if err != nil {
		return 3
	}
	p := c.NewPublisher()
	err = c.Consume(ctx, bus.ConsumeOptions{
		Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Workers: 10,
		Handle: bus.Each(func(ctx context.Context, d *bus.Delivery) error {
			if string(d.Data) == "000500" {
				os.Exit(1)
			}
			return p.Publish(ctx, bus.Message{Subject: bus.SubjectMasked, ID: string(d.Data), Data: d.Data})
		}),
	})
	fmt.Fprintln(os.Stderr, err)
	return 3
}

func TestPoisonThatKillsTheProcess(t *testing.T) {
	t.Parallel()
	c, url := bustest.Raw(t)
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, raw(0, 1000)...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		crashes := 0
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), poisonEnv+"="+url)
			if err := cmd.Run(); err != nil && ctx.Err() == nil {
				crashes++
			}
		}
		ended <- crashes
	}()
	var s seen
	k := make(chan error, 1)
	go func() {
		k <- c.Consume(ctx, bus.ConsumeOptions{
			Stream: bus.StreamEvents, Durable: "indexer", Service: "indexer", Batch: 100,
			Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
				s.add(d.Data)
				return nil
			}),
		})
	}()
	dead := awaitDead(t, c, 1)
	eventually(t, "the 999 others are handled", func() bool { return s.len() == 999 })
	cancel()
	if err := <-k; err != nil {
		t.Fatal(err)
	}
	crashes := <-ended
	if string(dead[0].Data) != "000500" {
		t.Errorf("the dead letter is %s", dead[0].Data)
	}
	awaitDead(t, c, 1) // still only that one
	if crashes < 3 || crashes > 5 {
		t.Errorf("the poison ended %d processes, want 3 to 5", crashes)
	}
}
