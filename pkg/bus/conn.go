// Package bus is how events travel: streams, publishing, the consume loop,
// dead letters, key-value state and the janitor, over NATS JetStream. It is the
// only package that knows NATS.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options say how to reach the broker.
type Options struct {
	// URL of the broker, nats:// or tls://, several separated by commas.
	URL string
	// Creds is the path of a credentials file, Token a token; both may be empty.
	Creds, Token string
	// Name is shown at the broker: the service's name.
	Name string
	Log  *slog.Logger
}

// Conn is a connection to the broker. It reconnects for ever, also while the
// broker refuses the credentials (they may be in the middle of a change).
type Conn struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger
}

// Timings of a connection.
const (
	reconnectWait  = 250 * time.Millisecond
	requestTimeout = 5 * time.Second
	// flushTimeout is part of every stop: a broker that hangs must not hold it up.
	flushTimeout = 500 * time.Millisecond
	// pingEvery finds out within 15 s that a broker's machine is gone or hangs;
	// the library's default takes 4 min and more, which no failover survives.
	pingEvery = 5 * time.Second
	pingsOut  = 2
)

// Connect connects, waiting for the broker until ctx is done. A refusal
// (credentials, URL) is returned at once.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	opts := []nats.Option{
		nats.Name("tocsin " + o.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait/2, reconnectWait/2),
		// Without a buffer a publish during an outage fails at once and is
		// repeated in order, instead of arriving after its repetition.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsOut),
		// Else the second refusal would close the connection for good.
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("broker out of reach; reconnecting", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { o.Log.Info("broker reached again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Log.Warn("broker reports an error", "err", err)
		}),
	}
	if o.Creds != "" {
		opts = append(opts, nats.UserCredentials(o.Creds))
	}
	if o.Token != "" {
		opts = append(opts, nats.Token(o.Token))
	}
	said := false
	for {
		nc, err := nats.Connect(o.URL, opts...)
		if err == nil {
			js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
			if err != nil {
				nc.Close()
				return nil, fmt.Errorf("cannot use the broker: %w", err)
			}
			return &Conn{nc: nc, js: js, log: o.Log}, nil
		}
		if !waitable(err) {
			return nil, fmt.Errorf("cannot connect to the broker at NATS_URL: %w", err)
		}
		if !said {
			o.Log.Warn("broker out of reach; waiting for it", "err", err)
			said = true
		}
		if !sleep(ctx, reconnectWait) {
			return nil, fmt.Errorf("cannot connect to the broker at NATS_URL: %w", err)
		}
	}
}

// waitable tells whether time may heal a failed connect.
func waitable(err error) bool {
	var network interface{ Timeout() bool }
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.As(err, &network)
}

// Connected tells whether the broker can be reached right now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Close flushes what is unsent (acknowledgements) and closes.
func (c *Conn) Close() {
	if c.nc.IsConnected() {
		_ = c.nc.FlushTimeout(flushTimeout) // what is lost is delivered again
	}
	c.nc.Close()
}

// sleep waits for d and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
