package indexer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
	"tocsin/pkg/service/servicetest"
	"tocsin/pkg/store"
	"tocsin/pkg/store/sqlite"
	"tocsin/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an indexer under test.
type bench struct {
	*Service
	conn     *bus.Conn
	registry *prometheus.Registry
	results  chan string // what Observe was told
	well     chan error
	ready    chan struct{}
	log      *syncBuffer
}

func newBench(t *testing.T, conn *bus.Conn, change func(o *Options)) *bench {
	t.Helper()
	b := &bench{
		conn: conn, registry: prometheus.NewRegistry(), log: &syncBuffer{},
		results: make(chan string, 10_000), well: make(chan error, 100), ready: make(chan struct{}, 100),
	}
	o := Options{
		Bus: conn, Log: slog.New(slog.NewTextHandler(b.log, nil)), Registry: b.registry, Workers: 10,
		Path:    sqlite.Path(t.TempDir()),
		Observe: func(result string, _ time.Duration) { b.results <- result },
		Well:    func(err error) { b.well <- err },
		Ready:   func() { b.ready <- struct{}{} },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if b.Service, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs the indexer until the test ends or stop is called.
func (b *bench) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := await(t, ended); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// awaitResults waits for n results of one kind and lets others pass.
func (b *bench) awaitResults(t *testing.T, result string, n int) {
	t.Helper()
	for n > 0 {
		if await(t, b.results) == result {
			n--
		}
	}
}

func (b *bench) counter(t *testing.T, name string) float64 {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func publish(t *testing.T, conn *bus.Conn, subject string, list ...*events.Event) {
	t.Helper()
	p := conn.NewPublisher()
	defer p.Close()
	var msgs []bus.Message
	for _, e := range list {
		data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		msgs = append(msgs, bus.Message{Subject: subject, ID: bus.MsgID(subject, e.ID, ""), Data: data})
	}
	if err := p.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
}

func publishText(t *testing.T, conn *bus.Conn, text string) {
	t.Helper()
	p := conn.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectMasked, Data: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, path string) []string {
	t.Helper()
	s, err := sqlite.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return storetest.IDs(t, s)
}

func TestMaskedAndAnalysedAreOneDocument(t *testing.T) {
	conn := bustest.New(t)
	b := newBench(t, conn, nil)
	stop := b.start(t)
	await(t, b.ready)
	var masked, analysed []*events.Event
	for n := range 300 {
		masked, analysed = append(masked, storetest.Event(n, 0)), append(analysed, storetest.Event(n, 1))
	}
	publish(t, conn, bus.SubjectMasked, masked[:150]...)
	publish(t, conn, bus.SubjectAnalyzed, analysed...)
	publish(t, conn, bus.SubjectMasked, masked[150:]...) // these come late
	b.awaitResults(t, "ok", 600)

	if n := len(stored(t, b.Path)); n != 300 { // while it is running
		t.Errorf("%d events are stored, want 300", n)
	}
	stop()
	s, err := sqlite.OpenReadOnly(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for e, err := range s.All(t.Context()) {
		if err != nil || e.Revision != 1 {
			t.Fatalf("got %v, %v: the earlier stage overwrote the later one", e, err)
		}
	}
	if got := b.counter(t, "es_write_success_total"); got != 600 {
		t.Errorf("es_write_success_total is %v", got)
	}
}

func TestStopAndGoOn(t *testing.T) {
	conn := bustest.New(t)
	path := sqlite.Path(t.TempDir())
	for round := range 3 {
		b := newBench(t, conn, func(o *Options) { o.Path = path })
		publish(t, conn, bus.SubjectMasked, storetest.Event(round, 0))
		stop := b.start(t)
		b.awaitResults(t, "ok", 1)
		stop()
		if n := len(stored(t, path)); n != round+1 {
			t.Fatalf("round %d: %d events are stored", round, n)
		}
	}
}

func TestWhatIsNoEventGoesToDead(t *testing.T) {
	conn := bustest.New(t)
	b := newBench(t, conn, nil)
	publishText(t, conn, `{"id": "x", "body": secret`)
	publishText(t, conn, `{"message": "an event without id"}`)
	publish(t, conn, bus.SubjectMasked, storetest.Event(1, 0))
	b.start(t)
	got := []string{await(t, b.results), await(t, b.results), await(t, b.results)}
	slices.Sort(got)
	if !slices.Equal(got, []string{"dead", "dead", "ok"}) {
		t.Fatalf("got %v", got)
	}
	if strings.Contains(b.log.String(), "secret") {
		t.Error("the log quotes the message")
	}
	if n := len(stored(t, b.Path)); n != 1 {
		t.Errorf("%d events are stored", n)
	}
}

// fakeStore fails as it is told.
type fakeStore struct {
	mu    sync.Mutex
	fails error
	got   []string
}

func (f *fakeStore) set(err error) { f.mu.Lock(); f.fails = err; f.mu.Unlock() }

func (f *fakeStore) Put(_ context.Context, batch []*events.Event) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	verdicts := make([]error, len(batch))
	for i, e := range batch {
		if verdicts[i] = f.fails; f.fails == nil {
			f.got = append(f.got, e.ID)
		}
	}
	return verdicts
}

func (f *fakeStore) Get(context.Context, string) (*events.Event, error) {
	return nil, store.ErrNotFound
}
func (f *fakeStore) All(context.Context) iter.Seq2[*events.Event, error] {
	return func(func(*events.Event, error) bool) {}
}
func (f *fakeStore) Close() error { return nil }

func TestStoreOutOfReach(t *testing.T) {
	conn := bustest.New(t)
	home := &fakeStore{fails: errors.New("the disk is full")}
	b := newBench(t, conn, func(o *Options) { o.open = func(string) (store.Store, error) { return home, nil } })
	for n := range 50 {
		publish(t, conn, bus.SubjectMasked, storetest.Event(n, 0))
	}
	stop := b.start(t)
	if err := await(t, b.well); err != nil {
		t.Fatal(err)
	}
	if err := await(t, b.well); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("told %v, want that the disk is full", err)
	}
	if got := b.counter(t, "es_write_errors_total"); got == 0 {
		t.Error("es_write_errors_total stands still")
	}
	home.set(nil)
	b.awaitResults(t, "ok", 50)
	if err := await(t, b.well); err != nil {
		t.Fatalf("told %v, want that it is well", err)
	}
	stop()
	close(b.results)
	for result := range b.results {
		if result == "dead" || result == "failed" {
			t.Errorf("a message was %s for the store's fault", result)
		}
	}
	if n := strings.Count(b.log.String(), "the disk is full"); n != 1 {
		t.Errorf("said %d times: %s", n, b.log.String())
	}
}

func TestRefusedEventGoesToDead(t *testing.T) {
	conn := bustest.New(t)
	home := &fakeStore{fails: fmt.Errorf("too long: %w", store.ErrRefused)}
	b := newBench(t, conn, func(o *Options) { o.open = func(string) (store.Store, error) { return home, nil } })
	publish(t, conn, bus.SubjectMasked, storetest.Event(1, 0))
	b.start(t)
	b.awaitResults(t, "dead", 1)
	if got := b.counter(t, "es_write_errors_total"); got != 1 {
		t.Errorf("es_write_errors_total is %v", got)
	}
}

// The store can't be opened at first: its folder is a file.
func TestOpenedLater(t *testing.T) {
	conn := bustest.New(t)
	blocked := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, conn, func(o *Options) { o.Path = sqlite.Path(blocked) })
	publish(t, conn, bus.SubjectMasked, storetest.Event(1, 0))
	b.start(t)
	if err := await(t, b.well); err == nil {
		t.Fatal("told that the store is well")
	}
	b.awaitResults(t, "down", 1)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	b.awaitResults(t, "ok", 1)
	if n := len(stored(t, b.Path)); n != 1 {
		t.Errorf("%d events are stored", n)
	}
}

func TestNewerStoreIsFatal(t *testing.T) {
	b := newBench(t, bustest.New(t), func(o *Options) {
		o.open = func(string) (store.Store, error) { return nil, fmt.Errorf("cannot open: %w", sqlite.ErrNewer) }
	})
	if err := b.Run(t.Context()); !errors.Is(err, sqlite.ErrNewer) {
		t.Fatalf("got %v", err)
	}
}

func TestElasticsearchIsWarnedOf(t *testing.T) {
	b := newBench(t, bustest.New(t), func(o *Options) { o.ESNodes = "http://localhost:9200" })
	b.start(t)
	await(t, b.ready)
	if n := strings.Count(b.log.String(), "ES_NODES is set"); n != 1 {
		t.Errorf("warned %d times", n)
	}
}

func TestDetached(t *testing.T) {
	conn, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.States["indexer"] = bus.State{Reason: "ENABLE_ES is false"}
	if err := conn.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, conn, func(o *Options) { o.ESNodes = "http://localhost:9200" })
	b.start(t)
	await(t, b.ready)
	if log := b.log.String(); !strings.Contains(log, "ENABLE_ES is false") || strings.Contains(log, "ES_NODES") {
		t.Errorf("it says: %s", log)
	}
	if _, err := os.Stat(b.Path); err == nil {
		t.Error("a detached indexer made a store")
	}
}

func TestMetricsFromTheFirstScrape(t *testing.T) {
	registry := prometheus.NewRegistry()
	newMetrics(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	if !slices.Equal(names, []string{"es_write_duration_seconds", "es_write_errors_total", "es_write_success_total"}) {
		t.Fatalf("exposed are %v", names)
	}
}

func TestOptions(t *testing.T) {
	conn := bustest.New(t)
	rt := servicetest.Testing(t, conn).For("indexer")
	if _, err := New(t.Context(), OptionsFrom(rt)); err != nil {
		t.Fatalf("the default settings: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no bus":     {func(o *Options) { o.Bus = nil }, "bus"},
		"no workers": {func(o *Options) { o.Workers = 0 }, "MAX_WORKERS"},
		"no path":    {func(o *Options) { o.Path = "" }, "DATA_DIR"},
	} {
		o := OptionsFrom(rt)
		c.change(&o)
		if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
