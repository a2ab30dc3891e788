package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Streams. The durables of RAW and EVENTS are named as their service.
const (
	StreamRaw    = "RAW"
	StreamEvents = "EVENTS"
	StreamReplay = "REPLAY"
	StreamNotify = "NOTIFY"
	StreamDead   = "DEAD"
)

// DurableNotify is the durable of a channel's outbox on NOTIFY.
func DurableNotify(channel string) string { return "notify-" + channel }

// layoutVersion grows when a stream, durable or bucket changes so that an older
// binary would work wrongly with it.
const layoutVersion = 1

// layoutKey holds the version in each stream's metadata.
const layoutKey = "tocsin_layout"

// Limits beside the two that are settings.
const (
	deadKeep        = 30 * 24 * time.Hour
	deadMaxBytes    = 1 << 30
	replayMaxBytes  = 1 << 30
	notifyMaxBytes  = 256 << 20
	duplicateWindow = 2 * time.Minute
	// maxAckPending is far above what all replicas hold, since delayed
	// hand-backs count too.
	maxAckPending = 10_000
)

// durableOf says where each service listens.
var durableOf = map[string]struct {
	stream   string
	subjects []string
}{
	"masker":   {StreamRaw, []string{SubjectRaw}},
	"analyzer": {StreamEvents, []string{SubjectMasked}},
	"indexer":  {StreamEvents, []string{SubjectMasked, SubjectAnalyzed}},
	"alerter":  {StreamEvents, []string{SubjectMasked, SubjectAnalyzed}},
}

// ApplyOptions are the settings of the streams.
type ApplyOptions struct {
	// RawMaxBytes and EventsMaxBytes bound the two streams of events.
	RawMaxBytes, EventsMaxBytes int64
	// States by service: masker, analyzer, indexer, alerter.
	States map[string]State
	// AttachBacklog is how far back a service that is attached again starts.
	AttachBacklog time.Duration
	// Channels that have an outbox, such as "terminal" and "wecom".
	Channels []string
	// Replicas of every stream, 1 by default.
	Replicas int
	Log      *slog.Logger
}

func (o *ApplyOptions) validate() error {
	if o.RawMaxBytes <= 0 || o.EventsMaxBytes <= 0 {
		return errors.New("cannot apply: RAW_MAX_BYTES and EVENTS_MAX_BYTES must be above 0")
	}
	for name := range o.States {
		if _, ok := durableOf[name]; !ok {
			return fmt.Errorf("cannot apply: %q is no service with a consumer", name)
		}
	}
	for _, ch := range o.Channels {
		if ch == "" || strings.ContainsAny(ch, " .*>") {
			return fmt.Errorf("cannot apply: %q can't name a channel", ch)
		}
	}
	return nil
}

// Apply makes or changes streams, durables and buckets, and writes KV
// services. It refuses to go back a version.
func (c *Conn) Apply(ctx context.Context, o ApplyOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	o.Replicas = max(o.Replicas, 1)
	if o.Log == nil {
		o.Log = c.log
	}
	if err := c.checkLayout(ctx); err != nil {
		return err
	}
	for _, cfg := range streamConfigs(o) {
		if _, err := c.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("cannot apply stream %s: %w", cfg.Name, err)
		}
	}
	if err := c.applyServices(ctx, o); err != nil {
		return err
	}
	for _, ch := range o.Channels {
		if err := c.applyDurable(ctx, StreamNotify, DurableNotify(ch), []string{SubjectNotify(ch)}, jetstream.ConsumerConfig{}); err != nil {
			return err
		}
	}
	return nil
}

// checkLayout refuses streams that a newer Tocsin has laid out.
func (c *Conn) checkLayout(ctx context.Context) error {
	s, err := c.js.Stream(ctx, StreamRaw)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot apply: %w", err)
	}
	have, err := strconv.Atoi(s.CachedInfo().Config.Metadata[layoutKey])
	if err != nil {
		return fmt.Errorf("cannot apply: stream %s exists but was not made by Tocsin; give Tocsin an account of its own", StreamRaw)
	}
	if have > layoutVersion {
		return fmt.Errorf("cannot apply: the streams have layout %d, this Tocsin knows up to %d; use the newer version that made them", have, layoutVersion)
	}
	return nil
}

func streamConfigs(o ApplyOptions) []jetstream.StreamConfig {
	// The smaller streams keep to a share of the large ones, so that the sum
	// of all reservations fits a small disk too.
	small := func(most int64) int64 { return min(most, (o.RawMaxBytes+o.EventsMaxBytes)/8) }
	base := jetstream.StreamConfig{
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		Storage:            jetstream.FileStorage,
		Replicas:           o.Replicas,
		Duplicates:         duplicateWindow,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{layoutKey: strconv.Itoa(layoutVersion)},
	}
	raw, all, replay, notify, dead := base, base, base, base, base
	raw.Name, raw.Subjects, raw.MaxBytes = StreamRaw, []string{SubjectRaw}, o.RawMaxBytes
	all.Name, all.Subjects, all.MaxBytes = StreamEvents, []string{SubjectMasked, SubjectAnalyzed}, o.EventsMaxBytes
	replay.Name, replay.Subjects, replay.MaxBytes = StreamReplay, []string{subjectReplay + "*"}, small(replayMaxBytes)
	replay.Retention = jetstream.WorkQueuePolicy
	notify.Name, notify.Subjects, notify.MaxBytes = StreamNotify, []string{subjectNotify + "*"}, small(notifyMaxBytes)
	notify.Retention = jetstream.WorkQueuePolicy
	dead.Name, dead.Subjects, dead.MaxBytes = StreamDead, []string{subjectDead + "*"}, small(deadMaxBytes)
	dead.Discard, dead.MaxAge = jetstream.DiscardOld, deadKeep
	configs := []jetstream.StreamConfig{raw, all, replay, notify, dead}
	for _, bucket := range []string{BucketAlerts, BucketAnalyses, BucketServices, BucketSuspects, BucketLeases, BucketMasker} {
		configs = append(configs, kvConfig(bucket, o.Replicas))
	}
	return configs
}

// applyServices makes each service what its toggle says. The state is written
// last when a service is attached and first when it is detached: nobody pins
// the streams in between.
func (c *Conn) applyServices(ctx context.Context, o ApplyOptions) error {
	kv, err := c.KV(ctx, BucketServices)
	if err != nil {
		return err
	}
	old, err := c.States(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(o.States)) {
		now := o.States[name]
		before, known := old[name]
		now.Down = before.Down // the service itself knows better
		value, err := json.Marshal(now)
		if err != nil {
			return err
		}
		where := durableOf[name]
		if !now.Attached {
			if err := kv.Put(ctx, name, value); err != nil {
				return err
			}
			if err := c.js.DeleteConsumer(ctx, where.stream, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return fmt.Errorf("cannot detach %s: %w", name, err)
			}
			continue
		}
		var start jetstream.ConsumerConfig
		if known && !before.Attached {
			start = startBack(o.AttachBacklog)
		}
		if err := c.applyDurable(ctx, where.stream, name, where.subjects, start); err != nil {
			return err
		}
		if err := kv.Put(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}

// startBack is where a service that was detached starts: now, or a while back.
func startBack(back time.Duration) jetstream.ConsumerConfig {
	if back <= 0 {
		return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	}
	from := time.Now().Add(-back)
	return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from}
}

// applyDurable makes a durable, or changes one that is there; where it starts
// counts only when it is made.
func (c *Conn) applyDurable(ctx context.Context, stream, name string, subjects []string, start jetstream.ConsumerConfig) error {
	cfg := jetstream.ConsumerConfig{
		Durable:        name,
		FilterSubjects: subjects,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        AckWait,
		MaxDeliver:     -1,
		MaxAckPending:  maxAckPending,
		DeliverPolicy:  start.DeliverPolicy,
		OptStartTime:   start.OptStartTime,
	}
	there, err := c.js.Consumer(ctx, stream, name)
	if err == nil {
		have := there.CachedInfo().Config
		cfg.DeliverPolicy, cfg.OptStartTime = have.DeliverPolicy, have.OptStartTime
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("cannot apply durable %s: %w", name, err)
	}
	if _, err := c.js.CreateOrUpdateConsumer(ctx, stream, cfg); err != nil {
		return fmt.Errorf("cannot apply durable %s: %w", name, err)
	}
	return nil
}
