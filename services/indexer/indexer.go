// Package indexer stores every event, masked and analysed, where it can be
// found again. It takes a batch of messages at a time and acknowledges each by
// the store's verdict on it.
package indexer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
	"tocsin/pkg/store"
	"tocsin/pkg/store/sqlite"
)

const name = service.Indexer

// Options of an indexer.
type Options struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Observe is told of every handled message, see bus.ConsumeOptions.
	Observe func(result string, took time.Duration)
	// Ready is called once it is consuming or detached.
	Ready func()
	// Well is told what is wrong with the store, nil = it is well.
	Well func(err error)
	// Path of the file in which events are stored.
	Path string
	// ESNodes are the addresses of an Elasticsearch (ES_NODES).
	ESNodes string
	// Workers sets the size of a transaction: batchOf events for each
	// (MAX_WORKERS).
	Workers int

	open func(path string) (store.Store, error)
}

// batchOf is how many events of a transaction count as one in work: writing
// them costs little beside the sync that all of them share.
const batchOf = 10

// OptionsFrom takes the options from the settings.
func OptionsFrom(rt *service.Runtime) Options {
	return Options{
		Bus:      rt.Bus,
		Log:      rt.Log,
		Registry: rt.Registry,
		Observe:  rt.Metrics.Observe(name),
		Ready:    func() { rt.Health.Ready(name) },
		Well:     func(err error) { rt.Health.Set("store", err) },
		Path:     sqlite.Path(rt.Settings.DataDir),
		ESNodes:  rt.Settings.ESNodes,
		Workers:  rt.Settings.MaxWorkers,
	}
}

func (o *Options) validate() error {
	var errs []error
	if o.Bus == nil || o.Log == nil || o.Registry == nil {
		errs = append(errs, errors.New("an indexer needs a bus, a log and a registry"))
	}
	if o.Path == "" {
		errs = append(errs, errors.New("DATA_DIR is empty: it must be the folder in which events are stored"))
	}
	if o.Workers < 1 {
		errs = append(errs, fmt.Errorf("MAX_WORKERS is %d: it must be 1 or more", o.Workers))
	}
	return errors.Join(errs...)
}

// Service is an indexer.
type Service struct {
	Options
	metrics *metrics
	store   store.Store // nil until it could be opened
}

// New makes an indexer. It starts nothing.
func New(_ context.Context, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Well == nil {
		o.Well = func(error) {}
	}
	if o.open == nil {
		o.open = func(path string) (store.Store, error) {
			return sqlite.Open(path, sqlite.Options{Log: o.Log})
		}
	}
	return &Service{Options: o, metrics: newMetrics(o.Registry)}, nil
}

// Run stores until ctx is done. It fails at once if the store was written by a
// newer version; a store that is out of reach is waited for.
func (s *Service) Run(ctx context.Context) (err error) {
	defer func() {
		if s.store != nil {
			err = errors.Join(err, s.store.Close())
		}
	}()
	return s.Bus.WhileAttached(ctx, name, s.told, func(ctx context.Context) error {
		s.warnOfElasticsearch()
		opened := s.open()
		if errors.Is(opened, sqlite.ErrNewer) {
			return opened
		}
		s.Well(opened)
		s.Ready()
		return s.Bus.Consume(ctx, bus.ConsumeOptions{
			Stream:  bus.StreamEvents,
			Durable: name,
			Service: name,
			Workers: 1, // one transaction at a time; the batch makes it fast
			Batch:   batchOf * s.Workers,
			Handle:  s.handle,
			Observe: s.Observe,
			OnDown:  s.Well,
			Log:     s.Log,
		})
	})
}

// told is called at the start and whenever the service is attached or detached.
func (s *Service) told(state bus.State) {
	if !state.Attached {
		s.Log.Info("events are not stored", "reason", state.Reason)
		s.Ready()
	}
}

func (s *Service) warnOfElasticsearch() {
	if s.ESNodes != "" {
		s.Log.Warn("ES_NODES is set, but this version does not write to Elasticsearch: "+
			"events are stored in a SQLite file, from which `tocsin export` reads them; leave ES_NODES empty to silence this", "file", s.Path)
	}
}

// open opens the store if that has not been done.
func (s *Service) open() error {
	if s.store != nil {
		return nil
	}
	opened, err := s.Options.open(s.Path)
	if err != nil {
		return err
	}
	s.store = opened
	return nil
}
