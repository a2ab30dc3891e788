package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tocsin/pkg/events"
)

// Timings of the consume loop.
const (
	// AckWait is after how long the broker hands a message of a dead consumer
	// to another one. Longer work keeps it with in-progress.
	AckWait = 6 * time.Second
	// fetchWait bounds how long a stop waits for a pull that is under way.
	fetchWait = 400 * time.Millisecond
	// maxFetch bounds one pull: at most 32 MiB of the largest events. The broker
	// cuts off a client that has 64 MiB to read, and what is long on its way
	// outlives AckWait.
	maxFetch = 50
	// stopGrace is how long work in hand may take after a stop.
	stopGrace = 3 * time.Second
	// lastWrite bounds what is noted of a message after that.
	lastWrite = 700 * time.Millisecond
	firstDown = time.Second
	maxDown   = 30 * time.Second
)

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
	// Stream and Durable name the consumer, made by Apply.
	Stream, Durable string
	// Service is the name under which dead letters are kept.
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

// Consume handles deliveries until ctx is done; then it finishes what is being
// worked on (at most 3 s), hands back what is not, and returns nil. It waits
// for a durable that does not exist yet.
func (c *Conn) Consume(ctx context.Context, o ConsumeOptions) error {
	o.Workers, o.Batch = max(o.Workers, 1), max(o.Batch, 1)
	if o.Log == nil {
		o.Log = c.log
	}
	suspects, err := c.KV(ctx, BucketSuspects)
	if err != nil {
		return stopped(ctx, err)
	}
	dead := c.NewPublisher()
	defer dead.Close()
	l := &loop{
		ConsumeOptions: o,
		conn:           c,
		suspects:       suspects,
		dead:           dead,
		capacity:       2 * o.Workers * o.Batch,
		free:           make(chan struct{}, 1),
		held:           map[*item]struct{}{},
	}
	l.queue = make(chan *item, l.capacity)
	if err := l.begin(ctx); err != nil {
		return stopped(ctx, err)
	}
	l.run(ctx)
	// A lost acknowledgement is a second delivery. A broker that does not
	// answer this will not answer more.
	if c.Connected() && c.nc.FlushTimeout(flushTimeout) == nil {
		l.end()
	}
	return nil
}

// stopped turns the end of ctx into an orderly one.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// loop is one running Consume: pull → queue → workers.
type loop struct {
	ConsumeOptions
	conn     *Conn
	suspects *KV
	dead     *Publisher
	capacity int
	queue    chan *item
	// alone is held for writing by whoever works on a suspect: nothing else is
	// in work then, so that a crash tells whose fault it is.
	alone sync.RWMutex
	// unclean: the loop before this one ended by a crash, see careful.go.
	unclean bool

	mu    sync.Mutex
	held  map[*item]struct{} // everything delivered and not answered yet
	down  int                // workers that hold work for a dependency
	free  chan struct{}      // signals that held or down went down
	pulls error              // why the last pull failed, to say it once
	tell  sync.Mutex         // keeps what OnDown is told in order
	// careful is until when everybody is a suspect, if unclean.
	careful time.Time
}

// item is a delivery with what its acknowledgement needs.
type item struct {
	Delivery
	msg jetstream.Msg
	// until is when the broker may hand the message to somebody else.
	until time.Time
}

func (l *loop) run(ctx context.Context) {
	// Work in hand outlives ctx by stopGrace.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	grace := context.AfterFunc(ctx, func() {
		time.AfterFunc(stopGrace, cancel)
	})
	defer grace()
	var workers sync.WaitGroup
	for range l.Workers {
		workers.Go(func() { l.worker(ctx, work) })
	}
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		l.beat(work)
	}()
	l.pull(ctx)
	close(l.queue)
	workers.Wait()
	cancel()
	<-beating
	l.handBack()
}

// pull fetches as much as there is room for, until ctx is done.
func (l *loop) pull(ctx context.Context) {
	var consumer jetstream.Consumer
	for ctx.Err() == nil {
		room := l.awaitRoom(ctx)
		if room == 0 {
			return
		}
		var err error
		if consumer == nil {
			consumer, err = l.conn.js.Consumer(ctx, l.Stream, l.Durable)
		}
		if err == nil {
			err = l.fetch(consumer, min(room, maxFetch))
		}
		if err == nil {
			l.pulls = nil
			continue
		}
		if ctx.Err() != nil {
			return
		}
		consumer = nil
		if l.pulls == nil || l.pulls.Error() != err.Error() {
			l.Log.Info("waiting for messages to pull", "stream", l.Stream, "durable", l.Durable, "err", err)
			l.pulls = err
		}
		sleep(ctx, reconnectWait)
	}
}

// awaitRoom waits until half of the capacity is free and no dependency is down,
// and gives how many messages may be pulled; 0 when ctx is done.
func (l *loop) awaitRoom(ctx context.Context) int {
	for {
		l.mu.Lock()
		room, down := l.capacity-len(l.held), l.down
		l.mu.Unlock()
		if down == 0 && room >= max(1, l.capacity/2) {
			return room
		}
		select {
		case <-l.free:
		case <-ctx.Done():
			return 0
		}
	}
}

// fetch pulls up to n messages into the queue. It is never cut off: a message
// that has been delivered has to be answered.
func (l *loop) fetch(consumer jetstream.Consumer, n int) error {
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(fetchWait))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		it, err := newItem(msg)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.held[it] = struct{}{}
		l.mu.Unlock()
		l.queue <- it
	}
	return batch.Error()
}

func newItem(msg jetstream.Msg) (*item, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("cannot read the place of a message: %w", err)
	}
	header := make(map[string]string, len(msg.Headers()))
	for k := range msg.Headers() {
		header[k] = msg.Headers().Get(k)
	}
	return &item{
		Delivery: Delivery{
			Subject:    msg.Subject(),
			Data:       msg.Data(),
			Header:     header,
			Sequence:   meta.Sequence.Stream,
			Published:  meta.Timestamp,
			Deliveries: meta.NumDelivered,
		},
		msg:   msg,
		until: time.Now().Add(AckWait),
	}, nil
}

// knownSchema gives an error for a message of another version: whoever wrote it
// is newer than this, and half understood it would do harm.
func (it *item) knownSchema() error {
	v := it.Header[HeaderSchema]
	if v == "" || v == strconv.Itoa(events.SchemaVersion) {
		return nil
	}
	return fmt.Errorf("its schema version is %.8q, this Tocsin knows %d", v, events.SchemaVersion)
}

// worker takes what is queued, batch by batch. After a stop it takes nothing
// more: what is queued is handed back.
func (l *loop) worker(ctx, work context.Context) {
	var next *item
	for {
		first := next
		next = nil
		if first == nil {
			var ok bool
			if first, ok = <-l.queue; !ok {
				return
			}
		}
		if ctx.Err() != nil {
			continue // still held, so handBack finds it
		}
		if err := first.knownSchema(); err != nil {
			l.bury(work, first, 1, err, 0)
			continue
		}
		if l.suspect(first) {
			l.alone.Lock()
			l.workAlone(ctx, work, first)
			l.alone.Unlock()
			continue
		}
		batch := []*item{first}
		l.alone.RLock()
	gather:
		for len(batch) < l.Batch {
			select {
			case it, ok := <-l.queue:
				if !ok {
					break gather
				}
				if l.suspect(it) || it.knownSchema() != nil {
					next = it
					break gather
				}
				batch = append(batch, it)
			default:
				break gather
			}
		}
		crashed := l.workOn(ctx, work, batch)
		l.alone.RUnlock()
		for _, it := range crashed {
			l.alone.Lock()
			l.workAlone(ctx, work, it)
			l.alone.Unlock()
		}
	}
}

// workOn handles a batch of unsuspected items. Where a panic leaves open whose
// fault it was, it gives them back to be worked on alone.
func (l *loop) workOn(ctx, work context.Context, batch []*item) (crashed []*item) {
	batch = l.stillOurs(batch)
	l.untilUp(ctx, batch, func(batch []*item) []error {
		start := time.Now()
		errs := l.call(work, batch)
		took := time.Since(start) / time.Duration(len(batch))
		for i, it := range batch {
			var p *panicked
			switch {
			case IsUnavailable(errs[i]):
				l.observe("down", took)
				continue
			case len(batch) > 1 && errors.As(errs[i], &p):
				crashed = append(crashed, it)
			default:
				l.settle(work, it, errs[i], 0, took)
			}
			errs[i] = nil
		}
		return errs
	})
	return crashed
}

// untilUp calls handle for batch, and again for those whose dependency is down,
// after 1 s, doubling to 30 s; until they are settled or ctx is done.
func (l *loop) untilUp(ctx context.Context, batch []*item, handle func([]*item) []error) {
	pause := firstDown
	isDown := false
	defer func() {
		if isDown {
			l.setDown(-1, ctx.Err())
		}
	}()
	for len(batch) > 0 {
		errs := handle(batch)
		var waiting []*item
		var why error
		for i, err := range errs {
			if err != nil {
				waiting, why = append(waiting, batch[i]), err
			}
		}
		if batch = waiting; len(batch) == 0 {
			return
		}
		if ctx.Err() != nil {
			return // cut off by the stop: that tells nothing of the dependency
		}
		if !isDown {
			isDown = true
			l.setDown(+1, why)
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, maxDown)
		batch = l.stillOurs(batch)
	}
}

// setDown counts the workers that wait for a dependency and tells OnDown when
// the first begins to and when the last has done. why is what is wrong with the
// dependency, or what ended the waiting before it was back.
func (l *loop) setDown(change int, why error) {
	l.tell.Lock()
	defer l.tell.Unlock()
	l.mu.Lock()
	before := l.down
	l.down += change
	now := l.down
	l.mu.Unlock()
	switch {
	case before == 0:
		l.Log.Warn("a dependency is down; nothing is pulled until it is back", "service", l.Service, "err", why)
		if l.OnDown != nil {
			l.OnDown(why)
		}
	case now == 0:
		if why == nil {
			l.Log.Info("the dependency is back", "service", l.Service)
		}
		if l.OnDown != nil {
			l.OnDown(nil)
		}
	}
	l.signal()
}

func (l *loop) signal() {
	select {
	case l.free <- struct{}{}:
	default:
	}
}

func (l *loop) observe(result string, took time.Duration) {
	if l.Observe != nil {
		l.Observe(result, took)
	}
}

// call runs the handler and turns a panic into an error for every item.
func (l *loop) call(ctx context.Context, batch []*item) (errs []error) {
	defer func() {
		if recover() != nil {
			// The value may quote log text: the place of the panic has to do.
			err := &panicked{at: panicPlace()}
			errs = make([]error, len(batch))
			for i := range errs {
				errs[i] = err
			}
		}
	}()
	deliveries := make([]*Delivery, len(batch))
	for i, it := range batch {
		deliveries[i] = &it.Delivery
	}
	errs = l.Handle(ctx, deliveries)
	if len(errs) != len(batch) {
		err := fmt.Errorf("the handler gave %d verdicts for %d messages", len(errs), len(batch))
		errs = make([]error, len(batch))
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}
