package analyzer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tocsin/services/analyzer/llm"
)

// errNoModel: there is nobody to ask.
var errNoModel = errors.New("AI_API_URL is empty")

// probeEvery is how often a model that is out of reach is tried for problems
// that have waited long enough.
const probeEvery = 30 * time.Second

// model is the language model as it stands: up, out of reach, or switched off.
// While it is up, all ask at once; while it is out of reach one asks, and those
// who waited for him share his failure.
type model struct {
	client    *llm.Client
	metrics   *metrics
	log       *slog.Logger
	now       func() time.Time
	setDown   func(ctx context.Context, down bool) error
	recovered func()
	probe     chan struct{} // holds one token while somebody asks a model that is out of reach
	// attached ends every call, so that a stop does not wait for an answer.
	attached context.Context

	mu       sync.Mutex
	off      error     // why it is switched off until the next start
	down     error     // why it is out of reach
	failedAt time.Time // when the last call failed that way
	notUntil time.Time // what the provider asked for

	telling sync.Mutex
	told    bool // what KV services was told last
	known   bool // whether it was told at all
}

func newModel(client *llm.Client, m *metrics, log *slog.Logger, now func() time.Time) *model {
	mod := &model{client: client, metrics: m, log: log, now: now, probe: make(chan struct{}, 1), attached: context.Background()}
	if client == nil {
		mod.off = errNoModel
	}
	return mod
}

func (m *model) close() {
	if m.client != nil {
		m.client.Close()
	}
}

// switchedOff tells why the model is switched off; nil = it is not.
func (m *model) switchedOff() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.off
}

// outOfReach tells why the model is known to be out of reach, if it was tried
// less than probeEvery ago or does not want to be.
func (m *model) outOfReach() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.down != nil && (now.Sub(m.failedAt) < probeEvery || now.Before(m.notUntil)) {
		return m.down
	}
	return nil
}

// ask asks once. Errors are those of llm.Client.Complete, of this call or of
// the one that this call would only have repeated.
func (m *model) ask(ctx context.Context, q llm.Request) (llm.Answer, time.Duration, error) {
	release, err := m.admit(ctx)
	if err != nil {
		return llm.Answer{}, 0, err
	}
	defer release()
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.attached, cancel)()
	started := time.Now()
	answer, err := m.client.Complete(call, q)
	took := time.Since(started)
	m.metrics.call(answer, err, took)
	m.note(err)
	m.announce(ctx)
	return answer, took, err
}

// admit waits until it may be asked. release must be called after the call.
func (m *model) admit(ctx context.Context) (release func(), err error) {
	came := m.now()
	m.mu.Lock()
	err, up := m.barred(came, came), m.down == nil
	m.mu.Unlock()
	if err != nil || up {
		return func() {}, err
	}
	select {
	case m.probe <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release = func() { <-m.probe }
	m.mu.Lock()
	err = m.barred(came, m.now())
	m.mu.Unlock()
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// barred tells why the model may not be asked now by somebody who came at a
// time: it is switched off, wants to be left alone, or failed since he came.
func (m *model) barred(came, now time.Time) error {
	switch {
	case m.off != nil:
		return m.off
	case m.down != nil && (now.Before(m.notUntil) || m.failedAt.After(came)):
		return m.down
	}
	return nil
}

// note keeps what a call told about the model.
func (m *model) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var e *llm.Error
	errors.As(err, &e)
	switch llm.ClassOf(err) {
	case llm.Permanent:
		if m.off == nil {
			m.log.Error("the model is switched off until the next start; problems are passed on unanalysed", "err", err)
		}
		m.off = err
	case llm.Temporary:
		m.down, m.failedAt = err, m.now()
		m.notUntil = m.failedAt.Add(e.RetryAfter)
	default:
		if err != nil && llm.ClassOf(err) == "" {
			return // cancelled: nothing is known
		}
		if m.down != nil {
			m.recovered()
		}
		m.down = nil
	}
}

// announce tells the others, by KV services, whether an analysis is worth
// waiting for. One that can't be told is told with the next call.
func (m *model) announce(ctx context.Context) {
	m.telling.Lock()
	defer m.telling.Unlock()
	m.mu.Lock()
	down := m.off != nil || m.down != nil
	m.mu.Unlock()
	if m.known && m.told == down {
		return
	}
	if err := m.setDown(ctx, down); err != nil {
		m.log.Debug("cannot tell whether the model is out of reach", "err", err)
		return
	}
	m.known, m.told = true, down
}
