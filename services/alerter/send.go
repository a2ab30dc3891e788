package alerter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tocsin/pkg/bus"
)

// How long the results of sendings are kept: done ones, and intents whose
// message may still wait in the outbox.
const (
	sentKept   = 48 * time.Hour
	intentKept = 7 * 24 * time.Hour
)

// sentRecord is what lies under sent.<channel>.<notification>: the intent that
// is written before a request goes out, then what became of it.
type sentRecord struct {
	Group string `json:"group"`
	// Repeated: the request of the last attempt was marked "possibly repeated".
	Repeated bool `json:"repeated,omitempty"`
	Result
}

// done tells that nothing more is to be sent. What was refused is not done: it
// became a dead letter, and whoever puts that back wants it to be sent.
func (r *sentRecord) done() bool {
	switch r.Result.Result {
	case resultOK, resultUnknown, resultMoved:
		return true
	}
	return false
}

func sentKey(channel string, n *Notification) string { return prefixSent + channel + "." + n.ID }

// sender is the consumer of one channel's outbox.
type sender struct {
	channel Channel
	// other is a channel that shows what this one would while it is switched
	// off, since each channel gets every notification; "" if there is none.
	other   string
	now     func() time.Time
	metrics *metrics
	log     *slog.Logger

	mu  sync.Mutex
	off error // why the channel is switched off until the next start
}

// handle sends one message of the outbox.
func (s *sender) handle(ctx context.Context, kv bucket, d *bus.Delivery) error {
	n, err := decodeNotification(d.Data)
	if err != nil {
		return bus.Reject(err)
	}
	j := &job{sender: s, kv: kv, n: n, key: sentKey(s.channel.Name(), n)}
	if j.record, j.revision, err = readSent(ctx, kv, j.key); err != nil {
		return bus.Unavailable(err)
	}
	if j.record == nil {
		j.record = &sentRecord{Group: n.Group.Group, Result: Result{ID: n.ID, Channel: s.channel.Name()}}
	}
	if j.record.done() {
		s.count(resultDuplicate)
		return nil
	}
	return j.run(ctx)
}

// job is one message on its way to one channel.
type job struct {
	*sender
	kv       bucket
	n        *Notification
	key      string
	record   *sentRecord
	revision uint64
}

// note writes down what became of the message.
func (j *job) note(ctx context.Context, result, code string) error {
	j.record.Result.Result, j.record.Code, j.record.Time = result, code, j.now()
	revision, err := writeSent(ctx, j.kv, j.key, j.record, j.revision)
	if err != nil {
		return bus.Unavailable(err)
	}
	j.revision = revision
	return nil
}

func (j *job) run(ctx context.Context) error {
	if j.record.Result.Result == resultSending {
		// It was on its way when somebody died, or its answer was lost.
		if j.record.Repeated || j.n.Severity < severe {
			j.count(resultUnknown)
			return j.note(ctx, resultUnknown, j.record.Code)
		}
		j.record.Repeated = true
	}
	if why := j.switchedOff(); why != nil {
		return j.move(ctx, why)
	}
	if p, ok := j.channel.(paced); ok {
		if err := p.Slot(ctx); err != nil {
			return bus.Unavailable(fmt.Errorf("cannot send to %s yet: %w", j.channel.Name(), err))
		}
	}
	j.record.Attempt++
	if err := j.note(ctx, resultSending, ""); err != nil {
		return err
	}
	j.n.Channel, j.n.Attempt, j.n.Repeated = j.channel.Name(), j.record.Attempt, j.record.Repeated
	return j.settle(ctx, j.channel.Send(ctx, j.n))
}

// settle notes what became of an attempt and gives the verdict on its message.
func (j *job) settle(ctx context.Context, sendErr error) error {
	result, code := classify(sendErr)
	j.count(result)
	failed := fmt.Errorf("cannot send notification %s to %s: %w", j.n.ID, j.channel.Name(), sendErr)
	kept, verdict := result, error(nil)
	switch result {
	case resultOK:
		j.metrics.sent.Inc()
	case resultUnknown:
		j.log.Warn("a notification may not have arrived", "err", failed)
		if j.n.Severity >= severe && !j.record.Repeated {
			kept, verdict = resultSending, bus.Unavailable(failed) // found again, it is sent once more
		}
	case resultRetry:
		verdict = bus.Unavailable(failed)
	case resultPermanent:
		j.switchOff(failed)
		return j.move(ctx, failed)
	default:
		verdict = bus.Reject(failed)
	}
	if err := j.note(ctx, kept, code); err != nil {
		return err
	}
	return verdict
}

// move leaves the message of a channel that is switched off to the other one,
// which gets every notification itself; with no other one it is dead.
func (j *job) move(ctx context.Context, why error) error {
	_, code := classify(why)
	result, verdict := resultMoved, error(nil)
	if j.other == "" {
		result, verdict = resultPermanent, bus.Reject(why)
	}
	if err := j.note(ctx, result, code); err != nil {
		return err
	}
	if verdict == nil {
		j.count(resultMoved)
	}
	return verdict
}

func (s *sender) switchedOff() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.off
}

// switchOff says once that the channel gets nothing more until the next start.
func (s *sender) switchOff(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off != nil {
		return
	}
	s.off = why
	fate := "its messages become dead letters"
	if s.other != "" {
		fate = "its messages are shown by the channel " + s.other + " alone"
	}
	s.log.Error("the channel is switched off until the next start: "+fate, "channel", s.channel.Name(), "err", why)
}

func (s *sender) count(result string) {
	s.metrics.notifications.WithLabelValues(s.channel.Name(), result).Inc()
	switch result {
	case resultOK, resultMoved, resultDuplicate:
	default:
		s.metrics.sendErrors.Inc()
	}
}

// remember tells a channel with a send budget what was sent before this start.
func (s *sender) remember(ctx context.Context, kv bucket) error {
	p, ok := s.channel.(paced)
	if !ok {
		return nil
	}
	records, err := allSent(ctx, kv, prefixSent+s.channel.Name()+".")
	if err != nil {
		return err
	}
	var times []time.Time
	for _, r := range records {
		if r.Attempt > 0 {
			times = append(times, r.Time)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	p.Restore(times)
	return nil
}

func readSent(ctx context.Context, kv bucket, key string) (*sentRecord, uint64, error) {
	e, err := kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	var r sentRecord
	if err := decodeJSON(e.Value, &r); err != nil {
		return nil, 0, fmt.Errorf("cannot read %s: %w", key, err)
	}
	return &r, e.Revision, nil
}

func writeSent(ctx context.Context, kv bucket, key string, r *sentRecord, revision uint64) (uint64, error) {
	data, err := encodeJSON(r)
	if err != nil {
		return revision, err
	}
	revisions, err := kv.Write(ctx, []bus.Change{{Key: key, Value: data, Revision: revision}})
	if err != nil {
		return revision, fmt.Errorf("cannot note a sending: %w", err)
	}
	return revisions[0], nil
}

// sent is a record with its place in the bucket.
type sent struct {
	sentRecord
	key      string
	revision uint64
}

func allSent(ctx context.Context, kv bucket, prefix string) ([]sent, error) {
	entries, err := kv.All(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("cannot read the results of sendings: %w", err)
	}
	list := make([]sent, 0, len(entries))
	for _, e := range entries {
		s := sent{key: e.Key, revision: e.Revision}
		if err := decodeJSON(e.Value, &s.sentRecord); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", e.Key, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// sweepSent deletes old results. One that changes meanwhile stays for the next
// time.
func sweepSent(ctx context.Context, kv bucket, now time.Time) error {
	list, err := allSent(ctx, kv, prefixSent)
	if err != nil {
		return err
	}
	var old []bus.Change
	for _, s := range list {
		kept := intentKept
		if s.done() {
			kept = sentKept
		}
		if now.Sub(s.Time) >= kept {
			old = append(old, bus.Change{Key: s.key, Revision: s.revision})
		}
	}
	for len(old) > 0 {
		n := min(len(old), bus.MaxChanges)
		if _, err := kv.Write(ctx, old[:n]); err != nil && !errors.Is(err, bus.ErrConflict) {
			return fmt.Errorf("cannot sweep the results of sendings: %w", err)
		}
		old = old[n:]
	}
	return nil
}
