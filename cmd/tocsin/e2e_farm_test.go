package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/pkg/service"
)

// brokerName is the broker's process in a farm.
const brokerName = "nats-server"

// farm is Tocsin as five processes and a broker of its own.
type farm struct {
	*site
	config    string // of the broker
	processes map[string]*process
	// told is what the alerter's earlier processes wrote to stdout.
	told strings.Builder
}

// newFarm makes a site with a broker and applies the streams to it.
func newFarm(t testing.TB, more ...string) *farm {
	t.Helper()
	port := freePort(t)
	f := &farm{site: newSite(t, more...), processes: map[string]*process{}}
	f.env = append(f.env, fmt.Sprintf("NATS_URL=nats://127.0.0.1:%d", port))
	f.config = filepath.Join(f.dir, "nats.conf")
	config := fmt.Sprintf("listen: 127.0.0.1:%d\nmax_payload: 2MB\njetstream {\n  store_dir: %q\n  sync_interval: always\n}\n",
		port, filepath.Join(f.dir, "broker"))
	if err := os.WriteFile(f.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f.start(t, brokerName)
	if out, code := f.tocsin(t, "bus", "apply"); code != 0 {
		t.Fatalf("tocsin bus apply ended with %d:\n%s", code, out)
	}
	return f
}

// freePort gives a port that is free right now: the broker needs the same one
// again after it was killed.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// names are all processes, in the order in which they are started here.
func (f *farm) names() []string { return append([]string{brokerName}, service.Services()...) }

// start starts one process of the farm.
func (f *farm) start(t testing.TB, name string) {
	t.Helper()
	if name == brokerName {
		f.processes[name] = startProcess(t, f.dir, nil, binary(t, "github.com/nats-io/nats-server/v2"), "-c", f.config)
		return
	}
	path := binary(t, "tocsin/services/"+name+"/cmd/"+name)
	f.processes[name] = startProcess(t, f.dir, f.env, path)
}

// startServices starts the five services and waits until they are ready.
func (f *farm) startServices(t testing.TB) {
	t.Helper()
	for _, name := range service.Services() {
		f.start(t, name)
	}
	for _, name := range service.Services() {
		f.processes[name].waitReady(t)
	}
}

// kill ends a process as a power cut would; what the alerter told is kept.
func (f *farm) kill(name string) {
	p := f.processes[name]
	p.kill()
	if name == service.Alerter {
		f.told.WriteString(wholeLines(p.stdout.String()))
	}
}

// stop ends the five services in order and holds that each ends well.
func (f *farm) stop(t testing.TB) {
	t.Helper()
	for _, name := range service.Services() {
		if code, took := f.processes[name].interrupt(t); code != 0 || took > 5*time.Second {
			t.Errorf("SIGINT ended %s with %d after %s\n%s", name, code, took, tail(f.processes[name].stderr.String()))
		}
	}
	f.told.WriteString(f.processes[service.Alerter].stdout.String())
}

// scriptedModel is an OpenAI-compatible server that always gives the same
// analysis, streamed.
type scriptedModel struct {
	*httptest.Server
	calls atomic.Int64
}

const scriptedCause = "the database does not answer"

func newScriptedModel(t testing.TB) *scriptedModel {
	t.Helper()
	m := &scriptedModel{}
	m.Server = httptest.NewServer(http.HandlerFunc(m.answer))
	t.Cleanup(m.Close)
	return m
}

// settings make the analyzer ask this model.
func (m *scriptedModel) settings() []string {
	return []string{"AI_ENABLE=true", "AI_API_URL=" + m.URL + "/v1", "AI_API_KEY=sk-of-the-scripted-model", "AI_MODEL_NAME=scripted"}
}

func (m *scriptedModel) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer sk-of-the-scripted-model" {
		http.Error(w, `{"error":{"message":"no"}}`, http.StatusUnauthorized)
		return
	}
	m.calls.Add(1)
	analysis, _ := json.Marshal(map[string]any{
		"root_cause": scriptedCause, "impact": "orders wait", "fix": []string{"start the database"}, "commands": []string{},
		"category": "database", "severity": 6, "confidence": 80, "claims": []any{},
	})
	w.Header().Set("Content-Type", "text/event-stream")
	half := len(analysis) / 2
	for _, text := range []string{string(analysis[:half]), string(analysis[half:])} {
		chunk, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": text}}}})
		fmt.Fprintf(w, "data: %s\n\n", chunk)
	}
	fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":50}}`+"\n\ndata: [DONE]\n\n")
}
