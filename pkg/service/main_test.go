package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/pkg/bus/bustest"
)

// asService makes the test binary the process of a service.
const asService = "TOCSIN_TEST_SERVICE"

func TestMain(m *testing.M) {
	if name := os.Getenv(asService); name != "" {
		os.Exit(Main(name, behaviour(os.Getenv("TOCSIN_TEST_BEHAVIOUR"))))
	}
	os.Exit(m.Run())
}

// behaviour is what the service of a test process does.
func behaviour(name string) func(context.Context, *Runtime) error {
	return func(ctx context.Context, rt *Runtime) error {
		switch name {
		case "fails":
			return errors.New("cannot open " + rt.Settings.MaskKey)
		case "bad settings":
			return &SettingsError{[]Problem{{Name: "MASK_KEY", Want: "it must be that of the other maskers"}}}
		case "ends":
			return nil
		}
		rt.Health.Ready(rt.Name)
		<-ctx.Done()
		if name == "stubborn" {
			<-make(chan struct{}) // until the second signal
		}
		return ctx.Err()
	}
}

// child is a running test process.
type child struct {
	*exec.Cmd
	stderr *bufio.Scanner
	seen   strings.Builder
}

// start starts a service's process in an empty folder.
func start(t *testing.T, name, behaviour string, environ []string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{asService + "=" + name, "TOCSIN_TEST_BEHAVIOUR=" + behaviour, "METRICS_HOST=127.0.0.1", "METRICS_PORT=0"}, environ...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // one that has ended cannot be killed
	return &child{Cmd: cmd, stderr: bufio.NewScanner(stderr)}
}

// waitFor reads stderr up to a line that matches.
func (c *child) waitFor(t *testing.T, pattern string) []string {
	t.Helper()
	for c.stderr.Scan() {
		c.seen.WriteString(c.stderr.Text() + "\n")
		if m := regexp.MustCompile(pattern).FindStringSubmatch(c.stderr.Text()); m != nil {
			return m
		}
	}
	t.Fatalf("stderr ended without %q:\n%s", pattern, c.seen.String())
	return nil
}

// end waits for the process and gives its exit code and all of stderr.
func (c *child) end(t *testing.T) (int, string) {
	t.Helper()
	for c.stderr.Scan() {
		c.seen.WriteString(c.stderr.Text() + "\n")
	}
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), c.seen.String()
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestMainRunsUntilASignal(t *testing.T) {
	_, url := bustest.Raw(t)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		// LOG_LEVEL and LOG_FORMAT have no say in the ready line.
		c := start(t, Masker, "", []string{"NATS_URL=" + url, "LOG_LEVEL=error", "LOG_FORMAT=json"})
		metrics := c.waitFor(t, `^ready masker, metrics (http://127\.0\.0\.1:\d+/metrics)$`)[1]
		if code, body := get(t, strings.TrimSuffix(metrics, "metrics")+"readyz"); code != 200 {
			t.Errorf("readyz: %d %s", code, body)
		}
		if _, body := get(t, metrics); !strings.Contains(body, `tocsin_processing_seconds_count{service="masker"} 0`) {
			t.Errorf("metrics: %s", body)
		}
		c.signal(t, s)
		if code, text := c.end(t); code != ExitOK {
			t.Errorf("%s: exit code %d:\n%s", s, code, text)
		}
	}
}

func TestMainASecondSignalEndsAtOnce(t *testing.T) {
	_, url := bustest.Raw(t)
	c := start(t, Masker, "stubborn", []string{"NATS_URL=" + url})
	c.waitFor(t, "^ready ")
	c.signal(t, syscall.SIGTERM)
	c.waitFor(t, "a second signal ends at once")
	c.signal(t, syscall.SIGINT)
	if code, text := c.end(t); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

func TestMainTakesAnEchoForOneSignal(t *testing.T) {
	_, url := bustest.Raw(t)
	c := start(t, Masker, "", []string{"NATS_URL=" + url})
	c.waitFor(t, "^ready ")
	c.signal(t, syscall.SIGINT)
	_ = c.Process.Signal(syscall.SIGINT) // it may have ended already
	if code, text := c.end(t); code != ExitOK {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

func TestMainStopsWhileTheBrokerIsAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := start(t, Masker, "", []string{"NATS_URL=nats://" + address})
	metrics := c.waitFor(t, `metrics=(http://\S+)/metrics`)[1]
	if code, body := get(t, metrics+"/readyz"); code != 503 || !strings.Contains(body, "broker: ") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := get(t, metrics+"/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	c.signal(t, syscall.SIGTERM)
	if code, text := c.end(t); code != ExitOK {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

func TestMainExitCodes(t *testing.T) {
	_, url := bustest.Raw(t)
	f := func(name, behaviour string, environ []string, wantCode int, want ...string) {
		t.Helper()
		code, text := start(t, name, behaviour, environ).end(t)
		if code != wantCode {
			t.Errorf("%s %s %q: exit code %d:\n%s", name, behaviour, environ, code, text)
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s %s %q: %q is missing in:\n%s", name, behaviour, environ, want, text)
			}
		}
		if strings.Contains(text, "s3cret") {
			t.Errorf("%s %s: a secret is shown:\n%s", name, behaviour, text)
		}
	}
	broker := "NATS_URL=" + url
	f(Masker, "ends", []string{broker}, ExitOK, "stopped")
	f(Masker, "fails", []string{broker, "MASK_KEY=s3cret-key"}, ExitFailed, "cannot open ‹redacted›")
	f(Masker, "bad settings", []string{broker}, ExitSettings, "MASK_KEY: it must be that of the other maskers")
	f(Masker, "", nil, ExitSettings, "masker cannot start", "NATS_URL=nats://127.0.0.1:4222")
	f(Collector, "", nil, ExitSettings, "2 settings", "NATS_URL=", "LOG_FILE_PATHS=/var/log/syslog")
	f(Alerter, "", []string{"ALERT_TTL=soon", "MAX_WORKERS=0", "NATS_TOKEN=s3cret"}, ExitSettings, "3 settings", "ALERT_TTL", "MAX_WORKERS", "NATS_URL")
	f(Masker, "", []string{broker, "METRICS_PORT=" + url[strings.LastIndex(url, ":")+1:]}, ExitSettings, "METRICS_PORT", "default of masker is 2113")
	f(Masker, "ends", []string{broker, "AI_API_KEY=your_api_key // here"}, ExitOK, "AI_API_KEY (environment) still holds a placeholder")
}

func TestMainArguments(t *testing.T) {
	f := func(name, arg string, wantCode int, want ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		run := func(context.Context, *Runtime) error { t.Error("must not run"); return nil }
		code := process{name: name, run: run, args: []string{arg}, stdout: &stdout, stderr: &stderr}.main()
		text := stdout.String()
		if wantCode != ExitOK {
			text = stderr.String()
		}
		if code != wantCode {
			t.Errorf("%s %s: exit code %d", name, arg, code)
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s %s: %q is missing in:\n%s", name, arg, want, text)
			}
		}
	}
	f(Collector, "--help", ExitOK, "follows log files", "Writes  events.raw\n", "port 2112", "LOG_FILE_PATHS", "NATS_TOKEN_FILE")
	f(Masker, "-h", ExitOK, "Reads   events.raw, events.replay.masker\n", "Writes  events.masked, events.dead.masker", "port 2113", "MASK_KEY_FILE")
	f(Analyzer, "--help", ExitOK, "Writes  events.analyzed", "port 2114", "AI_API_URL")
	f(Indexer, "--help", ExitOK, "Reads   events.masked, events.analyzed", "Writes  events.dead.indexer", "port 2115", "ES_NODES")
	f(Alerter, "--help", ExitOK, "alerts.notify.<channel>", "port 2116", "ALERT_TTL")
	f(Masker, "--version", ExitOK, "tocsin masker ", "go1.")
	f(Masker, "--metrics-port", ExitSettings, "masker takes no argument", "--help")

	var help bytes.Buffer
	Help(&help, Masker)
	if strings.Contains(help.String(), "AI_API_URL") {
		t.Error("masker does not read AI_API_URL")
	}
}

func TestRun(t *testing.T) {
	failed := errors.New("failed")
	f := func(stopped bool, result, want error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := Run(ctx, func(ctx context.Context) error {
			if stopped {
				cancel()
			}
			return result
		})
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("stopped %v, result %v: got %v", stopped, result, err)
		}
	}
	f(false, nil, nil)
	f(false, failed, failed)
	f(false, context.Canceled, context.Canceled)
	f(true, nil, nil)
	f(true, failed, failed)
	f(true, fmt.Errorf("reading: %w", context.Canceled), nil)
}

func TestRunThatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		hang := make(chan struct{})
		began := time.Now()
		err := Run(ctx, func(context.Context) error { <-hang; return nil })
		if err == nil || !strings.Contains(err.Error(), "did not stop within") || time.Since(began) != RunStops {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		close(hang)
	})
}

func TestStopTime(t *testing.T) {
	f := func(ran time.Duration, stopped bool, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stopTime := StopTime(ctx)
			if stopped {
				cancel()
				synctest.Wait()
			}
			time.Sleep(ran)
			stopping, done := stopTime()
			defer done()
			deadline, ok := stopping.Deadline()
			if !ok || time.Until(deadline) != want || stopping.Err() != nil {
				t.Errorf("ran %s, stopped %v: %s left, %v", ran, stopped, time.Until(deadline), stopping.Err())
			}
		})
	}
	f(time.Hour, false, StopWithin)
	f(0, true, StopWithin)
	f(time.Second, true, StopWithin-time.Second)
	f(RunStops, true, StopWithin-RunStops)
	f(time.Minute, true, StopWithin-RunStops)
}

func TestSignalsStopIsIdempotent(t *testing.T) {
	log, _ := NewLogger(io.Discard, Defaults())
	ctx, stop := Signals(t.Context(), log)
	if ctx.Err() != nil {
		t.Error("ended before any signal")
	}
	stop()
	stop()
	if ctx.Err() == nil {
		t.Error("the context goes on after stop")
	}
}
