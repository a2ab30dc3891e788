package analyzer

import (
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
	"tocsin/pkg/service/servicetest"
)

func TestOnceAProblem(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, answering(goodAnswer))
	out := listen(t, conn)
	b := newBench(t, conn, model.URL, nil)
	var list []*events.Event
	for n := range 200 {
		list = append(list, event(n, n%5))
	}
	publish(t, conn, "", list...)
	b.start(t)
	seen := map[string]bool{}
	fresh := 0
	for range list {
		e := await(t, out)
		a := e.Analysis
		if seen[e.ID] || e.Revision != 1 || a == nil {
			t.Fatalf("got %+v", e.Event)
		}
		seen[e.ID] = true
		if !a.Cached {
			fresh++
		}
		want := []events.Claim{{Text: "no space left", Lines: []int{1}, Grounded: true}, {Text: "made up", Lines: []int{99}}}
		if a.RootCause != "the disk is full" || a.Confidence != 80 || a.Model != "test-model" || a.Provider != strings.TrimPrefix(model.URL, "http://") ||
			a.Language != "en" || a.Tokens == nil || *a.Tokens != (events.Tokens{Prompt: 100, Completion: 20}) || !reflect.DeepEqual(a.Claims, want) {
			t.Fatalf("got %+v", a)
		}
	}
	if model.calls() != 5 || fresh != 5 {
		t.Errorf("%d calls, %d events that were not from the cache; want 5 each", model.calls(), fresh)
	}
	for name, want := range map[string]float64{"ok": 5, "refused": 0, "temporary": 0, "permanent": 0} {
		if got := b.metric(t, "tocsin_ai_calls_total", name); got != want {
			t.Errorf("calls %s: %v, want %v", name, got, want)
		}
	}
	if p, c, n := b.metric(t, "tocsin_ai_tokens_total", "prompt"), b.metric(t, "tocsin_ai_tokens_total", "completion"), b.metric(t, "ai_analysis_duration_seconds", ""); p != 500 || c != 100 || n != 5 {
		t.Errorf("tokens %v and %v, %v durations", p, c, n)
	}
}

func TestTheWholeEventTravels(t *testing.T) {
	conn := bustest.New(t)
	out := listen(t, conn)
	newBench(t, conn, newFakeModel(t, answering(goodAnswer)).URL, nil).start(t)
	e := event(1, 1)
	e.Revision, e.Tags, e.Masked = 6, []string{"x"}, map[string]int{"ip": 2}
	publish(t, conn, "3", e)
	got := await(t, out)
	if got.run != "3" || got.Revision != 7 || got.Body != e.Body || !slices.Equal(got.Tags, e.Tags) || got.Masked["ip"] != 2 || !got.Time.Equal(e.Time) || got.Group != e.Group {
		t.Fatalf("got %+v (run %q)", got.Event, got.run)
	}
}

func TestCacheOutlivesARestart(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, answering(goodAnswer))
	out := listen(t, conn)
	for n, c := range []struct {
		model  string
		cached bool
		calls  int
	}{{"a", false, 1}, {"a", true, 1}, {"b", false, 2}, {"a", true, 2}} {
		stop := newBench(t, conn, model.URL, func(o *Options) { o.Model = c.model }).start(t)
		publish(t, conn, "", event(n, 1))
		if e := await(t, out); e.Analysis.Cached != c.cached || model.calls() != c.calls {
			t.Errorf("start %d: cached %v after %d calls", n, e.Analysis.Cached, model.calls())
		}
		stop()
	}
}

func TestBelowMinSeverity(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, answering(goodAnswer))
	out := listen(t, conn)
	b := newBench(t, conn, model.URL, nil)
	low, high := event(1, 1), event(2, 2)
	low.Severity, high.Severity = 2.9, 3
	publish(t, conn, "", low, high)
	b.start(t)
	b.awaitResults(t, "ok", 2)
	next := event(3, 2)
	publish(t, conn, "", next)
	if first, second := await(t, out), await(t, out); first.ID != high.ID || second.ID != next.ID || model.calls() != 1 {
		t.Errorf("got %s, %s after %d calls", first.Message, second.Message, model.calls())
	}
}

func TestNoEvent(t *testing.T) {
	conn := bustest.New(t)
	b := newBench(t, conn, newFakeModel(t, answering(goodAnswer)).URL, nil)
	p := conn.NewPublisher()
	defer p.Close()
	if err := p.Publish(t.Context(), bus.Message{Subject: bus.SubjectMasked, Data: []byte(`{"body":"secret"`)}); err != nil {
		t.Fatal(err)
	}
	b.start(t)
	b.awaitResults(t, "dead", 1)
	if strings.Contains(b.log.String(), "secret") {
		t.Error("the log quotes the message")
	}
}

func state(t *testing.T, conn *bus.Conn) bus.State {
	t.Helper()
	states, err := conn.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return states["analyzer"]
}

func TestModelOutOfReachAndBack(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, refusing(503, "overloaded"))
	out := listen(t, conn)
	b := newBench(t, conn, model.URL, nil)
	for n := range 8 {
		publish(t, conn, "", event(n, n))
	}
	stop := b.start(t)
	if err := await(t, b.well); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("told %v, want that the model is out of reach", err)
	}
	if !state(t, conn).Down {
		t.Error("the others are not told")
	}
	model.play(answering(goodAnswer))
	for range 8 {
		if a := await(t, out).Analysis; a.RootCause == "" {
			t.Fatalf("got %+v", a)
		}
	}
	b.awaitResults(t, "ok", 8)
	if err := await(t, b.well); err != nil {
		t.Errorf("told %v, want that it is back", err)
	}
	if state(t, conn).Down {
		t.Error("the others are not told that it is back")
	}
	stop()
	close(b.results)
	for result := range b.results {
		if result == "failed" || result == "dead" {
			t.Errorf("a message was %s for the model's fault", result)
		}
	}
	if b.metric(t, "ai_analysis_errors_total", "") == 0 || b.metric(t, "tocsin_ai_calls_total", "temporary") == 0 {
		t.Error("the failures are not counted")
	}
}

func TestGivenUpAtMaxAge(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, refusing(500, ""))
	out := listen(t, conn)
	var ahead atomic.Int64
	b := newBench(t, conn, model.URL, func(o *Options) {
		o.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	publish(t, conn, "", event(1, 1))
	b.start(t)
	b.awaitResults(t, "down", 1)
	if len(out) != 0 {
		t.Fatal("given up at once")
	}
	ahead.Store(int64(b.MaxAge))
	if a := await(t, out).Analysis; !strings.Contains(a.UnanalysedReason, "AI_MAX_AGE") || a.RootCause != "" {
		t.Fatalf("got %+v", a)
	}
	if got := b.metric(t, "tocsin_unanalysed_total", reasonMaxAge); got != 1 {
		t.Errorf("tocsin_unanalysed_total is %v", got)
	}
	// Further events of the problem leave at once, and not each with a call.
	calls := model.calls()
	for n := range 20 {
		publish(t, conn, "", event(10+n, 1))
	}
	for range 20 {
		if a := await(t, out).Analysis; a.UnanalysedReason == "" {
			t.Fatalf("got %+v", a)
		}
	}
	if model.calls() != calls {
		t.Errorf("%d calls for a problem that was given up", model.calls()-calls)
	}
	// Later the model is tried again.
	model.play(answering(goodAnswer))
	ahead.Add(int64(probeEvery))
	publish(t, conn, "", event(100, 1))
	if a := await(t, out).Analysis; a.RootCause == "" {
		t.Fatalf("got %+v", a)
	}
}

func TestSwitchedOff(t *testing.T) {
	for name, script := range map[string]http.HandlerFunc{
		"401": refusing(401, "invalid_api_key"), "402": refusing(402, ""), "403": refusing(403, ""), "404": refusing(404, ""),
		"quota": refusing(429, "insufficient_quota"),
	} {
		t.Run(name, func(t *testing.T) {
			conn := bustest.New(t)
			model := newFakeModel(t, script)
			out := listen(t, conn)
			b := newBench(t, conn, model.URL, func(o *Options) { o.Workers = 1 })
			for n := range 10 {
				publish(t, conn, "", event(n, n))
			}
			b.start(t)
			for range 10 {
				a := await(t, out).Analysis
				if !strings.Contains(a.UnanalysedReason, "switched off") || strings.Contains(a.UnanalysedReason, testKey) {
					t.Fatalf("got %+v", a)
				}
			}
			if model.calls() != 1 {
				t.Errorf("%d calls after a permanent refusal", model.calls())
			}
			if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 || !strings.Contains(b.log.String(), "switched off until the next start") {
				t.Errorf("said %d times: %s", n, b.log.String())
			}
			if !state(t, conn).Down {
				t.Error("the others are not told")
			}
		})
	}
}

func TestRefusedProblemIsAskedOnce(t *testing.T) {
	conn := bustest.New(t)
	model := newFakeModel(t, func(w http.ResponseWriter, r *http.Request) { refusing(400, "content_policy")(w, r) })
	out := listen(t, conn)
	b := newBench(t, conn, model.URL, func(o *Options) { o.Workers = 1 })
	b.start(t)
	for n := range 5 {
		publish(t, conn, "", event(n, 1))
		if a := await(t, out).Analysis; !strings.Contains(a.UnanalysedReason, "content_policy") {
			t.Fatalf("got %+v", a)
		}
	}
	if model.calls() != 1 {
		t.Errorf("%d calls for one problem", model.calls())
	}
	model.play(answering(goodAnswer))
	publish(t, conn, "", event(9, 2))
	if a := await(t, out).Analysis; a.RootCause == "" {
		t.Errorf("another problem: %+v", a)
	}
	if got := b.metric(t, "tocsin_unanalysed_total", reasonRefused); got != 5 {
		t.Errorf("tocsin_unanalysed_total is %v", got)
	}
}

func TestAnswerThatIsNoJSON(t *testing.T) {
	conn := bustest.New(t)
	out := listen(t, conn)
	newBench(t, conn, newFakeModel(t, answering("The disk is full.")).URL, nil).start(t)
	publish(t, conn, "", event(1, 1))
	if a := await(t, out).Analysis; a.RootCause != "The disk is full." || a.Confidence != 0 || a.UnanalysedReason != "" {
		t.Errorf("got %+v", a)
	}
}

// A stop in the middle of an answer loses no event: the next start asks again.
func TestStopInMidAnswer(t *testing.T) {
	conn := bustest.New(t)
	begun := make(chan struct{}, 10)
	model := newFakeModel(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n\n")
		w.(http.Flusher).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	})
	out := listen(t, conn)
	stop := newBench(t, conn, model.URL, nil).start(t)
	publish(t, conn, "", event(1, 1))
	await(t, begun)
	started := time.Now()
	stop()
	if took := time.Since(started); took > 2500*time.Millisecond { // it does not wait for the answer
		t.Errorf("the stop took %s", took)
	}
	model.play(answering(goodAnswer))
	newBench(t, conn, model.URL, nil).start(t)
	if e := await(t, out); e.Analysis.RootCause == "" {
		t.Errorf("got %+v", e.Analysis)
	}
}

func TestDetached(t *testing.T) {
	conn, _ := bustest.Raw(t)
	o := bustest.Defaults()
	o.States["analyzer"] = bus.State{Reason: "AI_ENABLE is false"}
	if err := conn.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, conn, "", nil)
	b.start(t)
	await(t, b.ready)
	if !strings.Contains(b.log.String(), "AI_ENABLE is false") {
		t.Errorf("it says: %s", b.log.String())
	}
}

func TestAttachedWithoutAnAddress(t *testing.T) {
	conn := bustest.New(t)
	out := listen(t, conn)
	newBench(t, conn, "", nil).start(t)
	publish(t, conn, "", event(1, 1))
	if a := await(t, out).Analysis; !strings.Contains(a.UnanalysedReason, "AI_API_URL is empty") {
		t.Errorf("got %+v", a)
	}
}

func TestUnreadableCacheEntryIsWrittenAnew(t *testing.T) {
	conn := bustest.New(t)
	kv, err := conn.KV(t.Context(), bus.BucketAnalyses)
	if err != nil {
		t.Fatal(err)
	}
	c := newCache(kv, "m", "auto")
	for _, group := range []string{events.NewGroup("x"), "a group.with > odd * letters", strings.Repeat("g", 500)} {
		key := c.key(group)
		if err := kv.Put(t.Context(), key, []byte("no json")); err != nil {
			t.Fatalf("%q: %v", group, err)
		}
		if a, err := c.get(t.Context(), key); a != nil || err != nil {
			t.Errorf("%q: got %v, %v", group, a, err)
		}
		if err := c.put(t.Context(), key, events.Analysis{RootCause: "x"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if a, err := c.get(t.Context(), key); err != nil || a == nil || a.RootCause != "x" {
			t.Errorf("%q: got %v, %v", group, a, err)
		}
	}
	if newCache(kv, "m", "zh").variant == c.variant || newCache(kv, "n", "auto").variant == c.variant {
		t.Error("another model or language shares the answers")
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	var r refusals
	for n := range maxRefusals + 5 {
		r.add(event(n, n).ID, "why")
	}
	if len(r.why) > maxRefusals {
		t.Errorf("%d are remembered", len(r.why))
	}
}

func TestMetricsFromTheFirstScrape(t *testing.T) {
	b := &bench{registry: prometheus.NewRegistry()}
	newMetrics(b.registry)
	for name, labels := range map[string][]string{
		"ai_analysis_errors_total": {""}, "ai_analysis_duration_seconds": {""}, "tocsin_ai_tokens_total": {"prompt", "completion"},
		"tocsin_ai_calls_total":   {"ok", "refused", "temporary", "permanent", "cancelled"},
		"tocsin_unanalysed_total": {reasonBacklog, reasonMaxAge, reasonRefused, reasonSwitchedOff},
	} {
		for _, label := range labels {
			if got := b.metric(t, name, label); got != 0 {
				t.Errorf("%s{%s} is %v", name, label, got)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	rt := servicetest.Testing(t, bustest.New(t)).For("analyzer")
	if _, err := New(t.Context(), OptionsFrom(rt)); err != nil {
		t.Fatalf("the default settings: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no bus":     {func(o *Options) { o.Bus = nil }, "bus"},
		"address":    {func(o *Options) { o.URL = "nowhere" }, "AI_API_URL"},
		"language":   {func(o *Options) { o.Language = "" }, "AI_LANGUAGE"},
		"time-out":   {func(o *Options) { o.IdleTimeout = 0 }, "AI_IDLE_TIMEOUT"},
		"age":        {func(o *Options) { o.MaxAge = 0 }, "AI_MAX_AGE"},
		"backlog":    {func(o *Options) { o.BacklogMax = -1 }, "AI_BACKLOG_MAX"},
		"no workers": {func(o *Options) { o.Workers = 0 }, "MAX_WORKERS"},
	} {
		o := OptionsFrom(rt)
		c.change(&o)
		if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func BenchmarkCachedEvents(b *testing.B) {
	conn := bustest.New(b)
	kv, err := conn.KV(b.Context(), bus.BucketAnalyses)
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(b.Context(), Options{Bus: conn, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Language: "auto", Timeout: time.Minute, IdleTimeout: time.Minute, MaxAge: time.Hour, Workers: 10})
	if err != nil {
		b.Fatal(err)
	}
	s.cache = newCache(kv, "", "auto")
	s.publisher = conn.NewPublisher()
	defer s.publisher.Close()
	for problem := range 50 {
		key := s.cache.key(event(0, problem).Group)
		if err := s.cache.put(b.Context(), key, decodeAnswer(goodAnswer), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Int64
	b.SetParallelism(5)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			data, err := events.Encode(event(i, i%50))
			if err == nil {
				err = s.handle(b.Context(), &bus.Delivery{Data: data})
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
}
