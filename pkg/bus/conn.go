// Package bus is how events travel: streams, publishing, the consume loop,
// dead letters, key-value state and the janitor, over NATS JetStream. It is the
// only package that knows NATS.
package bus

import (
	"context"
	"errors"
	"log/slog"
	"time"
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

// Conn is a connection to the broker. It reconnects for ever.
type Conn struct{}

// Connect connects, waiting for the broker until ctx is done.
func Connect(ctx context.Context, o Options) (*Conn, error) { return nil, errors.New("todo") }

// Connected tells whether the broker can be reached right now.
func (c *Conn) Connected() bool { return false }

// Close flushes what is unsent (acknowledgements) and closes.
func (c *Conn) Close() {}

// Publisher publishes in atomic batches; several goroutines may share one.
type Publisher struct{}

// NewPublisher starts a publisher. Stop it with Close.
func (c *Conn) NewPublisher() *Publisher { return nil }

// Publish returns when all messages are on the broker's disk, in order. A full
// stream or an unreachable broker is waited for; only ctx ends the waiting.
// Messages of concurrent calls share batches.
func (p *Publisher) Publish(ctx context.Context, msgs ...Message) error { return nil }

// Duplicates counts the messages the broker already knew by their Msg-Id.
func (p *Publisher) Duplicates() uint64 { return 0 }

// Close waits for what is being published and stops.
func (p *Publisher) Close() {}

// Handler works on one to ConsumeOptions.Batch deliveries and gives a verdict
// for each: a slice as long as batch. See the verdicts in verdict.go.
type Handler func(ctx context.Context, batch []*Delivery) []error

// Each makes a Handler of a function for a single delivery.
func Each(f func(ctx context.Context, d *Delivery) error) Handler {
	return func(ctx context.Context, batch []*Delivery) []error {
		errs := make([]error, len(batch))
		for i, d := range batch {
			errs[i] = f(ctx, d)
		}
		return errs
	}
}

// ConsumeOptions describe one consume loop.
type ConsumeOptions struct {
	// Stream and Durable name the consumer, made by Apply (constants below).
	Stream, Durable string
	// Service is the name under which dead letters and suspects are kept.
	Service string
	// Workers handle at once, each up to Batch deliveries (default 1 and 1).
	Workers, Batch int
	Handle         Handler
	// Seal encrypts what goes to DEAD; nil leaves it as it is.
	Seal func(plain []byte) ([]byte, error)
	// Observe is told of every handled delivery: result is "ok", "failed",
	// "dead" or "down". May be nil.
	Observe func(result string, took time.Duration)
	// OnDown is told when a dependency goes down (err) and comes back (nil).
	OnDown func(err error)
	Log    *slog.Logger
}

// Streams and durables.
const (
	StreamRaw    = "RAW"
	StreamEvents = "EVENTS"
	StreamReplay = "REPLAY"
	StreamNotify = "NOTIFY"
	StreamDead   = "DEAD"
)

// DurableNotify is the durable of a channel's outbox on NOTIFY. The durables
// of RAW and EVENTS are named as their service.
func DurableNotify(channel string) string { return "notify-" + channel }

// Consume handles deliveries until ctx is done; then it finishes what is being
// worked on (at most 3 s), hands back what is not, and returns nil. It waits
// for a durable that does not exist yet.
func (c *Conn) Consume(ctx context.Context, o ConsumeOptions) error { return nil }

// KV buckets.
const (
	BucketAlerts   = "alerts"
	BucketAnalyses = "analyses"
	BucketServices = "services"
	BucketSuspects = "suspects"
	BucketLeases   = "leases"
	BucketMasker   = "masker"
)

// Errors of KV.
var (
	ErrNotFound = errors.New("key not found")
	// ErrConflict: somebody else changed a key since it was read.
	ErrConflict = errors.New("key was changed by another writer")
)

// Entry is a value with the revision it was written at.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Change is one write of an atomic batch. Revision is what the key must stand
// at: 0 = it must not exist. A nil Value deletes the key.
type Change struct {
	Key      string
	Value    []byte
	Revision uint64
}

// KV is one bucket.
type KV struct{}

// KV opens a bucket, waiting for Apply to make it until ctx is done.
func (c *Conn) KV(ctx context.Context, bucket string) (*KV, error) { return nil, nil }

// Get reads a key; ErrNotFound if it is not there.
func (k *KV) Get(ctx context.Context, key string) (Entry, error) { return Entry{}, nil }

// Put writes whatever stood there.
func (k *KV) Put(ctx context.Context, key string, value []byte) error { return nil }

// Create writes a key that must not exist; ErrConflict if it does.
func (k *KV) Create(ctx context.Context, key string, value []byte) error { return nil }

// Delete removes a key; one that is not there is no error.
func (k *KV) Delete(ctx context.Context, key string) error { return nil }

// All gives every key that starts with prefix (a dotted token, such as "group.").
func (k *KV) All(ctx context.Context, prefix string) ([]Entry, error) { return nil, nil }

// Write makes all changes or none (at most 1,000) and gives the new revisions
// in their order; ErrConflict if a revision does not match. After any other
// error it is unknown whether they were made.
func (k *KV) Write(ctx context.Context, changes []Change) ([]uint64, error) { return nil, nil }

// State is what KV services says of a service.
type State struct {
	Attached bool   `json:"attached"`
	Reason   string `json:"reason,omitempty"`
	// Down is set by the analyzer while its model is out of reach.
	Down bool `json:"down,omitempty"`
	// MinSeverity is what the analyzer takes, by AI_MIN_SEVERITY.
	MinSeverity float64 `json:"min_severity,omitempty"`
}

// States gives the state of every service.
func (c *Conn) States(ctx context.Context) (map[string]State, error) { return nil, nil }

// SetDown notes whether a service's dependency is out of reach.
func (c *Conn) SetDown(ctx context.Context, service string, down bool) error { return nil }

// WhileAttached runs f while KV services says that service is attached: f's
// context ends when it is detached, f is run again when it is attached again.
func (c *Conn) WhileAttached(ctx context.Context, service string, f func(context.Context) error) error {
	return nil
}

// Lead runs f while this process holds the lease of that name: one process at a
// time, another takes over about 3 s after the holder's death, at once after
// its orderly stop. f's context ends when the lease is lost. A holder that
// finds its own name (from before a crash) goes on at once.
func (c *Conn) Lead(ctx context.Context, lease, holder string, f func(context.Context) error) error {
	return nil
}

// ApplyOptions are the settings of the streams.
type ApplyOptions struct {
	RawMaxBytes, EventsMaxBytes int64
	// States by service: masker, analyzer, indexer, alerter.
	States map[string]State
	// AttachBacklog is how far back a service that is attached again starts.
	AttachBacklog time.Duration
	// Channels that have an outbox, such as "terminal" and "wecom".
	Channels []string
	Replicas int
	Log      *slog.Logger
}

// Apply makes or changes streams, durables and buckets, and writes KV
// services. It refuses to go back a version.
func (c *Conn) Apply(ctx context.Context, o ApplyOptions) error { return nil }

// JanitorOptions are the replay windows.
type JanitorOptions struct {
	RawKeep, EventsKeep time.Duration
	Log                 *slog.Logger
}

// Janitor trims RAW and EVENTS every second until ctx is done. Run it under a
// lease (Lead "janitor").
func (c *Conn) Janitor(ctx context.Context, o JanitorOptions) error { return nil }
