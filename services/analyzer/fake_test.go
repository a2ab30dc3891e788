package analyzer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "sk-test-5f1e7c0a9b"

const goodAnswer = `{"root_cause":"the disk is full","impact":"no writes","fix":["clean up"],"commands":["df -h"],"category":"disk","severity":7,"confidence":80,"claims":[{"text":"no space left","lines":[1]},{"text":"made up","lines":[99]}]}`

// fakeModel is a scripted provider.
type fakeModel struct {
	*httptest.Server
	mu     sync.Mutex
	script http.HandlerFunc
	asked  []string // what the user's part of each question was
}

func newFakeModel(t *testing.T, script http.HandlerFunc) *fakeModel {
	t.Helper()
	f := &fakeModel{script: script}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeModel) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var q struct {
		Messages []struct{ Content string }
	}
	if json.Unmarshal(body, &q) != nil || len(q.Messages) != 2 || r.Header.Get("Authorization") != "Bearer "+testKey {
		http.Error(w, "not a question", http.StatusTeapot)
		return
	}
	f.mu.Lock()
	f.asked = append(f.asked, q.Messages[1].Content)
	script := f.script
	f.mu.Unlock()
	script(w, r)
}

func (f *fakeModel) play(script http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

func (f *fakeModel) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// answering streams a text.
func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		content, _ := json.Marshal(text)
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", content)
		io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"+
			"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n")
	}
}

func refusing(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"message":"%s","code":%q}}`, testKey, code)
	}
}

// bench is an analyzer under test with a consumer of what it publishes.
type bench struct {
	*Service
	registry *prometheus.Registry
	results  chan string
	well     chan error
	ready    chan struct{}
	log      *syncBuffer
}

func newBench(t *testing.T, conn *bus.Conn, url string, change func(o *Options)) *bench {
	t.Helper()
	b := &bench{
		registry: prometheus.NewRegistry(), log: &syncBuffer{},
		results: make(chan string, 10_000), well: make(chan error, 100), ready: make(chan struct{}, 100),
	}
	o := Options{
		Bus: conn, Log: slog.New(slog.NewTextHandler(b.log, nil)), Registry: b.registry,
		Observe: func(result string, _ time.Duration) { b.results <- result },
		Well:    func(err error) { b.well <- err },
		Ready:   func() { b.ready <- struct{}{} },
		URL:     url, Key: testKey, Model: "test-model", Language: "auto",
		Timeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MinSeverity: 3, MaxAge: time.Hour, BacklogMax: 20, Workers: 10,
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

// start runs the analyzer until the test ends or stop is called. No log line
// and no metric may hold the key.
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
		if strings.Contains(b.log.String(), testKey) {
			t.Error("the log holds the key")
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

func (b *bench) awaitResults(t *testing.T, result string, n int) {
	t.Helper()
	for n > 0 {
		if await(t, b.results) == result {
			n--
		}
	}
}

// metric gives a counter, by the value of its label where it has one, or how
// often a histogram was fed.
func (b *bench) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	t.Fatalf("there is no metric %s{%s}", name, label)
	return 0
}

func event(n, problem int) *events.Event {
	return &events.Event{
		ID: events.NewID("generation", int64(n)), Host: "web-1", Kind: events.KindLog, Severity: 6,
		Time: time.Unix(1_770_000_000+int64(n), 0).UTC(), ObservedAt: time.Unix(1_770_000_000, 0).UTC(),
		Message: fmt.Sprintf("problem %d: no space left", problem), Body: fmt.Sprintf("problem %d: no space left", problem),
		Fingerprint: fmt.Sprint(problem), Group: events.NewGroup(fmt.Sprint(problem)),
	}
}

func publish(t *testing.T, conn *bus.Conn, run string, list ...*events.Event) {
	t.Helper()
	p := conn.NewPublisher()
	defer p.Close()
	var msgs []bus.Message
	for _, e := range list {
		data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		m := bus.Message{Subject: bus.SubjectMasked, ID: bus.MsgID(bus.SubjectMasked, e.ID, run), Data: data}
		if run != "" {
			m.Header = map[string]string{bus.HeaderRun: run}
		}
		msgs = append(msgs, m)
	}
	if err := p.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
}

// analysed is an event as the analyzer published it.
type analysed struct {
	*events.Event
	run string
}

// listen gives what is published on events.analyzed, as the indexer sees it.
func listen(t *testing.T, conn *bus.Conn) <-chan analysed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan analysed, 10_000)
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Consume(ctx, bus.ConsumeOptions{
			Stream: bus.StreamEvents, Durable: "indexer", Service: "indexer",
			Handle: bus.Each(func(_ context.Context, d *bus.Delivery) error {
				e, err := events.Decode(d.Data)
				if err != nil {
					return bus.Reject(err)
				}
				if d.Subject == bus.SubjectAnalyzed {
					out <- analysed{e, d.Run()}
				}
				return nil
			}),
			Log: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out
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
