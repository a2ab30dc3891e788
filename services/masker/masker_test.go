package masker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
	"tocsin/pkg/service"
	"tocsin/pkg/service/servicetest"
)

// deadline bounds every wait for the broker.
const deadline = 20 * time.Second

func testOptions(t *testing.T, conn *bus.Conn) Options {
	t.Helper()
	rt := servicetest.Testing(t, conn).For(service.Masker)
	rt.Settings.MaskKey = "a key for tests"
	return OptionsFrom(rt)
}

// start runs a masker until the test ends.
func start(t *testing.T, o Options) *Service {
	t.Helper()
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// publish sends messages as a collector would.
func publish(t *testing.T, conn *bus.Conn, msgs ...bus.Message) {
	t.Helper()
	p := conn.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T, e *events.Event, header map[string]string) bus.Message {
	t.Helper()
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Message{Subject: bus.SubjectRaw, ID: e.ID + header[bus.HeaderRun], Data: data, Header: header}
}

// masked reads what came out.
func masked(t *testing.T, conn *bus.Conn, n int) []*bus.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	got := make(chan *bus.Delivery, 100)
	done := make(chan error, 1)
	go func() {
		done <- conn.Consume(ctx, bus.ConsumeOptions{
			Stream: bus.StreamEvents, Durable: service.Indexer, Service: service.Indexer,
			Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error { got <- d; return nil }),
			Log:    servicetest.Testing(t, conn).Log,
		})
	}()
	var out []*bus.Delivery
	for len(out) < n {
		select {
		case d := <-got:
			out = append(out, d)
		case <-ctx.Done():
			t.Fatalf("%d of %d masked events came", len(out), n)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return out
}

// dead waits for the first dead letter of the masker.
func dead(t *testing.T, conn *bus.Conn) *bus.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		letters, err := conn.DeadLetters(ctx, name, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(letters) > 0 {
			return letters[0]
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no dead letter came")
		}
	}
}

func TestMasksAndPassesOn(t *testing.T) {
	conn := bustest.New(t)
	s := start(t, testOptions(t, conn))
	publish(t, conn, raw(t, &events.Event{ID: "e1", Kind: events.KindLog, Message: "login failed password=hunter2 after 30 ms", Body: "mail bob@example.com"},
		map[string]string{bus.HeaderRun: "3", headerTrace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}))
	d := masked(t, conn, 1)[0]
	if bytes.Contains(d.Data, []byte("hunter2")) || bytes.Contains(d.Data, []byte("bob@")) {
		t.Fatalf("a secret was passed on: %s", d.Data)
	}
	e, err := events.Decode(d.Data)
	if err != nil {
		t.Fatal(err)
	}
	if e.Masked["password"] != 1 || e.Masked["email"] != 1 {
		t.Errorf("masked %v", e.Masked)
	}
	if e.Fingerprint == "" || e.Group != events.NewGroup(e.Fingerprint) || strings.Contains(e.Fingerprint, "30") {
		t.Errorf("fingerprint %q, group %q", e.Fingerprint, e.Group)
	}
	if e.Revision != 6 || d.Run() != "3" || d.Header[headerTrace] == "" || d.Subject != bus.SubjectMasked {
		t.Errorf("revision %d, header %v, subject %s", e.Revision, d.Header, d.Subject)
	}
	if n := testutil.ToFloat64(s.metrics.masked.WithLabelValues("password")); n != 1 {
		t.Errorf("tocsin_masked_total{kind=password} is %v", n)
	}
}

func TestRefusedGoesSealedToDead(t *testing.T) {
	conn := bustest.New(t)
	s := start(t, testOptions(t, conn))
	publish(t, conn, bus.Message{Subject: bus.SubjectRaw, ID: "x", Data: []byte("no JSON, password=hunter2")})
	d := dead(t, conn)
	if bytes.Contains(d.Data, []byte("hunter2")) {
		t.Fatalf("the dead letter is not sealed: %s", d.Data)
	}
	for k, v := range d.Header {
		if strings.Contains(v, "hunter2") {
			t.Errorf("header %s tells the text: %s", k, v)
		}
	}
	if plain, err := s.seal.Open(d.Data); err != nil || !strings.Contains(string(plain), "hunter2") {
		t.Errorf("the dead letter can't be opened: %v", err)
	}
}

func TestDecode(t *testing.T) {
	f := func(header map[string]string, data, want string) {
		t.Helper()
		_, err := decode(&bus.Delivery{Header: header, Data: []byte(data)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("decode: %v, want %q", err, want)
		}
	}
	f(nil, `password=hunter2`, "cannot decode")
	f(nil, `{"message":"hunter2"}`, "no id")
	f(map[string]string{bus.HeaderRun: "x"}, `{"id":"1"}`, bus.HeaderRun)
	if e, err := decode(&bus.Delivery{Data: []byte(`{"id":"1"}`)}); err != nil || e.ID != "1" {
		t.Errorf("decode: %v", err)
	}
}

func prepared(t *testing.T, change func(*Options)) *Service {
	t.Helper()
	o := testOptions(t, bustest.New(t))
	change(&o)
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTooLongIsMaskedCoarsely(t *testing.T) {
	s := prepared(t, func(o *Options) { o.limit = 1 })
	e := &events.Event{ID: "1", Message: "x password=hunter2", Body: "secret body", Before: []string{"secret before"}, Fields: map[string]string{"a": "secret"}, Frames: []events.Frame{{Function: "secret"}}}
	if err := s.maskEvent(t.Context(), e, 100); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hunter2") || strings.Contains(string(data), "secret") {
		t.Errorf("left: %s", data)
	}
	if e.TruncatedBytes != int64(len("secret body")) || !strings.Contains(e.Body, "took too long") || e.Masked["password"] != 1 {
		t.Errorf("coarse event %s", data)
	}
}

func TestTooBigIsMaskedCoarsely(t *testing.T) {
	s := prepared(t, func(*Options) {})
	e := &events.Event{ID: "1", Message: strings.Repeat("m ", 1<<20), Body: "text"}
	if err := s.maskEvent(t.Context(), e, events.MaxEncoded+1); err != nil {
		t.Fatal(err)
	}
	if len(e.Message) > maxCoarse || !strings.Contains(e.Body, "too big") {
		t.Errorf("message of %d bytes, body %q", len(e.Message), e.Body)
	}
}

func TestPanicIsAnErrorWithoutText(t *testing.T) {
	s := prepared(t, func(*Options) {})
	s.masker = nil // every use panics
	data, err := events.Encode(&events.Event{ID: "7", Message: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.maskDelivery(t.Context(), &bus.Delivery{Data: data, Sequence: 7})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "message 7") {
		t.Errorf("error %v", err)
	}
}

func TestStoppedIsNotCoarse(t *testing.T) {
	s := prepared(t, func(*Options) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &events.Event{ID: "1", Message: "m", Body: "text"}
	if err := s.maskEvent(ctx, e, 1); !errors.Is(err, context.Canceled) || e.TruncatedBytes != 0 {
		t.Errorf("error %v, %d bytes cut", err, e.TruncatedBytes)
	}
}

func TestSharedKey(t *testing.T) {
	conn := bustest.New(t)
	kv, err := conn.KV(t.Context(), bus.BucketMasker)
	if err != nil {
		t.Fatal(err)
	}
	f := func(first, second string, want error) {
		t.Helper()
		if err := kv.Delete(t.Context(), keyEntry); err != nil {
			t.Fatal(err)
		}
		a, err := sharedKey(t.Context(), kv, []byte(first))
		if err != nil {
			t.Fatal(err)
		}
		entry, err := kv.Get(t.Context(), keyEntry)
		if err != nil {
			t.Fatal(err)
		}
		if first != "" && bytes.Contains(entry.Value, []byte(first)) {
			t.Errorf("MASK_KEY stands in the bucket: %s", entry.Value)
		}
		b, err := sharedKey(t.Context(), kv, []byte(second))
		if !errors.Is(err, want) {
			t.Errorf("%q, then %q: %v, want %v", first, second, err, want)
		}
		if want == nil && (!bytes.Equal(a, b) || len(a) == 0) {
			t.Errorf("%q, then %q: two keys", first, second)
		}
	}
	f("one", "one", nil)
	f("", "", nil)
	f("one", "two", errOtherKey)
	f("one", "", errNeedKey)
	f("", "one", errMadeKey)
}

func TestAnotherKeyDoesNotStart(t *testing.T) {
	conn := bustest.New(t)
	o := testOptions(t, conn)
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	o = testOptions(t, conn)
	o.Key = []byte("another key")
	if s, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, errOtherKey) {
		t.Errorf("Run: %v", err)
	}
}

func TestOptions(t *testing.T) {
	conn := bustest.New(t)
	f := func(want string, change func(*Options)) {
		t.Helper()
		o := testOptions(t, conn)
		change(&o)
		if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
	}
	f("MASK_LEVELS", func(o *Options) { o.Levels = "secrets,all" })
	f("MASK_MODE", func(o *Options) { o.Mode = "hide" })
	f("MAX_WORKERS", func(o *Options) { o.Workers = 0 })
	f("bus", func(o *Options) { o.Bus = nil })
	f("holder", func(o *Options) { o.Janitor, o.Holder = true, "" })
}

func TestSeal(t *testing.T) {
	a, err := NewSeal([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSeal([]byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := a.Seal([]byte("password=hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Error("sealed text can be read")
	}
	if plain, err := a.Open(sealed); err != nil || string(plain) != "password=hunter2" {
		t.Errorf("Open: %q, %v", plain, err)
	}
	again, err := a.Seal([]byte("password=hunter2"))
	if err != nil || bytes.Equal(sealed, again) {
		t.Errorf("the same text is sealed the same way: %v", err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for _, bad := range [][]byte{nil, []byte("plain text that is long enough to be one"), changed, sealed[:20]} {
		if _, err := a.Open(bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
	if _, err := b.Open(sealed); err == nil {
		t.Error("another key opens it")
	}
	if _, err := NewSeal(nil); err == nil {
		t.Error("an empty key seals")
	}
}
