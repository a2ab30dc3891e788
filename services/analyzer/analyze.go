package analyzer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
	"tocsin/services/analyzer/llm"
)

// handle works on one masked event. It is acknowledged once its analysed form,
// or the reason why there is none, is on the broker's disk.
func (s *Service) handle(ctx context.Context, d *bus.Delivery) error {
	e, err := events.Decode(d.Data)
	if err != nil {
		return bus.Reject(err)
	}
	if e.Severity < s.MinSeverity {
		return nil
	}
	a, err := s.analyse(ctx, e)
	if err != nil {
		return err
	}
	return s.publish(ctx, d, e, a)
}

// analyse gives the analysis of the event's problem: a known one, or one that
// the model is asked for now, or the reason why there is none.
func (s *Service) analyse(ctx context.Context, e *events.Event) (events.Analysis, error) {
	problem := e.Group
	if problem == "" {
		problem = e.ID // nothing is known to be the same
	}
	key := s.cache.key(problem)
	known, err := s.cache.get(ctx, key)
	if err != nil {
		return events.Analysis{}, bus.Unavailable(err)
	}
	if known != nil {
		return fromCache(*known, e), nil
	}
	if off := s.model.switchedOff(); off != nil {
		return s.unanalysed(reasonSwitchedOff, "the model is switched off: "+off.Error()), nil
	}
	if why, refused := s.refusals.get(key); refused {
		return s.unanalysed(reasonRefused, why), nil
	}
	if e.Backlog {
		allowed, err := s.backlog.take(ctx, problem, e.ObservedAt)
		if err != nil {
			return events.Analysis{}, bus.Unavailable(err)
		}
		if !allowed {
			return s.unanalysed(reasonBacklog, fmt.Sprintf("backlog: the model is asked about %d of its problems (AI_BACKLOG_MAX)", s.BacklogMax)), nil
		}
	}
	since := s.ages.take(key, s.now())
	a, err := s.once(ctx, key, e, s.now().Sub(since) >= s.MaxAge)
	return s.judge(key, a, err, s.now().Sub(since) >= s.MaxAge)
}

// judge says what a failure to get an analysis means for the event.
func (s *Service) judge(key string, a events.Analysis, err error, old bool) (events.Analysis, error) {
	class := llm.ClassOf(err)
	switch {
	case err == nil:
		s.ages.forget(key)
		return a, nil
	case class == llm.Permanent:
		s.ages.forget(key)
		return s.unanalysed(reasonSwitchedOff, "the model is switched off: "+err.Error()), nil
	case class == llm.Refused:
		s.ages.forget(key)
		s.refusals.add(key, err.Error())
		return s.unanalysed(reasonRefused, err.Error()), nil
	case class == llm.Temporary && old:
		return s.unanalysed(reasonMaxAge, fmt.Sprintf("the model was out of reach for %s (AI_MAX_AGE): %v", s.MaxAge, err)), nil
	}
	return events.Analysis{}, bus.Unavailable(err)
}

func (s *Service) unanalysed(reason, why string) events.Analysis {
	s.metrics.unanalysed.WithLabelValues(reason).Inc()
	return events.Analysis{UnanalysedReason: why}
}

// once asks about a problem, once however many of its events are in work. For
// a problem that has waited long enough (old) a model that failed just now is
// not asked again.
func (s *Service) once(ctx context.Context, key string, e *events.Event, old bool) (events.Analysis, error) {
	asked := false
	v, err, _ := s.flights.Do(key, func() (any, error) {
		// Between the look into the cache and here another one may have answered.
		known, err := s.cache.get(ctx, key)
		if err != nil {
			return nil, err
		}
		if known != nil {
			return *known, nil
		}
		if down := s.model.outOfReach(); old && down != nil {
			return nil, down
		}
		asked = true
		return s.ask(ctx, key, e)
	})
	if err != nil {
		return events.Analysis{}, err
	}
	a := v.(events.Analysis)
	if !asked {
		a = fromCache(a, e)
	}
	return a, nil
}

// ask asks the model and keeps its answer.
func (s *Service) ask(ctx context.Context, key string, e *events.Event) (events.Analysis, error) {
	ev := newEvidence(e)
	language := languageOf(s.Language, e)
	answer, took, err := s.model.ask(ctx, question(ev, language))
	if err != nil {
		return events.Analysis{}, err
	}
	a := decodeAnswer(answer.Text)
	a.Claims = ground(a.Claims, ev)
	a.Model, a.Provider, a.Language = s.Model, s.model.client.Provider(), language
	a.Seconds = math.Round(took.Seconds()*1000) / 1000
	if answer.PromptTokens+answer.CompletionTokens > 0 {
		a.Tokens = &events.Tokens{Prompt: answer.PromptTokens, Completion: answer.CompletionTokens}
	}
	if err := s.cache.put(ctx, key, a, s.now()); err != nil {
		// The answer is paid for and good; the next event of the problem asks again.
		s.Log.Warn("cannot keep an analysis", "err", err)
	}
	return a, nil
}

// fromCache makes the analysis of one event of a problem that of another: its
// claims must hold on the lines of this one.
func fromCache(a events.Analysis, e *events.Event) events.Analysis {
	a.Cached = true
	if len(a.Claims) > 0 {
		a.Claims = ground(a.Claims, newEvidence(e))
	}
	return a
}

// publish sends the whole event on with its analysis.
func (s *Service) publish(ctx context.Context, d *bus.Delivery, e *events.Event, a events.Analysis) error {
	e.Analysis = &a
	e.Revision |= 1
	data, err := events.Fit(e, events.MaxEncoded)
	if err != nil {
		return bus.Reject(err)
	}
	m := bus.Message{Subject: bus.SubjectAnalyzed, ID: bus.MsgID(bus.SubjectAnalyzed, e.ID, d.Run()), Data: data}
	if run := d.Run(); run != "" {
		m.Header = map[string]string{bus.HeaderRun: run}
	}
	err = s.publisher.Publish(ctx, m)
	if err != nil && (ctx.Err() != nil || errors.Is(err, bus.ErrClosed)) {
		return bus.Unavailable(err)
	}
	return err
}
