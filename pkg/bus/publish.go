package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"tocsin/pkg/events"
)

// atomicFrom is how many messages are worth an atomic batch: the server lays
// out a store of its own for each, which costs as much as about a dozen single
// synced writes (docs/decisions/durability.md).
const atomicFrom = 12

// Limits of one atomic batch: 200 messages cost one sync instead of 200, and
// the bytes keep a batch of large events within what a broker takes in a second.
const (
	maxBatch      = 200
	maxBatchBytes = 8 << 20
)

// Waiting for a stream that is full or a broker that is away.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// Publisher publishes in atomic batches; several goroutines may share one.
// Batches form by themselves: what is handed over while one is on its way
// travels with the next, so a lone message waits for nothing.
type Publisher struct {
	conn       *Conn
	queue      chan *handover
	stop       chan struct{}
	stopped    chan struct{}
	closing    sync.Once
	duplicates atomic.Uint64
	room       room
}

// handover is one call of Publish on its way.
type handover struct {
	ctx  context.Context
	msgs []Message
	done chan error
}

// ErrClosed is what Publish gives after Close.
var ErrClosed = errors.New("publisher is closed")

// NewPublisher starts a publisher. Stop it with Close.
func (c *Conn) NewPublisher() *Publisher {
	p := &Publisher{
		conn:    c,
		queue:   make(chan *handover),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		room:    room{conn: c},
	}
	go p.run()
	return p
}

// Publish returns when all messages are on the broker's disk, in order. A full
// stream or an unreachable broker is waited for; only ctx ends the waiting, and
// then it is unknown which messages arrived or still will: their data must stay
// as it is. Messages of concurrent calls share batches. A refusal that no
// waiting can heal is returned.
func (p *Publisher) Publish(ctx context.Context, msgs ...Message) error {
	if len(msgs) == 0 {
		return nil
	}
	h := &handover{ctx: ctx, msgs: msgs, done: make(chan error, 1)}
	select {
	case p.queue <- h:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.stop:
		return ErrClosed
	}
	return h.answer()
}

// answer waits for what became of a handover. One that was taken is answered,
// even while the publisher is being closed.
func (h *handover) answer() error {
	var noted <-chan time.Time
	waits, watched := h.ctx.Value(waitsKey{}).(func())
	if watched {
		timer := time.NewTimer(waitNoted)
		defer timer.Stop()
		noted = timer.C
	}
	for {
		select {
		case err := <-h.done:
			return err
		case <-noted:
			waits()
		case <-h.ctx.Done():
			select {
			case err := <-h.done:
				return err
			default:
				return h.ctx.Err()
			}
		}
	}
}

// Duplicates counts the messages the broker already knew by their Msg-Id.
func (p *Publisher) Duplicates() uint64 { return p.duplicates.Load() }

// Close waits for what is being published and stops.
func (p *Publisher) Close() {
	p.closing.Do(func() { close(p.stop) })
	<-p.stopped
}

// run collects handovers into batches, one on its way at a time.
func (p *Publisher) run() {
	defer close(p.stopped)
	var next *handover
	for {
		if next == nil {
			select {
			case next = <-p.queue:
			case <-p.stop:
				return
			}
		}
		group := []*handover{next}
		count := len(next.msgs)
		next = nil
	collect:
		for count < maxBatch {
			select {
			case h := <-p.queue:
				if h.msgs[0].stream() != group[0].msgs[0].stream() || count+len(h.msgs) > maxBatch {
					next = h
					break collect
				}
				group = append(group, h)
				count += len(h.msgs)
			default:
				break collect
			}
		}
		p.send(group)
	}
}

// send publishes the messages of a group of calls and answers each. A batch is
// never given up halfway for the sake of one call whose context ended: the
// others would not know what became of theirs.
func (p *Publisher) send(group []*handover) {
	ctx, cancel := contextOfAll(group)
	defer cancel()
	var all []Message
	for _, h := range group {
		all = append(all, h.msgs...)
	}
	err := p.publishAll(ctx, all)
	if err != nil && len(group) > 1 && ctx.Err() == nil {
		// One message of one call is refused: find out whose.
		for _, h := range group {
			h.done <- p.publishAll(h.ctx, h.msgs)
		}
		return
	}
	for _, h := range group {
		h.done <- err
	}
}

// contextOfAll ends when the context of every call has ended.
func contextOfAll(group []*handover) (context.Context, context.CancelFunc) {
	if len(group) == 1 {
		return group[0].ctx, func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(group[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(group)))
	stops := make([]func() bool, len(group))
	for i, h := range group {
		stops[i] = context.AfterFunc(h.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// publishAll publishes in order, batch after batch.
func (p *Publisher) publishAll(ctx context.Context, msgs []Message) error {
	for len(msgs) > 0 {
		n, size := 0, 0
		for n < len(msgs) && n < maxBatch && (n == 0 || size+len(msgs[n].Data) <= maxBatchBytes) {
			size += len(msgs[n].Data)
			n++
		}
		if err := p.untilStored(ctx, msgs[:n]); err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// untilStored sends one batch again and again until it is on disk; nothing
// else is sent meanwhile, so order stays. What is known to be stored is not
// sent again: the broker forgets ids after the duplicate window.
func (p *Publisher) untilStored(ctx context.Context, msgs []Message) error {
	pause, said := firstPause, ""
	for {
		err := p.room.await(ctx, msgs[0].Subject, sizeOf(msgs))
		if err == nil {
			var stored int
			stored, err = p.once(ctx, msgs)
			if err != nil {
				msgs = msgs[stored:]
			}
		}
		switch {
		case err == nil:
			if said != "" {
				p.conn.log.Info("publishing goes on", "subject", msgs[0].Subject)
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case permanent(err):
			return fmt.Errorf("cannot publish on %s: %w", msgs[0].Subject, err)
		case len(msgs) > 1 && (apiCode(err) == codeStreamFull || errors.Is(err, errReserved)):
			// What is free may be enough for a part: a whole batch could wait
			// for ever for room that a small stream never has.
			return p.publishHalves(ctx, msgs)
		}
		if reason := err.Error(); reason != said {
			p.conn.log.Warn("publishing waits", "subject", msgs[0].Subject, "err", err)
			said = reason
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		pause = min(2*pause, maxPause)
	}
}

func sizeOf(msgs []Message) int {
	size := 0
	for _, m := range msgs {
		size += len(m.Data)
	}
	return size
}

// publishHalves sends a batch in two, the second after the first.
func (p *Publisher) publishHalves(ctx context.Context, msgs []Message) error {
	half := len(msgs) / 2
	for _, part := range [][]Message{msgs[:half], msgs[half:]} {
		if err := p.untilStored(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// Error codes of the server that decide what to do, see server/errors.json.
const (
	codeDuplicateInBatch = 10201
	codeStreamFull       = 10077
	codeWrongSequence    = 10071
	codeWrongSequenceR3  = 10164
	codeTooLarge         = 10054
	codeBatchDisabled    = 10174
)

// permanent tells whether sending the same again can't succeed.
func permanent(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrHeadersNotSupported) {
		return true
	}
	switch apiCode(err) {
	case codeTooLarge, codeBatchDisabled:
		return true
	}
	return false
}

func apiCode(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	var js jetstream.JetStreamError
	if errors.As(err, &js) && js.APIError() != nil {
		return js.APIError().ErrorCode
	}
	return 0
}

// once sends one batch, or its messages singly where they are few or one is
// known already, and gives how many are stored for certain. After an error it
// is unknown whether more arrived; they are sent again, with the same ids.
func (p *Publisher) once(ctx context.Context, msgs []Message) (int, error) {
	if len(msgs) < atomicFrom {
		return p.singly(ctx, msgs)
	}
	batch := make([]*nats.Msg, len(msgs))
	for i, m := range msgs {
		batch[i] = m.wire()
	}
	sctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// The first message needs no answer of its own: the answer to the commit
	// tells of a batch that could not be begun as well.
	_, err := jetstreamext.PublishMsgBatch(sctx, p.conn.js, batch,
		jetstreamext.BatchFlowControl{AckFirst: false})
	if err == nil {
		return len(msgs), nil
	}
	if apiCode(err) != codeDuplicateInBatch {
		return 0, err
	}
	return p.singly(ctx, msgs)
}

// singly sends one after the other and stops at the first that fails, so that
// nothing overtakes it. It gives how many are stored.
func (p *Publisher) singly(ctx context.Context, msgs []Message) (int, error) {
	for i, m := range msgs {
		if err := p.single(ctx, m); err != nil {
			return i, err
		}
	}
	return len(msgs), nil
}

func (p *Publisher) single(ctx context.Context, m Message) error {
	sctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := p.conn.js.PublishMsg(sctx, m.wire(), jetstream.WithRetryAttempts(0))
	if err == nil && ack.Duplicate {
		p.duplicates.Add(1)
	}
	return err
}

// wire makes a new message each time: a batch leaves its headers in it.
func (m Message) wire() *nats.Msg {
	w := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
	w.Header.Set(HeaderSchema, strconv.Itoa(events.SchemaVersion))
	if m.ID != "" {
		w.Header.Set(jetstream.MsgIDHeader, m.ID)
	}
	for k, v := range m.Header {
		w.Header.Set(k, v)
	}
	return w
}
