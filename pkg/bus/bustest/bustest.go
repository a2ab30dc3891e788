// Package bustest gives tests a real broker of their own.
package bustest

import (
	"context"
	"testing"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/embedded"
)

// New starts an embedded broker in a temporary folder, applies all streams with
// every service attached and the channels "terminal" and "wecom", and gives a
// connection. Everything is stopped when the test ends.
func New(t testing.TB) *bus.Conn {
	t.Helper()
	conn, _ := Raw(t)
	if err := conn.Apply(t.Context(), Defaults()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Defaults are the options New applies.
func Defaults() bus.ApplyOptions {
	return bus.ApplyOptions{
		RawMaxBytes:    64 << 20,
		EventsMaxBytes: 256 << 20,
		States: map[string]bus.State{
			"masker":   {Attached: true},
			"analyzer": {Attached: true},
			"indexer":  {Attached: true},
			"alerter":  {Attached: true},
		},
		Channels: []string{"terminal", "wecom"},
	}
}

// Raw is New without Apply, with the URL to connect again.
func Raw(t testing.TB) (*bus.Conn, string) {
	t.Helper()
	server, err := embedded.Start(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return Connect(t, server.URL()), server.URL()
}

// Connect opens a further connection, as another replica would.
func Connect(t testing.TB, url string) *bus.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: url, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}
