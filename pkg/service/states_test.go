package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStates(t *testing.T) {
	f := func(environ []string, service, reason string) {
		t.Helper()
		states := load(t, environ, "").States()
		if len(states) != 4 {
			t.Fatalf("%q: got %v", environ, states)
		}
		state := states[service]
		if state.Attached != (reason == "") || !strings.Contains(state.Reason, reason) {
			t.Errorf("%q: %s is %+v", environ, service, state)
		}
	}
	f(nil, Masker, "")
	f(nil, Indexer, "")
	f(nil, Alerter, "")
	f(nil, Analyzer, "AI_API_KEY")
	f([]string{"AI_API_KEY=your_key"}, Analyzer, "AI_API_KEY")
	f([]string{"AI_API_KEY=sk-1234"}, Analyzer, "")
	f([]string{"AI_API_URL=http://localhost:11434/v1"}, Analyzer, "")
	f([]string{"AI_API_URL=https://API.openai.com/v1"}, Analyzer, "AI_API_KEY")
	f([]string{"AI_API_URL=", "AI_API_KEY=sk-1234"}, Analyzer, "AI_API_URL is empty")
	f([]string{"AI_ENABLE=false", "AI_API_KEY=sk-1234"}, Analyzer, "AI_ENABLE=true")
	f([]string{"ENABLE_ES=false"}, Indexer, "ENABLE_ES=true")
	f([]string{"ENABLE_ALERT=false"}, Alerter, "ENABLE_ALERT=true")
	f([]string{"ENABLE_ALERT=false", "ENABLE_ES=false", "AI_ENABLE=false"}, Masker, "")

	states := load(t, []string{"AI_MIN_SEVERITY=4.5"}, "").States()
	if states[Analyzer].MinSeverity != 4.5 {
		t.Errorf("got %+v", states[Analyzer])
	}
}

func TestPort(t *testing.T) {
	ports := map[string]int{"up": 2112, Collector: 2112, Masker: 2113, Analyzer: 2114, Indexer: 2115, Alerter: 2116}
	for name, want := range ports {
		if got := Defaults().Port(name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
		for _, set := range []int{0, 9100} {
			s := Defaults()
			s.MetricsPort = set
			if got := s.Port(name); got != set {
				t.Errorf("%s with METRICS_PORT=%d: got %d", name, set, got)
			}
		}
	}
}

func TestHostname(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got := Defaults().Hostname(); got != machine {
		t.Errorf("got %q, want %q", got, machine)
	}
	if got := load(t, []string{"HOST_NAME=web1"}, "").Hostname(); got != "web1" {
		t.Errorf("got %q", got)
	}
}

func TestLocation(t *testing.T) {
	f := func(name string, wantOffset int) {
		t.Helper()
		location := load(t, []string{"TZ=" + name}, "").Location()
		if _, offset := time.Date(2026, 1, 15, 12, 0, 0, 0, location).Zone(); offset != wantOffset {
			t.Errorf("TZ=%s: got %s, offset %d", name, location, offset)
		}
	}
	f("Asia/Shanghai", 8*3600)
	f(":Asia/Shanghai", 8*3600)
	f("UTC", 0)
	_, local := time.Date(2026, 1, 15, 12, 0, 0, 0, time.Local).Zone()
	f("", local)

	if got := (Settings{TZ: "Mars/Olympus"}).Location(); got != time.Local {
		t.Errorf("a zone that is not known: got %s", got)
	}
}

func TestLocationOfAZoneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	// The smallest zone file: no transitions, one type, UTC+8, named "X".
	header := append([]byte("TZif"), make([]byte, 16)...)
	counts := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}
	body := []byte{0, 0, 0x70, 0x80, 0, 0, 'X', 0}
	write(t, path, string(header)+string(counts)+string(body))
	location := load(t, []string{"TZ=:" + path}, "").Location()
	if name, offset := time.Now().In(location).Zone(); name != "X" || offset != 8*3600 {
		t.Errorf("got %s, %d", name, offset)
	}
}
