// Package servicetest gives tests a Runtime to run a service with.
package servicetest

import (
	"io"
	"sync"
	"testing"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
)

// Testing gives the Runtime of a process that runs all services: default
// settings, DATA_DIR in a folder of its own, any free port for metrics, a
// fresh registry, and a log that is shown where the test fails. Take the
// Runtime of one service with For; change Settings before that. conn may be
// nil where no broker is needed.
func Testing(t testing.TB, conn *bus.Conn) *service.Runtime {
	t.Helper()
	settings := service.Defaults()
	settings.DataDir = t.TempDir()
	settings.HostName = "test"
	settings.MetricsHost = "127.0.0.1"
	settings.MetricsPort = 0
	settings.LogLevel = "debug"
	out := &testLog{w: t.Output()}
	t.Cleanup(out.close)
	log, secrets := service.NewLogger(out, settings)
	rt := service.NewRuntime("test", settings, log, secrets, service.Services()...)
	rt.Bus = conn
	return rt
}

// testLog drops what comes after the test, which testing answers with a panic.
type testLog struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = io.Discard
}
