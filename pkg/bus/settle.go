package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// maxTries is the failure or crash that sends a message to DEAD.
const maxTries = 3

// Headers of a dead letter, beside those of the message itself.
const (
	HeaderDeadReason   = "Tocsin-Dead-Reason"
	HeaderDeadService  = "Tocsin-Dead-Service"
	HeaderDeadTries    = "Tocsin-Dead-Tries"
	HeaderDeadSubject  = "Tocsin-Dead-Subject"
	HeaderDeadStream   = "Tocsin-Dead-Stream"
	HeaderDeadSequence = "Tocsin-Dead-Sequence"
	// HeaderDeadSealed is "1" where the data is encrypted.
	HeaderDeadSealed = "Tocsin-Dead-Sealed"
)

var errCrashed = errors.New("its handling ended the process")

// tries is what KV suspects remembers of a message.
type tries struct {
	Count int    `json:"count"`
	Error string `json:"error,omitempty"`
}

// panicked is a panic of a handler.
type panicked struct{ at string }

func (p *panicked) Error() string { return "panic at " + p.at }

// panicPlace names the innermost line of ours that panicked.
func panicPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") && f.File != "" {
			return filepath.Base(f.File) + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// stillOurs drops what the broker may have handed to somebody else meanwhile.
func (l *loop) stillOurs(batch []*item) []*item {
	ours := batch[:0:0]
	for _, it := range batch {
		if l.mine(it) {
			ours = append(ours, it)
		} else {
			l.release(it)
		}
	}
	return ours
}

func (l *loop) mine(it *item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(it.until)
}

// release forgets an item that was answered or lost.
func (l *loop) release(it *item) {
	l.mu.Lock()
	delete(l.held, it)
	l.mu.Unlock()
	l.signal()
}

// workAlone handles a suspect. Its try is counted before the work, so that a
// crash leaves its trace; nothing else is in work meanwhile.
func (l *loop) workAlone(ctx, work context.Context, it *item) {
	l.untilUp(ctx, l.stillOurs([]*item{it}), func([]*item) []error {
		before, err := l.triesOf(work, it)
		if err != nil {
			return []error{err}
		}
		if before.Count >= maxTries {
			why := errors.New(before.Error)
			if before.Error == "" {
				why = errCrashed
			}
			l.bury(work, it, before.Count, why, 0)
			return []error{nil}
		}
		now := tries{Count: before.Count + 1}
		if err := l.setTries(work, it, now); err != nil {
			return []error{err}
		}
		start := time.Now()
		watched := context.WithValue(work, waitsKey{}, func() { l.uncount(work, it, before) })
		err = l.call(watched, []*item{it})[0]
		took := time.Since(start)
		if IsUnavailable(err) {
			l.observe("down", took)
			// No fault of the message: this try does not count.
			l.uncount(work, it, before)
			return []error{err}
		}
		l.settle(work, it, err, now.Count, took)
		return []error{nil}
	})
}

// settle answers the broker. counted is how many tries KV suspects holds for
// the item, this one included; 0 = none.
func (l *loop) settle(ctx context.Context, it *item, err error, counted int, took time.Duration) {
	switch {
	case err == nil:
		l.observe("ok", took)
		// What is done is done, even if it was handed to somebody else meanwhile.
		if ackErr := it.msg.Ack(); ackErr != nil {
			l.Log.Debug("acknowledgement lost; the message will come again", "durable", l.Durable, "seq", it.Sequence, "err", ackErr)
		}
		if counted > 0 {
			l.forgetTries(ctx, it)
		}
		l.release(it)
	case IsReject(err):
		l.bury(ctx, it, max(counted, 1), err, took)
	case ctx.Err() != nil:
		// The work was cut off by the stop: no failure of the message. It stays
		// held and is handed back.
		if counted > 0 {
			l.uncount(ctx, it, tries{Count: counted - 1})
		}
	default:
		l.fail(ctx, it, err, max(counted, 1), took)
	}
}

// fail notes a failure and hands the message back for later: after 1 s, then
// 2 s; the third failure is the last.
func (l *loop) fail(ctx context.Context, it *item, err error, count int, took time.Duration) {
	if count >= maxTries {
		l.bury(ctx, it, count, err, took)
		return
	}
	l.observe("failed", took)
	l.Log.Warn("handling failed; the message comes again", "service", l.Service, "subject", it.Subject,
		"seq", it.Sequence, "try", count, "err", err)
	if kvErr := l.setTries(ctx, it, tries{Count: count, Error: err.Error()}); kvErr != nil {
		l.Log.Warn("cannot count a failure", "err", kvErr)
	}
	if l.mine(it) {
		if nakErr := it.msg.NakWithDelay(time.Duration(count) * time.Second); nakErr != nil {
			l.Log.Debug("hand-back lost; the message comes again by itself", "err", nakErr)
		}
	}
	l.release(it)
}

// bury puts a message into DEAD and, once it is safe there, ends it.
func (l *loop) bury(ctx context.Context, it *item, count int, why error, took time.Duration) {
	m := Message{
		Subject: SubjectDead(l.Service),
		ID:      fmt.Sprintf("dead:%s:%s:%d", l.Stream, l.Durable, it.Sequence),
		Data:    it.Data,
		Header: map[string]string{
			HeaderDeadReason:   oneLine(why.Error()),
			HeaderDeadService:  l.Service,
			HeaderDeadTries:    strconv.Itoa(count),
			HeaderDeadSubject:  it.Subject,
			HeaderDeadStream:   l.Stream,
			HeaderDeadSequence: strconv.FormatUint(it.Sequence, 10),
		},
	}
	for _, h := range []string{HeaderSchema, HeaderRun, "traceparent"} {
		if v := it.Header[h]; v != "" {
			m.Header[h] = v
		}
	}
	if l.Seal != nil {
		sealed, err := l.Seal(it.Data)
		if err != nil {
			l.Log.Error("cannot seal a dead letter; the message comes again", "service", l.Service, "seq", it.Sequence, "err", err)
			l.release(it)
			return
		}
		m.Data, m.Header[HeaderDeadSealed] = sealed, "1"
	}
	if err := l.dead.Publish(ctx, m); err != nil {
		l.Log.Error("cannot store a dead letter; the message comes again", "service", l.Service, "seq", it.Sequence, "err", err)
		l.release(it)
		return
	}
	l.observe("dead", took)
	l.Log.Error("given up: the message is in DEAD", "service", l.Service, "subject", it.Subject, "seq", it.Sequence, "tries", count, "err", why)
	if err := it.msg.Ack(); err != nil {
		l.Log.Debug("acknowledgement lost; the message will come again", "err", err)
	}
	l.forgetTries(ctx, it)
	l.release(it)
}

// oneLine makes a text fit for a header.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "")
	}
	return s
}

func (l *loop) triesKey(it *item) string {
	return fmt.Sprintf("%s.%s.%d", l.Stream, l.Durable, it.Sequence)
}

func (l *loop) triesOf(ctx context.Context, it *item) (tries, error) {
	e, err := l.suspects.Get(ctx, l.triesKey(it))
	if errors.Is(err, ErrNotFound) {
		return tries{}, nil
	}
	if err != nil {
		return tries{}, Unavailable(err)
	}
	var t tries
	if err := json.Unmarshal(e.Value, &t); err != nil {
		return tries{}, nil // an alien value counts as none
	}
	return t, nil
}

func (l *loop) setTries(ctx context.Context, it *item, t tries) error {
	if t.Count == 0 {
		return unavailable(l.suspects.Delete(ctx, l.triesKey(it)))
	}
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return unavailable(l.suspects.Put(ctx, l.triesKey(it), value))
}

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return Unavailable(err)
}

// uncount takes back a try that was no fault of the message, also after a stop
// has cut off the work: three stops are no three crashes.
func (l *loop) uncount(ctx context.Context, it *item, before tries) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := l.setTries(ctx, it, before); err != nil {
		l.Log.Warn("cannot take back a counted try", "err", err)
	}
}

func (l *loop) forgetTries(ctx context.Context, it *item) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := l.suspects.Delete(ctx, l.triesKey(it)); err != nil {
		l.Log.Debug("cannot forget the tries of a message", "err", err)
	}
}

// beat keeps what is held: in-progress before a third of AckWait passes.
func (l *loop) beat(ctx context.Context) {
	for sleep(ctx, AckWait/3) {
		if !l.conn.Connected() {
			continue
		}
		l.mu.Lock()
		items := make([]*item, 0, len(l.held))
		for it := range l.held {
			items = append(items, it)
		}
		l.mu.Unlock()
		now := time.Now()
		for _, it := range items {
			if l.mine(it) && it.msg.InProgress() == nil {
				l.mu.Lock()
				it.until = now.Add(AckWait)
				l.mu.Unlock()
			}
		}
	}
}

// handBack returns at a stop what nobody worked on, so that the next consumer
// has it at once.
func (l *loop) handBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for it := range l.held {
		if time.Now().Before(it.until) {
			_ = it.msg.Nak() // lost, it comes again after AckWait
		}
	}
}
