package collector

import (
	"cmp"
	"slices"
	"time"

	"tocsin/pkg/events"
)

// line is one line of a file, without its line end.
type line struct {
	// off is where it starts, next where the line behind it does, in bytes.
	off, next int64
	// num counts from 1.
	num  int64
	text []byte
	// cut is how many of its bytes are missing, for its length.
	cut int64
}

// end is the offset behind the line's last byte of text.
func (l line) end() int64 { return l.off + int64(len(l.text)) + l.cut }

// point is a place in a file from which reading gives the same events again:
// no event was open there.
type point struct {
	// Context is where the lines start that only serve as context before the
	// first event; ContextLine is the number of the first of them.
	Context, ContextLine int64
	// Off is where assembling starts.
	Off int64
	// Last is the last time seen before Off.
	Last time.Time
}

// Limits of what the assembler holds.
const (
	maxContextBytes = 4 << 10
	maxHeldLines    = 48
	maxHeldBytes    = 512 << 10
	// maxSpan is the most bytes of a file that events may keep open.
	maxSpan = 16 << 20
	// maxBegun is the most events that begin while another one is open.
	maxBegun = 500
	// maxGap is the most lines of others inside one block.
	maxGap = 100
	// defaultContext is the context of an event that no rule hit.
	defaultContext = 3
)

// assembler groups the lines of one file's generation into events. It is a
// pure function of the lines and of the places at which flush was called, so
// a restart at a point gives the same events. Not for concurrent use.
type assembler struct {
	env  *env
	info fileInfo

	found Found
	ring  contextRing
	// app and kern are the open events: the kernel's lines run between those of
	// the programs.
	app, kern *record
	// queue holds the events that are open or wait for context, by their start.
	queue []*record
	// done are complete, but not yet sent.
	done []complete

	pos     int64
	posLine int64
	last    time.Time
	// idle is the latest place at which no event was open, begun how many have
	// begun since.
	idle  point
	begun int
	// from is where assembling starts, published up to where events are sent,
	// cut where silence ended an event in an earlier run.
	from, published, cut int64
}

// complete is an event with what a restart needs to make it again.
type complete struct {
	event *events.Event
	idle  point
	start int64
}

// fileInfo is what all events of a generation share.
type fileInfo struct {
	path, generation string
	// mod is the file's modification time at its first opening.
	mod time.Time
	// backlog is up to where the bytes were there when the source was first
	// followed, opened when the file was.
	backlog, opened int64
}

// newAssembler starts at a point; events that start before published are not
// made again, and at cut an event ends as silence ended it.
func newAssembler(e *env, info fileInfo, p point, published, cut int64) *assembler {
	a := &assembler{env: e, info: info, last: p.Last, from: p.Off, published: published, cut: cut, idle: p}
	a.pos, a.posLine = p.Context, max(p.ContextLine, 1)
	a.ring.init(e.maxBefore)
	return a
}

// feed takes the next line. Its text is not kept.
func (a *assembler) feed(l line) {
	if l.off >= a.from {
		if a.cut > 0 && l.off >= a.cut {
			a.cut = 0
			a.flush()
		}
		if (a.app != nil || a.kern != nil) && (l.next-a.idle.Off > maxSpan || a.begun > maxBegun) {
			a.flush()
		}
		if a.app == nil && a.kern == nil {
			a.idle, a.begun = a.here(l), 0
		}
		if t, ok := lineTime(l.text, a.yearReference(l), a.env.location); ok {
			a.last = t
		}
		a.place(l)
		a.ready()
	}
	a.ring.add(l)
	a.pos, a.posLine = l.next, l.num+1
}

// here is the point before a line that has not been added to the ring.
func (a *assembler) here(l line) point {
	p := point{Context: l.off, ContextLine: l.num, Off: l.off, Last: a.last}
	if first, ok := a.ring.back(a.env.maxBefore); ok {
		p.Context, p.ContextLine = first.off, first.num
	}
	return p
}

func (a *assembler) yearReference(l line) time.Time {
	return yearReference(a.last, a.info.mod, l.off < a.info.opened)
}

// reference is the time of a line that tells none.
func (a *assembler) reference() time.Time {
	if !a.last.IsZero() {
		return a.last
	}
	return a.info.mod
}

// restart gives the point from which a restart reproduces what has not been
// sent, and the offset before which all events have been.
func (a *assembler) restart() (point, int64) {
	if a.pos < a.from { // still in the context before the point
		return a.idle, a.published
	}
	if len(a.done) > 0 {
		return a.done[0].idle, max(a.published, a.done[0].start)
	}
	if len(a.queue) > 0 {
		return a.queue[0].idle, max(a.published, a.queue[0].start)
	}
	p := a.here(line{off: a.pos, num: a.posLine})
	return p, max(a.published, a.pos)
}

// pending tells whether an event is open or waits for context.
func (a *assembler) pending() bool { return len(a.queue) > 0 }

// unsent gives the events that are complete, in the order of the file, until
// sent is called.
func (a *assembler) unsent() []*events.Event {
	if len(a.done) == 0 {
		return nil
	}
	out := make([]*events.Event, len(a.done))
	for i, c := range a.done {
		out[i] = c.event
	}
	return out
}

// sent notes that all that unsent gave is safe.
func (a *assembler) sent() { a.done = nil }

// flush ends what is open and the context behind it: after EVENT_QUIET and at
// the end of a file.
func (a *assembler) flush() {
	for a.app != nil || a.kern != nil {
		a.close(&a.app)
		a.close(&a.kern)
	}
	for _, r := range a.queue {
		r.afterLeft = 0
	}
	a.ready()
}

// place puts a line into the open event it belongs to, or starts one with it.
func (a *assembler) place(l line) {
	for {
		a.giveAfter(l)
		if a.app == nil && a.kern == nil {
			a.start(l)
			return
		}
		a.closeStale(l)
		text := cleanText(l.text)
		stripped, kernel := kernelText(text)
		slot := &a.app
		if kernel || a.kern != nil && a.kern.bare {
			slot = &a.kern
		}
		r := *slot
		if r == nil {
			a.start(l)
			return
		}
		if r.onKernel {
			text = stripped
		}
		switch r.add(l, text) {
		case belongs:
			return
		case closes:
			a.close(slot)
			return
		case perhaps:
			if r.hold(l) {
				return
			}
		}
		a.close(slot)
	}
}

// closeStale ends events whose lines stopped coming though the file goes on.
func (a *assembler) closeStale(l line) {
	for _, slot := range []**record{&a.app, &a.kern} {
		if r := *slot; r != nil && l.num-r.seenLine > maxGap {
			a.close(slot)
		}
	}
}

// close ends an open event. Lines it held back are placed anew.
func (a *assembler) close(slot **record) {
	r := *slot
	if r == nil {
		return
	}
	*slot = nil
	r.closed = true
	if !r.isEvent() {
		a.queue = slices.DeleteFunc(a.queue, func(q *record) bool { return q == r })
	}
	held := r.held
	r.held = nil
	for _, l := range held {
		a.place(l)
	}
}

// start begins an event with a line, if the line is one or may begin one.
func (a *assembler) start(l line) {
	if !a.env.recogniser.Find(l.text, &a.found) {
		return
	}
	d := decodeLine(l.text, a.yearReference(l), a.env.location)
	if d.json && !d.time.IsZero() {
		a.last = d.time
	}
	r := newRecord(l, d, &a.found, a.env)
	if r == nil {
		return
	}
	r.idle, r.time = a.idle, d.time
	if r.time.IsZero() {
		r.time = a.reference()
	}
	r.before = a.ring.before(l.off, r.match.Before)
	a.begun++
	a.queue = append(a.queue, r)
	slices.SortStableFunc(a.queue, func(x, y *record) int { return cmp.Compare(x.start, y.start) })
	slot := &a.app
	if r.onKernel {
		slot = &a.kern
	}
	for *slot != nil {
		a.close(slot)
	}
	*slot = r
}

// giveAfter adds a line to the context of the events that wait for it.
func (a *assembler) giveAfter(l line) {
	for _, r := range a.queue {
		if r.closed && r.afterLeft > 0 && l.off >= r.afterFrom {
			r.after = append(r.after, contextText(l.text))
			r.afterLeft--
			r.afterFrom = l.next
		}
	}
}

// ready completes the events at the head of the queue that are complete.
func (a *assembler) ready() {
	for len(a.queue) > 0 {
		r := a.queue[0]
		if !r.closed || r.afterLeft > 0 {
			return
		}
		a.queue = a.queue[1:]
		if r.start >= a.published {
			a.done = append(a.done, complete{r.event(a.env, a.info), r.idle, r.start})
		}
	}
}
