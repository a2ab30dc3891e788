// Package alerter rings the right people once. It folds events into groups of
// one problem on one host, decides by tiers which of them ring, and brings the
// notifications to channels. The files follow the data: ledger (what lies on
// disk) → fold, tier, timers (what rings) → notification (the outbox) → send →
// channel.
package alerter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
)

const (
	name = "alerter"
	// tickEvery is how late a timer may be.
	tickEvery = 200 * time.Millisecond
	// closeTicks: every so many ticks groups are closed and forgotten, too.
	closeTicks = 10
	sweepEvery = time.Hour
	// foldBatch is how many events are folded in one write.
	foldBatch = 200
)

// Options of an alerter.
type Options struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Observe is told of every handled event, see bus.ConsumeOptions.
	Observe func(result string, took time.Duration)
	// Ready is called once it is consuming, stands by or is detached.
	Ready func()
	// Holder names this replica for the lease; unique, and kept over a restart
	// where that is possible, so that it goes on at once.
	Holder string
	// Enabled is this process's own toggle (ENABLE_ALERT). What counts is what
	// `bus apply` has written; a difference is said.
	Enabled bool
	// TTL without an event closes a group (ALERT_TTL).
	TTL time.Duration
	// WaitAnalysis is how long a first notification waits at most
	// (ALERT_WAIT_ANALYSIS).
	WaitAnalysis time.Duration
	// WechatWebhook of a WeCom robot, empty = none (AI_WECHAT_WEBHOOK).
	WechatWebhook string
	// Language of the labels: zh, else English (AI_LANGUAGE).
	Language string
	// Out and Format of the terminal channel.
	Out    io.Writer
	Format string

	now func() time.Time
}

// OptionsFrom takes the options from the settings.
func OptionsFrom(rt *service.Runtime) Options {
	return Options{
		Bus:           rt.Bus,
		Log:           rt.Log,
		Registry:      rt.Registry,
		Observe:       rt.Metrics.Observe(name),
		Ready:         func() { rt.Health.Ready(name) },
		Holder:        holder(rt.Settings),
		Enabled:       rt.Settings.EnableAlert,
		TTL:           rt.Settings.AlertTTL,
		WaitAnalysis:  rt.Settings.AlertWaitAnalysis,
		WechatWebhook: rt.Settings.AIWechatWebhook,
		Language:      rt.Settings.AILanguage,
		Out:           os.Stdout,
		Format:        FormatText,
	}
}

// holder names the replica: with an embedded broker there is one only, which
// takes its lease back at once after a crash; else a name nobody else has.
func holder(s service.Settings) string {
	if s.NatsURL == "" {
		return "up"
	}
	host, _ := os.Hostname()
	return host + "-" + rand.Text()
}

// ChannelNames gives the channels that need an outbox with these settings.
func ChannelNames(s service.Settings) []string {
	names := []string{channelTerminal}
	if s.AIWechatWebhook != "" {
		names = append(names, channelWecom)
	}
	return names
}

func (o *Options) validate() error {
	var errs []error
	if o.Bus == nil || o.Log == nil || o.Registry == nil {
		errs = append(errs, errors.New("an alerter needs a bus, a log and a registry"))
	}
	if o.TTL <= 0 {
		errs = append(errs, fmt.Errorf("ALERT_TTL is %s: it must be above zero, such as 5m", o.TTL))
	}
	if o.WaitAnalysis < 0 {
		errs = append(errs, fmt.Errorf("ALERT_WAIT_ANALYSIS is %s: it must be zero or above, such as 15s", o.WaitAnalysis))
	}
	if o.Format != FormatText && o.Format != FormatJSONL {
		errs = append(errs, fmt.Errorf("the format of alerts is %q: it must be text or jsonl", o.Format))
	}
	if o.WechatWebhook != "" {
		u, err := url.Parse(o.WechatWebhook)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			errs = append(errs, errors.New("AI_WECHAT_WEBHOOK is not a URL: it must be as https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"))
		}
	}
	return errors.Join(errs...)
}

// Service is an alerter.
type Service struct {
	Options
	metrics *metrics
	senders []*sender
	ready   sync.Once
}

// New makes an alerter. It starts nothing.
func New(_ context.Context, o Options) (*Service, error) {
	if o.Format == "" {
		o.Format = FormatText
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{Options: o, metrics: newMetrics(o.Registry)}
	l := labelsFor(o.Language)
	channels := []Channel{newTerminal(o.Out, o.Format, l)}
	if o.WechatWebhook != "" {
		channels = append(channels, newWecom(o.WechatWebhook, l, o.now))
	}
	for i, c := range channels {
		sender := &sender{channel: c, now: o.now, metrics: s.metrics, log: o.Log}
		if len(channels) > 1 {
			sender.other = channels[(i+1)%len(channels)].Name()
		}
		s.senders = append(s.senders, sender)
	}
	return s, nil
}

// Run works until ctx is done: it waits to be attached and for its lease, then
// it is the one active alerter.
func (s *Service) Run(ctx context.Context) error {
	told := func(state bus.State) {
		if state.Attached != s.Enabled {
			s.Log.Warn("ENABLE_ALERT differs from what `bus apply` has written, which counts",
				"ENABLE_ALERT", s.Enabled, "attached", state.Attached)
		}
		if !state.Attached {
			s.Log.Info("the alerter is detached: nobody is told of anything", "reason", state.Reason)
			s.markReady()
		}
	}
	return s.Bus.WhileAttached(ctx, name, told, func(ctx context.Context) error {
		standby := time.AfterFunc(standbyAfter, s.markReady)
		defer standby.Stop()
		return s.Bus.Lead(ctx, name, s.Holder, s.lead)
	})
}

// standbyAfter is when one that has no lease is taken to stand by.
const standbyAfter = 2 * time.Second

func (s *Service) markReady() { s.ready.Do(s.Ready) }

// lead is the one active alerter.
func (s *Service) lead(ctx context.Context) error {
	kv, err := s.Bus.KV(ctx, bus.BucketAlerts)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	out := s.Bus.NewPublisher()
	defer out.Close()
	l := s.newLedger(kv, out)
	g, ctx := errgroup.WithContext(ctx)
	for _, sender := range s.senders {
		g.Go(func() error { return s.sendLoop(ctx, sender, kv) })
	}
	g.Go(func() error { return s.publishLoop(ctx, l) })
	g.Go(func() error { return s.tickLoop(ctx, l) })
	g.Go(func() error {
		return s.Bus.Consume(ctx, bus.ConsumeOptions{
			Stream: bus.StreamEvents, Durable: name, Service: name, Workers: 1, Batch: foldBatch,
			Handle: l.handle, Observe: s.Observe, Log: s.Log,
		})
	})
	s.markReady()
	return g.Wait()
}

func (s *Service) newLedger(kv bucket, out outbox) *ledger {
	l := &ledger{
		rules:   rules{ttl: s.TTL},
		kv:      kv,
		outbox:  out,
		now:     s.now,
		waiting: s.waitingFor(s.Bus.States),
		metrics: s.metrics,
		wake:    make(chan struct{}, 1),
	}
	for _, sender := range s.senders {
		l.channels = append(l.channels, sender.channel.Name())
	}
	return l
}

// waitingFor tells whether first notifications wait, asking at most once a
// second. What can't be asked is not waited for.
func (s *Service) waitingFor(states func(context.Context) (map[string]bus.State, error)) func(context.Context) waiting {
	var mu sync.Mutex
	var asked time.Time
	var last waiting
	return func(ctx context.Context) waiting {
		mu.Lock()
		defer mu.Unlock()
		now := s.now()
		if since := now.Sub(asked); s.WaitAnalysis == 0 || since >= 0 && since < time.Second {
			return last
		}
		asked, last = now, waiting{}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if all, err := states(ctx); err == nil {
			a := all["analyzer"]
			last = waiting{on: a.Attached && !a.Down, min: a.MinSeverity, most: s.WaitAnalysis}
		}
		return last
	}
}

// sendLoop empties the outbox of one channel.
func (s *Service) sendLoop(ctx context.Context, sender *sender, kv bucket) error {
	if err := sender.remember(ctx, kv); err != nil && ctx.Err() == nil {
		s.Log.Warn("the channel's send budget starts anew", "channel", sender.channel.Name(), "err", err)
	}
	return s.Bus.Consume(ctx, bus.ConsumeOptions{
		Stream: bus.StreamNotify, Durable: bus.DurableNotify(sender.channel.Name()), Service: name, Workers: 1, Batch: 1,
		Handle: bus.Each(func(ctx context.Context, d *bus.Delivery) error { return sender.handle(ctx, kv, d) }),
		Log:    s.Log,
	})
}

// publishLoop publishes whenever something is unsent.
func (s *Service) publishLoop(ctx context.Context, l *ledger) error {
	say := saidOnce{log: s.Log}
	for {
		err := l.publish(ctx)
		say.report(ctx, err)
		again := make(<-chan time.Time)
		if err != nil {
			again = time.After(time.Second)
		}
		select {
		case <-l.wake:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// tickLoop drives the timers.
func (s *Service) tickLoop(ctx context.Context, l *ledger) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	say := saidOnce{log: s.Log}
	swept := s.now()
	for n := 0; ; n++ {
		err := l.tick(ctx, n%closeTicks == 0)
		if now := s.now(); err == nil && now.Sub(swept) >= sweepEvery {
			swept, err = now, l.sweep(ctx)
		}
		say.report(ctx, err)
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// saidOnce logs an error when it begins and when it is over, not each time.
type saidOnce struct {
	log  *slog.Logger
	last string
}

func (s *saidOnce) report(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	if text != s.last {
		if text != "" {
			s.log.Warn("the alerter waits", "err", strings.TrimSpace(text))
		} else {
			s.log.Info("the alerter goes on")
		}
	}
	s.last = text
}
