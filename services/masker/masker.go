// Package masker takes secrets and personal data out of events, gives each its
// fingerprint and group, and passes it on. It fails closed: what could not be
// masked is not passed on.
package masker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
	"tocsin/pkg/service"
	"tocsin/services/masker/mask"
)

const name = service.Masker

// defaultLimit is how long masking one event may take; then it is masked
// coarsely.
const defaultLimit = 2 * time.Second

// Options of a masker.
type Options struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Observe is told of every handled message, see bus.ConsumeOptions.
	Observe func(result string, took time.Duration)
	// Ready is called once it is consuming or detached.
	Ready func()
	// Levels is the value of MASK_LEVELS, Mode that of MASK_MODE.
	Levels, Mode string
	// Key is MASK_KEY, see sharedKey for what an empty one means.
	Key []byte
	// Workers is how many messages are in work at once (MAX_WORKERS).
	Workers int
	// Janitor says whether the streams are trimmed from here, while this
	// process holds the lease as Holder. A process that is the only one of its
	// installation gives a name that stays the same when it starts again.
	Janitor bool
	Holder  string
	// RawKeep and EventsKeep are the replay windows.
	RawKeep, EventsKeep time.Duration

	// limit is how long masking one event may take.
	limit time.Duration
}

// OptionsFrom takes the options from the settings.
func OptionsFrom(rt *service.Runtime) Options {
	s := rt.Settings
	return Options{
		Bus:        rt.Bus,
		Log:        rt.Log,
		Registry:   rt.Registry,
		Observe:    rt.Metrics.Observe(name),
		Ready:      func() { rt.Health.Ready(name) },
		Levels:     s.MaskLevels,
		Mode:       s.MaskMode,
		Key:        []byte(s.MaskKey),
		Workers:    s.MaxWorkers,
		Janitor:    true,
		Holder:     holder(s.NatsURL == ""),
		RawKeep:    s.RawKeep,
		EventsKeep: s.EventsKeep,
	}
}

func (o *Options) validate() error {
	var errs []error
	if o.Bus == nil || o.Log == nil || o.Registry == nil {
		errs = append(errs, errors.New("a masker needs a bus, a log and a registry"))
	}
	if _, err := mask.ParseLevels(o.Levels); err != nil {
		errs = append(errs, err)
	}
	if o.Mode != "" && o.Mode != mask.ModeToken && o.Mode != mask.ModeRedact {
		errs = append(errs, fmt.Errorf("MASK_MODE is %q: it must be %s or %s", o.Mode, mask.ModeToken, mask.ModeRedact))
	}
	if o.Workers < 1 {
		errs = append(errs, fmt.Errorf("MAX_WORKERS is %d: it must be 1 or more", o.Workers))
	}
	if o.Janitor && o.Holder == "" {
		errs = append(errs, errors.New("the janitor needs the name of its holder"))
	}
	return errors.Join(errs...)
}

// Service is a masker.
type Service struct {
	Options
	metrics   *metrics
	masker    *mask.Masker
	seal      *Seal
	publisher *bus.Publisher
}

// New makes a masker. It starts nothing.
func New(_ context.Context, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.limit == 0 {
		o.limit = defaultLimit
	}
	return &Service{Options: o, metrics: newMetrics(o.Registry)}, nil
}

// Run masks until ctx is done. It fails at once if the key is not the one that
// this installation masks with.
func (s *Service) Run(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.publisher = s.Bus.NewPublisher()
	defer s.publisher.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Bus.WhileAttached(ctx, name, s.told, s.consume) })
	if s.Janitor {
		g.Go(func() error {
			return s.Bus.Lead(ctx, "janitor", s.Holder, func(ctx context.Context) error {
				return s.Bus.Janitor(ctx, bus.JanitorOptions{RawKeep: s.RawKeep, EventsKeep: s.EventsKeep, Log: s.Log})
			})
		})
	}
	return g.Wait()
}

// prepare makes what depends on the key.
func (s *Service) prepare(ctx context.Context) error {
	kv, err := s.Bus.KV(ctx, bus.BucketMasker)
	if err != nil {
		return err
	}
	key, err := sharedKey(ctx, kv, s.Key)
	if err != nil {
		return err
	}
	levels, err := mask.ParseLevels(s.Levels)
	if err != nil {
		return err
	}
	if s.masker, err = mask.New(mask.Options{Levels: levels, Mode: s.Mode, Key: key}); err != nil {
		return err
	}
	s.seal, err = NewSeal(key)
	return err
}

// batchOf is how many events travel together for each that is masked at once.
const batchOf = 10

func (s *Service) consume(ctx context.Context) error {
	s.Ready()
	return s.Bus.Consume(ctx, bus.ConsumeOptions{
		Stream:  bus.StreamRaw,
		Durable: name,
		Service: name,
		Batch:   batchOf * s.Workers,
		Handle:  s.handle,
		Seal:    s.seal.Seal,
		Observe: s.Observe,
		Log:     s.Log,
	})
}

// told is called at the start and whenever the service is attached or detached.
func (s *Service) told(state bus.State) {
	if !state.Attached {
		s.Log.Warn("events are not masked and wait", "reason", state.Reason)
		s.Ready()
	}
}

// headerTrace carries the trace of W3C Trace Context.
const headerTrace = "traceparent"

// handle masks a batch, MAX_WORKERS events at once, and passes them on together
// in their order: one synced write serves them all. Its errors hold no text of
// the events: they end in logs and beside dead letters.
func (s *Service) handle(ctx context.Context, batch []*bus.Delivery) []error {
	errs := make([]error, len(batch))
	out := make([]*ready, len(batch))
	var g errgroup.Group
	g.SetLimit(s.Workers)
	for i, d := range batch {
		g.Go(func() error {
			out[i], errs[i] = s.maskDelivery(ctx, d)
			return nil
		})
	}
	_ = g.Wait() // every error stands in errs
	var msgs []bus.Message
	for _, m := range out {
		if m != nil {
			msgs = append(msgs, m.message)
		}
	}
	together := s.publisher.Publish(ctx, msgs...)
	for i, m := range out {
		if m == nil {
			continue
		}
		if together != nil && ctx.Err() == nil {
			// One of them is refused: singly it is found out which.
			errs[i] = s.publisher.Publish(ctx, m.message)
		} else {
			errs[i] = together
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("cannot pass on event %s: %w", m.id, errs[i])
			continue
		}
		s.metrics.count(m.kinds)
	}
	return errs
}

// ready is a masked event that may leave.
type ready struct {
	id      string
	message bus.Message
	kinds   map[string]int
}

// maskDelivery does all for one event that can be done without the broker. A
// panic is an error of that event alone.
func (s *Service) maskDelivery(ctx context.Context, d *bus.Delivery) (_ *ready, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may quote the text; its type does not.
			err = fmt.Errorf("cannot mask message %d of %s: panic of type %T", d.Sequence, bus.StreamRaw, p)
		}
	}()
	e, err := decode(d)
	if err != nil {
		return nil, bus.Reject(err)
	}
	if err := s.maskEvent(ctx, e, int64(len(d.Data))); err != nil {
		return nil, err
	}
	data, err := events.Fit(e, events.MaxEncoded)
	if err != nil {
		return nil, err
	}
	run := d.Run()
	header := map[string]string{}
	if run != "" {
		header[bus.HeaderRun] = run
	}
	if trace := d.Header[headerTrace]; trace != "" {
		header[headerTrace] = trace
	}
	return &ready{id: e.ID, kinds: e.Masked, message: bus.Message{
		Subject: bus.SubjectMasked,
		ID:      bus.MsgID(bus.SubjectMasked, e.ID, run),
		Data:    data,
		Header:  header,
	}}, nil
}
