package service

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// runtimeFor makes the Runtime of a process on any free port of loopback.
func runtimeFor(t *testing.T, name string, services ...string) *Runtime {
	t.Helper()
	s := Defaults()
	s.MetricsHost, s.MetricsPort = "127.0.0.1", 0
	s.NatsToken = "s3cret-token"
	log, secrets := NewLogger(t.Output(), s)
	return NewRuntime(name, s, log, secrets, services...)
}

func serveHTTP(t *testing.T, rt *Runtime) *Server {
	t.Helper()
	server, err := ServeHTTP(rt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMetricsAreExposedFromTheFirstScrape(t *testing.T) {
	rt := runtimeFor(t, "up", Services()...)
	server := serveHTTP(t, rt)
	code, body := get(t, server.URL())
	if code != http.StatusOK {
		t.Fatalf("got %d: %s", code, body)
	}
	want := []string{"event_process_success_total 0\n", "event_process_errors_total 0\n", "go_goroutines ", "process_start_time_seconds "}
	for _, name := range Services() {
		want = append(want, `tocsin_processing_seconds_count{service="`+name+`"} 0`+"\n")
	}
	for _, want := range want {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in:\n%s", want, body)
		}
	}
}

func TestMetricsObserve(t *testing.T) {
	rt := runtimeFor(t, "up", Services()...)
	observe := rt.For(Masker).Metrics.Observe(Masker)
	for result, n := range map[string]int{"ok": 5, "failed": 2, "dead": 1, "down": 4} {
		for range n {
			observe(result, 20*time.Millisecond)
		}
	}
	_, body := get(t, serveHTTP(t, rt).URL())
	for _, want := range []string{
		"event_process_success_total 5\n", "event_process_errors_total 3\n",
		`tocsin_processing_seconds_count{service="masker"} 8`, `tocsin_processing_seconds_bucket{service="masker",le="0.01"} 0`,
		`tocsin_processing_seconds_bucket{service="masker",le="0.05"} 8`, `tocsin_processing_seconds_count{service="alerter"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in:\n%s", want, body)
		}
	}
}

func TestHealthEndpoints(t *testing.T) {
	rt := runtimeFor(t, "up", Masker, Alerter)
	base := strings.TrimSuffix(serveHTTP(t, rt).URL(), "/metrics")
	f := func(path string, wantCode int, wantBody string) {
		t.Helper()
		if code, body := get(t, base+path); code != wantCode || body != wantBody {
			t.Errorf("%s: got %d %q, want %d %q", path, code, body, wantCode, wantBody)
		}
	}
	f("/healthz", 200, "ok\n")
	f("/readyz", 503, "masker: not ready yet\nalerter: not ready yet\n")
	rt.Health.Ready(Masker)
	rt.Health.Set("robot", errors.New("refused s3cret-token"))
	f("/readyz", 503, "alerter: not ready yet\nrobot: refused ‹redacted›\n")
	f("/healthz", 200, "ok\n")
	rt.Health.Ready(Alerter)
	rt.Health.Set("robot", nil)
	f("/readyz", 200, "ready\n")
	f("/other", 404, "404 page not found\n")
}

func TestServeHTTPAddress(t *testing.T) {
	f := func(host, wantURL string) {
		t.Helper()
		rt := runtimeFor(t, "up")
		rt.Settings.MetricsHost = host
		server := serveHTTP(t, rt)
		_, port, err := net.SplitHostPort(server.Addr())
		if err != nil || port == "0" {
			t.Fatalf("address %q, %v", server.Addr(), err)
		}
		if want := wantURL + port + "/metrics"; server.URL() != want {
			t.Errorf("host %q: got %s, want %s", host, server.URL(), want)
		}
		if code, _ := get(t, server.URL()); code != http.StatusOK {
			t.Errorf("host %q: got %d", host, code)
		}
	}
	f("", "http://127.0.0.1:")
	f("0.0.0.0", "http://127.0.0.1:")
	f("127.0.0.1", "http://127.0.0.1:")
	f("localhost", "http://127.0.0.1:")
}

func TestServeHTTPPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	rt := runtimeFor(t, Indexer)
	rt.Settings.MetricsPort = listener.Addr().(*net.TCPAddr).Port
	_, err = ServeHTTP(rt)
	if ExitCode(err) != ExitSettings {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"METRICS_PORT", strconv.Itoa(rt.Settings.MetricsPort), "taken", "the default of indexer is 2115"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestServeHTTPHostOfAnotherMachine(t *testing.T) {
	rt := runtimeFor(t, Indexer)
	rt.Settings.MetricsHost = "192.0.2.1" // reserved for documentation, RFC 5737
	_, err := ServeHTTP(rt)
	if ExitCode(err) != ExitSettings || !strings.Contains(err.Error(), `METRICS_HOST="192.0.2.1"`) {
		t.Errorf("got %v", err)
	}
}

func TestRuntimeFor(t *testing.T) {
	var out strings.Builder
	log, secrets := NewLogger(&out, Defaults())
	rt := NewRuntime("up", Defaults(), log, secrets, Services()...)
	one := rt.For(Masker)
	one.Log.Info("hello")
	if one.Name != Masker || rt.Name != "up" || !strings.Contains(out.String(), "service=masker") {
		t.Errorf("got %q, %q, log %q", one.Name, rt.Name, out.String())
	}
	if one.Registry != rt.Registry || one.Metrics != rt.Metrics || one.Health != rt.Health || one.Secrets != rt.Secrets {
		t.Error("the services of one process must share")
	}
}

// brokenCollector cannot give its metric.
type brokenCollector struct{}

func (brokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("broken", "", nil, nil)
}

func (brokenCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "", nil, nil), errors.New("cannot count"))
}

func TestOneBrokenMetricHidesNoOther(t *testing.T) {
	var out strings.Builder
	rt := runtimeFor(t, "up")
	rt.Log, _ = NewLogger(&out, rt.Settings)
	rt.Registry.MustRegister(brokenCollector{})
	code, body := get(t, serveHTTP(t, rt).URL())
	if code != http.StatusOK || !strings.Contains(body, "event_process_success_total 0\n") {
		t.Errorf("got %d: %s", code, body)
	}
	if !strings.Contains(out.String(), "cannot count") {
		t.Errorf("not said: %s", out.String())
	}
}
