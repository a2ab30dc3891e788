package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/bus/embedded"
)

// raw makes n messages with ids and data of their number.
func raw(from, n int) []bus.Message {
	msgs := make([]bus.Message, n)
	for i := range msgs {
		id := fmt.Sprintf("%06d", from+i)
		msgs[i] = bus.Message{Subject: bus.SubjectRaw, ID: id, Data: []byte(id)}
	}
	return msgs
}

// collect consumes until n messages came and gives their data in order.
func collect(t *testing.T, c *bus.Conn, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	err := c.Consume(ctx, bus.ConsumeOptions{
		Stream: bus.StreamRaw, Durable: "masker", Service: "masker", Batch: 100,
		Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
			got = append(got, string(d.Data))
			if len(got) == n {
				cancel()
			}
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPublishKeepsOrderAcrossBatches(t *testing.T) {
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), raw(0, 1000)...); err != nil {
		t.Fatal(err)
	}
	for i, data := range collect(t, c, 1000) {
		if want := fmt.Sprintf("%06d", i); data != want {
			t.Fatalf("message %d is %s", i, data)
		}
	}
}

func TestPublishSharesBatchesBetweenCalls(t *testing.T) {
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if err := p.Publish(t.Context(), raw(i*10, 10)...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, data := range collect(t, c, 3000) {
		seen[data] = true
	}
	if len(seen) != 3000 {
		t.Fatalf("%d different messages arrived, want 3000", len(seen))
	}
}

func TestPublishAgainIsCountedAndNotStoredTwice(t *testing.T) {
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), raw(0, 50)...); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), raw(25, 50)...); err != nil {
		t.Fatal(err)
	}
	if got := p.Duplicates(); got != 25 {
		t.Errorf("Duplicates() = %d, want 25", got)
	}
	got := collect(t, c, 75)
	for i, data := range got {
		if want := fmt.Sprintf("%06d", i); data != want {
			t.Fatalf("message %d is %s", i, data)
		}
	}
}

func TestPublishRefusesWhatNeverFits(t *testing.T) {
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectRaw, ID: "big", Data: make([]byte, embedded.MaxPayload+1)})
	if err == nil {
		t.Fatal("a message over the broker's payload was taken")
	}
	if err := p.Publish(t.Context(), raw(0, 1)...); err != nil {
		t.Fatalf("after a refused message: %v", err)
	}
}

func TestPublishOneRefusedCallDoesNotFailTheOthers(t *testing.T) {
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			msgs := raw(i, 1)
			if i == 25 {
				msgs[0].Data = make([]byte, embedded.MaxPayload+1)
			}
			if err := p.Publish(t.Context(), msgs...); (err != nil) != (i == 25) {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if got := len(collect(t, c, 49)); got != 49 {
		t.Fatalf("%d arrived, want 49", got)
	}
}

func TestPublishWaitsForAFullStream(t *testing.T) {
	t.Parallel()
	c, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.RawMaxBytes = 200_000
	if err := c.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p := c.NewPublisher()
	defer p.Close()
	msgs := raw(0, 400)
	for i := range msgs {
		msgs[i].Data = append(msgs[i].Data, make([]byte, 1000)...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.Publish(ctx, msgs...) }()
	go func() { _ = c.Janitor(ctx, bus.JanitorOptions{}) }()
	got := collect(t, c, 400)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i, data := range got {
		if want := fmt.Sprintf("%06d", i); data[:6] != want {
			t.Fatalf("message %d is %s: order was lost", i, data[:6])
		}
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	c, _ := bustest.Raw(t) // no streams: nothing can be stored
	p := c.NewPublisher()
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, raw(0, 3)...); err == nil {
		t.Fatal("published into nothing")
	}
}

func TestPublishKeepsTheReserveForAnalyses(t *testing.T) {
	t.Parallel()
	c, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.EventsMaxBytes = 400_000
	if err := c.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p := c.NewPublisher()
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	full := make(chan int)
	go func() {
		for i := 0; ; i++ {
			one, stop := context.WithTimeout(ctx, 2*time.Second)
			err := p.Publish(one, bus.Message{Subject: bus.SubjectMasked, ID: fmt.Sprint(i), Data: make([]byte, 10_000)})
			stop()
			if err != nil {
				full <- i
				return
			}
		}
	}()
	stored := <-full
	if stored < 20 || stored > 36 {
		t.Errorf("%d messages of 10 kB went into 400 kB, want at most 90 %%", stored)
	}
	if err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectAnalyzed, ID: "a", Data: make([]byte, 10_000)}); err != nil {
		t.Fatalf("no room for an analysis: %v", err)
	}
}

func TestPublishSurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "broker")
	first, err := embedded.Start(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	url := first.URL()
	var port int
	if _, err := fmt.Sscanf(url[len("nats://127.0.0.1:"):], "%d", &port); err != nil {
		t.Fatal(err)
	}
	c := bustest.Connect(t, url)
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	p := c.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), raw(0, 100)...); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), raw(100, 100)...) }()
	second, err := embedded.Start(embedded.Options{Dir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i, data := range collect(t, c, 200) {
		if want := fmt.Sprintf("%06d", i); data != want {
			t.Fatalf("message %d is %s", i, data)
		}
	}
}

// Also where no id tells the broker that it knows a message, what was stored
// before the stream was full is not stored again.
func TestPublishIntoAFullStreamStoresOnce(t *testing.T) {
	t.Parallel()
	c, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.RawMaxBytes = 50_000
	if err := c.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p := c.NewPublisher()
	defer p.Close()
	msgs := raw(0, 10)
	for i := range msgs {
		msgs[i].ID = ""
		msgs[i].Data = append(msgs[i].Data, make([]byte, 9000)...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.Publish(ctx, msgs...) }()
	eventually(t, "the stream is full", func() bool {
		n, err := c.StreamMessages(ctx, bus.StreamRaw)
		return err == nil && n >= 5
	})
	go func() { _ = c.Janitor(ctx, bus.JanitorOptions{}) }()
	for i, data := range collect(t, c, 10) {
		if want := fmt.Sprintf("%06d", i); data[:6] != want {
			t.Fatalf("message %d is %s", i, data[:6])
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A call whose context ends does not wait for the others of its batch.
func TestPublishEndsWithItsContextInASharedBatch(t *testing.T) {
	_, url := bustest.Raw(t) // no streams: nothing can be stored
	waits := make(chan struct{}, 100)
	c, err := bus.Connect(t.Context(), bus.Options{URL: url, Log: slog.New(onLog{slog.DiscardHandler, "publishing waits", waits})})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := c.NewPublisher()
	defer p.Close()
	ctx, stopAll := context.WithCancel(t.Context())
	defer stopAll()
	first, stopFirst := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer stopAll()
	others.Go(func() { _ = p.Publish(first, raw(0, 1)...) })
	<-waits // what follows shares the next batch
	for i := range 20 {
		others.Go(func() { _ = p.Publish(ctx, raw(1+i, 1)...) })
	}
	own, stopOwn := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stopOwn()
	time.AfterFunc(200*time.Millisecond, stopFirst)
	ended := make(chan error, 1)
	go func() { ended <- p.Publish(own, raw(30, 1)...) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for the others of its batch")
	}
}

// A broker that refuses the credentials for a while, as during a change of
// them, is connected to again.
func TestAConnectionOutlivesRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var port int
	begin := func(token string) *embedded.Server {
		t.Helper()
		server, err := embedded.Start(embedded.Options{Dir: dir, Token: token, Port: port})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(server.URL()[len("nats://127.0.0.1:"):], "%d", &port); err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := begin("a")
	refused := make(chan struct{}, 100)
	c, err := bus.Connect(t.Context(), bus.Options{URL: server.URL(), Token: "a", Log: slog.New(onLog{slog.DiscardHandler, "authorization", refused})})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	server.Stop()
	server = begin("b")
	for range 3 {
		select {
		case <-refused:
		case <-time.After(10 * time.Second):
			t.Fatal("it does not try again after a refusal")
		}
	}
	server.Stop()
	server = begin("a")
	defer server.Stop()
	eventually(t, "it is connected again", c.Connected)
}

// onLog reports lines of the log that hold a text.
type onLog struct {
	slog.Handler
	text string
	seen chan struct{}
}

func (h onLog) Enabled(context.Context, slog.Level) bool { return true }

func (h onLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.Value.String()
		return true
	})
	if strings.Contains(strings.ToLower(line), h.text) {
		select {
		case h.seen <- struct{}{}:
		default:
		}
	}
	return nil
}
