package bus_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
)

// link is a way to a broker that can be stopped without being cut.
type link struct {
	url   string
	gate  sync.RWMutex // locked: nothing passes
	count atomic.Int64 // connections so far
}

func newLink(t *testing.T, url string) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	l := &link{url: "nats://" + ln.Addr().String()}
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			broker, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			l.count.Add(1)
			go l.pass(client, broker)
			go l.pass(broker, client)
		}
	}()
	return l
}

func (l *link) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		l.gate.RLock()
		_, err = to.Write(buf[:n])
		l.gate.RUnlock()
		if err != nil {
			return
		}
	}
}

// A broker that hangs holds up no stop, and is found out.
func TestABrokerThatHangs(t *testing.T) {
	t.Parallel()
	c, url := bustest.Raw(t)
	if err := c.Apply(t.Context(), bustest.Defaults()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, raw(0, 50)...)
	l := newLink(t, url)
	d := bustest.Connect(t, l.url)
	begun := make(chan struct{}, 50)
	k := start(t, d, bus.ConsumeOptions{Workers: 4, Handle: bus.Each(func(ctx context.Context, _ *bus.Delivery) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})})
	<-begun
	l.gate.Lock()
	from := time.Now()
	k.stop(t)
	if took := time.Since(from); took > 4*time.Second {
		t.Errorf("the stop took %s", took)
	}
	eventually(t, "the hanging broker is found out", func() bool { return !d.Connected() })
	if took := time.Since(from); took > 17*time.Second {
		t.Errorf("the hanging broker was found out after %s", took)
	}
	l.gate.Unlock()
	eventually(t, "the broker is reached again", d.Connected)
}

// Large events behind a slow link are no more than the broker holds ready for
// one client.
func TestLargeEventsBehindASlowLink(t *testing.T) {
	t.Parallel()
	c := bustest.New(t)
	p := c.NewPublisher()
	defer p.Close()
	const n = 200
	for i := range n {
		data := append([]byte(fmt.Sprintf("%06d", i)), make([]byte, 500_000)...)
		if err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectMasked, ID: fmt.Sprint(i), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	l := newLink(t, c.URL())
	d := bustest.Connect(t, l.url)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var s seen
	var once sync.Once
	ended := make(chan error, 1)
	go func() {
		ended <- d.Consume(ctx, bus.ConsumeOptions{Stream: bus.StreamEvents, Durable: "alerter", Service: "alerter", Batch: n,
			Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
				once.Do(func() {
					l.gate.Lock()
					time.AfterFunc(1500*time.Millisecond, l.gate.Unlock)
				})
				s.add(d.Data[:6])
				return nil
			})})
	}()
	eventually(t, "all are handled", func() bool { return s.len() == n })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := l.count.Load(); got != 1 {
		t.Errorf("the broker cut the consumer off: %d connections", got)
	}
	for data, times := range s.times {
		if times != 1 {
			t.Errorf("%s was handled %d times", data, times)
		}
	}
}
