// Package embedded runs a broker inside this process: for `tocsin up`, tests
// and small installations.
package embedded

import "errors"

// Options of an embedded broker.
type Options struct {
	// Dir holds its files.
	Dir string
	// Port on loopback, 0 = any free.
	Port int
	// Token that a client must show; empty = none.
	Token string
}

// Server is a running broker.
type Server struct{}

// Start starts a broker that syncs every write.
func Start(o Options) (*Server, error) { return nil, errors.New("todo") }

// URL is where it listens.
func (s *Server) URL() string { return "" }

// Stop stops it and waits until its files are closed.
func (s *Server) Stop() {}
