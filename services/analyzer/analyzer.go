// Package analyzer asks a language model why a problem happened, once a
// problem, and sends the event on with the answer or with the reason why there
// is none. The files follow the data: analyze (one message) → cache, backlog →
// evidence → prompt → model → answer.
package analyzer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
	"tocsin/services/analyzer/llm"
)

const name = service.Analyzer

// Options of an analyzer.
type Options struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Observe is told of every handled message, see bus.ConsumeOptions.
	Observe func(result string, took time.Duration)
	// Ready is called once it is consuming or detached.
	Ready func()
	// Well is told what is wrong with the model, nil = it is well.
	Well func(err error)

	// URL, Key and Model say who is asked (AI_API_URL, AI_API_KEY,
	// AI_MODEL_NAME). An empty URL asks nobody.
	URL, Key, Model string
	// Language of the answers: auto, or a language such as zh (AI_LANGUAGE).
	Language string
	// Timeout and IdleTimeout bound a call (AI_TIMEOUT, AI_IDLE_TIMEOUT).
	Timeout, IdleTimeout time.Duration
	// MinSeverity is the least severity that is analysed (AI_MIN_SEVERITY).
	MinSeverity float64
	// MaxAge is how long a problem waits for a model that is out of reach,
	// from when it was first taken (AI_MAX_AGE).
	MaxAge time.Duration
	// BacklogMax is how many problems of a backlog are asked (AI_BACKLOG_MAX).
	BacklogMax int
	// Workers is how many messages are in work at once (MAX_WORKERS).
	Workers int

	now func() time.Time
}

// OptionsFrom takes the options from the settings.
func OptionsFrom(rt *service.Runtime) Options {
	s := rt.Settings
	return Options{
		Bus:         rt.Bus,
		Log:         rt.Log,
		Registry:    rt.Registry,
		Observe:     rt.Metrics.Observe(name),
		Ready:       func() { rt.Health.Ready(name) },
		Well:        func(err error) { rt.Health.Set("model", err) },
		URL:         s.AIAPIURL,
		Key:         s.AIAPIKey,
		Model:       s.AIModelName,
		Language:    s.AILanguage,
		Timeout:     s.AITimeout,
		IdleTimeout: s.AIIdleTimeout,
		MinSeverity: s.AIMinSeverity,
		MaxAge:      s.AIMaxAge,
		BacklogMax:  s.AIBacklogMax,
		Workers:     s.MaxWorkers,
	}
}

func (o *Options) validate() error {
	var errs []error
	if o.Bus == nil || o.Log == nil || o.Registry == nil {
		errs = append(errs, errors.New("an analyzer needs a bus, a log and a registry"))
	}
	if o.Language == "" {
		errs = append(errs, errors.New("AI_LANGUAGE is empty: it must be auto, or a language such as en or zh"))
	}
	if o.Timeout <= 0 || o.IdleTimeout <= 0 {
		errs = append(errs, fmt.Errorf("AI_TIMEOUT is %s and AI_IDLE_TIMEOUT %s: both must be above zero", o.Timeout, o.IdleTimeout))
	}
	if o.MaxAge <= 0 {
		errs = append(errs, fmt.Errorf("AI_MAX_AGE is %s: it must be above zero, such as 1h", o.MaxAge))
	}
	if o.BacklogMax < 0 {
		errs = append(errs, fmt.Errorf("AI_BACKLOG_MAX is %d: it must be 0 or more", o.BacklogMax))
	}
	if o.Workers < 1 {
		errs = append(errs, fmt.Errorf("MAX_WORKERS is %d: it must be 1 or more", o.Workers))
	}
	return errors.Join(errs...)
}

// Service is an analyzer.
type Service struct {
	Options
	metrics   *metrics
	model     *model
	ages      ages
	refusals  refusals
	flights   singleflight.Group
	cache     *cache
	backlog   *backlog
	publisher *bus.Publisher
}

// New makes an analyzer. It starts nothing.
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
	if o.now == nil {
		o.now = time.Now
	}
	s := &Service{Options: o}
	var client *llm.Client
	if o.URL != "" {
		var err error
		client, err = llm.New(llm.Options{URL: o.URL, Key: o.Key, Model: o.Model, Timeout: o.Timeout, IdleTimeout: o.IdleTimeout})
		if err != nil {
			return nil, fmt.Errorf("AI_API_URL: %w", err)
		}
	}
	s.metrics = newMetrics(o.Registry)
	s.model = newModel(client, s.metrics, o.Log, o.now)
	s.model.setDown = func(ctx context.Context, down bool) error { return o.Bus.SetDown(ctx, name, down) }
	s.model.recovered = s.ages.clear
	return s, nil
}

// Run analyses until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	defer s.model.close()
	kv, err := s.Bus.KV(ctx, bus.BucketAnalyses)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.cache = newCache(kv, s.Model, s.Language)
	s.backlog = &backlog{kv: kv, max: s.BacklogMax}
	s.publisher = s.Bus.NewPublisher()
	defer s.publisher.Close()
	return s.Bus.WhileAttached(ctx, name, s.told, func(ctx context.Context) error {
		s.model.attached = ctx
		s.model.announce(ctx)
		s.Ready()
		return s.Bus.Consume(ctx, bus.ConsumeOptions{
			Stream:  bus.StreamEvents,
			Durable: name,
			Service: name,
			Workers: s.Workers,
			Handle:  bus.Each(s.handle),
			Observe: s.Observe,
			OnDown:  s.Well,
			Log:     s.Log,
		})
	})
}

// told is called at the start and whenever the service is attached or detached.
func (s *Service) told(state bus.State) {
	if !state.Attached {
		s.Log.Info("no model is asked", "reason", state.Reason)
		s.Ready()
	}
}

// ages remembers since when each problem has waited for the model.
type ages struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// take notes that a problem is being worked on and tells since when.
func (a *ages) take(problem string, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since, ok := a.since[problem]; ok {
		return since
	}
	if a.since == nil {
		a.since = map[string]time.Time{}
	}
	a.since[problem] = now
	return now
}

func (a *ages) forget(problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.since, problem)
}

// clear forgets all: the model is back, and every problem is asked anew.
func (a *ages) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.since)
}

// maxRefusals bounds what refusals remembers.
const maxRefusals = 10_000

// refusals remembers, until the next start, which problems the model will not
// answer, so that each is asked once.
type refusals struct {
	mu  sync.Mutex
	why map[string]string
}

func (r *refusals) get(problem string) (why string, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	why, refused = r.why[problem]
	return why, refused
}

func (r *refusals) add(problem, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == nil || len(r.why) >= maxRefusals {
		r.why = map[string]string{}
	}
	r.why[problem] = why
}
