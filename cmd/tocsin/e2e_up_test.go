package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

// site is a place where Tocsin runs: a folder of logs and a DATA_DIR.
type site struct {
	dir, logs, data string
	env             []string
}

// newSite makes one; more settings win over those that every test needs.
func newSite(t testing.TB, more ...string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{dir: dir, logs: filepath.Join(dir, "logs"), data: filepath.Join(dir, "data")}
	if err := os.Mkdir(s.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	s.env = append([]string{
		"LOG_FILE_PATHS=" + filepath.Join(s.logs, "*"), "DATA_DIR=" + s.data, "HOST_NAME=testhost", "TZ=UTC",
		"METRICS_HOST=127.0.0.1", "METRICS_PORT=0",
	}, more...)
	return s
}

// up starts the all-in-one.
func (s *site) up(t testing.TB, args ...string) *process {
	t.Helper()
	return startProcess(t, s.dir, s.env, tocsinBinary(t), append([]string{"up"}, args...)...)
}

// copyTestLog puts the sample logs of the repository into the site.
func (s *site) copyTestLog(t testing.TB) {
	t.Helper()
	entries, err := os.ReadDir("../../testLog")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("../../testLog", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.logs, e.Name()), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// metrics gives what /metrics of the running `up` shows.
func (s *site) metrics(t testing.TB) string {
	t.Helper()
	r, err := readRunFile(s.data)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, "http://"+r.Metrics+"/metrics")
}

func fetch(t testing.TB, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(body)
}

// storeBytes gives all files of the store as they lie on the disk.
func (s *site) storeBytes(t testing.TB) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.data, "store", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of the store: %v", err)
	}
	var all strings.Builder
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// plantedSecrets are the secrets of testLog, which must show up nowhere.
func plantedSecrets(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	secrets := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(secrets) < 3 {
		t.Fatalf("testdata/secrets.txt names %d secrets", len(secrets))
	}
	return secrets
}

func checkNoSecret(t testing.TB, where, text string) {
	t.Helper()
	for _, secret := range plantedSecrets(t) {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds the secret %s… of testLog", where, secret[:min(4, len(secret))])
		}
	}
}

// rung is what a line of --alerts jsonl tells of the groups it stands for.
type rung struct {
	Group   string `json:"group"`
	Members []struct {
		Group string `json:"group"`
	} `json:"members"`
}

// rungGroups gives the groups of events that have been told of, and how often
// each alert group rang.
func rungGroups(t testing.TB, stdout string) (members map[string]bool, alerts map[string]int) {
	t.Helper()
	members, alerts = map[string]bool{}, map[string]int{}
	for line := range strings.Lines(stdout) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var r rung
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("stdout has a line that is no JSON: %s", err)
		}
		alerts[r.Group]++
		for _, m := range r.Members {
			members[m.Group] = true
		}
	}
	return members, alerts
}

// problems gives the groups of these events.
func problems(list []*events.Event) map[string]bool {
	groups := map[string]bool{}
	for _, e := range list {
		groups[e.Group] = true
	}
	return groups
}

func TestUpOnTestLog(t *testing.T) {
	s := newSite(t)
	s.copyTestLog(t)
	started := time.Now()
	p := s.up(t, "--alerts", "jsonl")
	p.waitReady(t)

	// One alert a problem, within 10 s, and not one more.
	var list []*events.Event
	eventually(t, "every problem has rung", 10*time.Second-time.Since(started), func() bool {
		_, list = exported(t, s.env)
		members, _ := rungGroups(t, p.stdout.String())
		return len(list) > 0 && len(members) >= len(problems(list))
	})
	t.Logf("the alerts of testLog were there %s after the start", time.Since(started).Round(10*time.Millisecond))
	members, alerts := rungGroups(t, p.stdout.String())
	for group := range problems(list) {
		if !members[group] {
			t.Errorf("the problem %s was not told", group)
		}
	}
	for group, n := range alerts {
		if n != 1 {
			t.Errorf("the alert %s rang %d times", group, n)
		}
	}
	if len(alerts) < 5 || len(alerts) >= len(list) {
		t.Errorf("%d alerts for %d events", len(alerts), len(list))
	}

	// Everything that others rely on while it runs.
	metrics := s.metrics(t)
	for _, name := range originalMetrics {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("/metrics does not expose %s", name)
		}
	}
	if r, err := readRunFile(s.data); err != nil || fetch(t, "http://"+r.Metrics+"/readyz") != "ready\n" {
		t.Errorf("/readyz does not say that it is ready, %v", err)
	}
	if out, code := s.tocsin(t, "up"); code != 2 || !strings.Contains(out, fmt.Sprintf("pid %d", p.cmd.Process.Pid)) {
		t.Errorf("a second `up` ended with %d: %s", code, out)
	}
	if out, code := s.tocsin(t, "bus", "apply"); code != 0 || !strings.Contains(out, "EVENTS") {
		t.Errorf("`bus apply` beside a running `up` ended with %d: %s", code, out)
	}

	// An orderly stop.
	code, took := p.interrupt(t)
	if code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, p.stderr)
	}
	if _, err := os.Stat(runFilePath(s.data)); err == nil {
		t.Error("run.json is still there after the stop")
	}

	// No secret anywhere.
	text, after := exported(t, s.env)
	checkNoSecret(t, "stdout", p.stdout.String())
	checkNoSecret(t, "stderr", p.stderr.String())
	checkNoSecret(t, "the export", text)
	checkNoSecret(t, "the store", s.storeBytes(t))
	checkNoSecret(t, "/metrics", metrics)
	t.Logf("%d events, %d alerts", len(after), len(alerts))
	s.secondStart(t, after)
}

// secondStart holds that nothing old is told again and that a line that is
// appended shows up.
func (s *site) secondStart(t *testing.T, before []*events.Event) {
	p := s.up(t, "--alerts", "jsonl")
	p.waitReady(t)
	name := filepath.Join(s.logs, "appended.log")
	line := "2026-11-23 10:00:00 ERROR thermostat: cannot regulate the vault, valve is stuck\n"
	if err := os.WriteFile(name, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	written := time.Now()
	p.waitOutput(t, "the appended line", p.stdout, 20*time.Second, func(out string) bool {
		return strings.Contains(out, "valve is stuck") && strings.HasSuffix(out, "\n")
	})
	t.Logf("a line of a new file rang after %s", time.Since(written).Round(time.Millisecond))
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written = time.Now()
	if _, err := f.WriteString("2026-11-23 10:00:05 ERROR elevator: doors refuse to close on floor nine\n"); err != nil {
		t.Fatal(err)
	}
	p.waitOutput(t, "the second appended line", p.stdout, 20*time.Second, func(out string) bool {
		return strings.Contains(out, "doors refuse") && strings.HasSuffix(out, "\n")
	})
	t.Logf("an appended line rang after %s", time.Since(written).Round(time.Millisecond))
	if code, took := p.interrupt(t); code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, p.stderr)
	}
	if list := alertsOf(t, p.stdout.String()); len(list) != 2 {
		t.Errorf("the second start told %d alerts, want the two new ones:\n%s", len(list), p.stdout)
	}
	_, after := exported(t, s.env)
	if len(after) != len(before)+2 {
		t.Errorf("%d events are stored, want %d", len(after), len(before)+2)
	}
}

// tocsin runs a command to its end and gives all it said.
func (s *site) tocsin(t testing.TB, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(tocsinBinary(t), args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestUpForPeople looks at what a person sees.
func TestUpForPeople(t *testing.T) {
	s := newSite(t, "AI_ENABLE=false")
	s.copyTestLog(t)
	p := s.up(t)
	p.waitReady(t)
	p.waitOutput(t, "an alert", p.stdout, 10*time.Second, func(out string) bool { return out != "" })
	if code, took := p.interrupt(t); code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, p.stderr)
	}
	checkNoSecret(t, "stdout", p.stdout.String())
	checkNoSecret(t, "stderr", p.stderr.String())
	stderr := p.stderr.String()
	for _, want := range []string{"AI_ENABLE", s.data, "/metrics", "rules"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the start block does not tell %q:\n%s", want, stderr)
		}
	}
	if n := strings.Count("\n"+stderr, "\nready "); n != 1 {
		t.Errorf("`ready` was said %d times:\n%s", n, stderr)
	}
}

func TestUpOnATakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := newSite(t, fmt.Sprintf("METRICS_PORT=%d", taken.Addr().(*net.TCPAddr).Port))
	out, code := s.tocsin(t, "up")
	if code != 2 || !strings.Contains(out, "METRICS_PORT") || !strings.Contains(out, "2112") {
		t.Errorf("it ended with %d: %s", code, out)
	}
	if _, err := os.Stat(runFilePath(s.data)); err == nil {
		t.Error("run.json was left behind")
	}
}

// TestUpOnABrokerOfOnesOwn runs `up` with NATS_URL set.
func TestUpOnABrokerOfOnesOwn(t *testing.T) {
	f := newFarm(t, "AI_ENABLE=false")
	f.copyTestLog(t)
	p := f.up(t)
	p.waitReady(t)
	p.waitOutput(t, "an alert", p.stdout, 20*time.Second, func(out string) bool { return out != "" })
	if code, took := p.interrupt(t); code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, p.stderr)
	}
	if _, err := os.Stat(brokerDir(f.data)); err == nil {
		t.Error("it made a broker of its own beside that of NATS_URL")
	}
	if _, list := exported(t, f.env); len(list) == 0 {
		t.Error("nothing was stored")
	}
}

// originalMetrics are the fifteen that were there before Tocsin.
var originalMetrics = slices.Sorted(slices.Values([]string{
	"log_events_collected_total", "log_collect_errors_total", "ai_analysis_errors_total", "ai_analysis_duration_seconds",
	"es_write_errors_total", "es_write_duration_seconds", "es_write_success_total", "alerts_sent_total", "alert_send_errors_total",
	"alerts_merged_total", "alerts_skip_total", "cell_trace_errors_total", "cell_trace_error_severity",
	"event_process_success_total", "event_process_errors_total",
}))
