// Package embedded runs a broker inside this process: for `tocsin up`, tests
// and small installations.
package embedded

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the largest message in bytes: an event of
// events.MaxEncoded with its headers, with room to spare.
const MaxPayload = 2 << 20

// readyWithin is how long a broker may take to recover its streams.
const readyWithin = 60 * time.Second

// Options of an embedded broker.
type Options struct {
	// Dir holds its files; it is made with mode 0700.
	Dir string
	// Port on loopback, 0 = any free.
	Port int
	// Token that a client must show; empty = none.
	Token string
	// Log receives the broker's warnings and errors; nil drops them.
	Log func(level, message string)
}

// Server is a running broker.
type Server struct {
	nats *server.Server
}

// Start starts a broker that listens on loopback and syncs every write, so
// that acknowledged means on disk.
func Start(o Options) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot start the broker: %w", err)
	}
	port := o.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	n, err := server.NewServer(&server.Options{
		ServerName:    "tocsin",
		Host:          "127.0.0.1",
		Port:          port,
		Authorization: o.Token,
		JetStream:     true,
		StoreDir:      o.Dir,
		SyncAlways:    true,
		MaxPayload:    MaxPayload,
		NoSigs:        true,

		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start the broker in %s: %w", o.Dir, err)
	}
	if o.Log != nil {
		n.SetLoggerV2(logger{o.Log}, false, false, false)
	}
	n.Start()
	if !n.ReadyForConnections(readyWithin) {
		n.Shutdown()
		n.WaitForShutdown()
		return nil, fmt.Errorf("cannot start the broker in %s: not ready after %s", o.Dir, readyWithin)
	}
	if !n.JetStreamEnabled() {
		n.Shutdown()
		n.WaitForShutdown()
		return nil, errors.New("cannot start the broker: its store in " + o.Dir + " could not be opened")
	}
	return &Server{nats: n}, nil
}

// URL is where it listens, without the token.
func (s *Server) URL() string { return s.nats.ClientURL() }

// Stop stops it and waits until its files are closed.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// logger hands the broker's warnings and errors on.
type logger struct{ log func(level, message string) }

func (l logger) Noticef(string, ...any) {}
func (l logger) Debugf(string, ...any)  {}
func (l logger) Tracef(string, ...any)  {}
func (l logger) Warnf(f string, v ...any) {
	l.log("warn", fmt.Sprintf(f, v...))
}
func (l logger) Errorf(f string, v ...any) { l.log("error", fmt.Sprintf(f, v...)) }
func (l logger) Fatalf(f string, v ...any) { l.log("error", fmt.Sprintf(f, v...)) }
