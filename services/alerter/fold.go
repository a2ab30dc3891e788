package alerter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/pkg/events"
)

// rules are the settings of the fold.
type rules struct {
	// ttl without an event closes a group.
	ttl time.Duration
}

// Timings of the summary of what was in the logs before the start.
const (
	// backlogQuiet without a backlog event makes the summaries due.
	backlogQuiet = 1500 * time.Millisecond
	// backlogWait after a group's first backlog event makes its summary due.
	backlogWait = 4 * time.Second
	// backlogKept is how long a group remembers that its summary has rung.
	backlogKept = 24 * time.Hour
)

// heldMax is how many notifications of a group wait for its analysis; one more
// ends the wait.
const heldMax = 20

// waiting says whether a first notification waits for an analysis.
type waiting struct {
	// on while the analyzer is attached and its model within reach.
	on bool
	// min is the lowest severity the analyzer takes.
	min float64
	// most is the longest wait.
	most time.Duration
}

// fold takes an event of events.masked into the draft: it is counted once, and
// whether it rings is decided here and now, so that the notifications do not
// depend on how events came in batches.
func (d *draft) fold(r rules, e *events.Event, now time.Time, w waiting) {
	if d.wasCounted(e) {
		return
	}
	d.countedOf(e.Generation).add(e.Offset, now)
	g := d.groupOf(e)
	g.age(r, now)
	rise := d.count(g, e, now)
	if e.Backlog {
		d.foldBacklog(g, e, now)
		return
	}
	at := tierOf(g.Severity)
	rings := g.Tiers[at].rings(tiers[at], now)
	note(&g.Tiers, at, rings, now)
	g.NextDue = g.Tiers[at].nextDue(tiers[at], now)
	if !rings {
		d.skipped++
		return
	}
	reason := ReasonRepeat
	switch {
	case !g.Told && len(g.Held) == 0:
		reason = ReasonFirst
	case rise:
		reason = ReasonRise
	}
	n := d.newNotice(g, reason, e, now)
	switch {
	case reason != ReasonRise && len(g.Held) > 0 && len(g.Held) < heldMax:
		d.hold(g, n, g.HeldUntil)
	case reason == ReasonFirst && g.awaits(w):
		d.hold(g, n, now.Add(w.most))
	default:
		d.release(g) // what waits leaves before what rings at once
		d.send(g, n)
	}
}

// groupOf gives the alert group of an event, made if it is new.
func (d *draft) groupOf(e *events.Event) *groupState {
	id := AlertGroup(e)
	if g := d.group(id); g != nil {
		return g
	}
	g := &groupState{Seed: e.ID}
	g.Group = Group{Group: id, Host: e.Host, State: StateClosed,
		Members: []Member{{Group: memberOf(e), Similarity: 1}}}
	d.groups[id] = g
	return g
}

// age closes a group that had no event for the TTL and forgets its memory when
// that is over. It depends on the time alone, so timers only make visible what
// the next event would find anyway.
func (g *groupState) age(r rules, now time.Time) {
	if g.LastSeen.IsZero() {
		return
	}
	if g.State != StateClosed && now.Sub(g.LastSeen) >= r.ttl {
		g.State = StateClosed
	}
	if g.expired(r, now) && !g.forgotten() {
		g.Tiers = [tierCount]memory{}
		g.Count, g.FirstTime, g.LastTime, g.NextDue, g.Analysis = 0, time.Time{}, time.Time{}, time.Time{}, nil
		g.Told, g.Unexplained = false, false
	}
}

// expired tells whether the time of the memory is over.
func (g *groupState) expired(r rules, now time.Time) bool {
	return now.Sub(g.LastSeen) >= r.ttl+memoryKept(r.ttl, tierOf(g.Severity))
}

// forgotten tells whether nothing is left of the memory.
func (g *groupState) forgotten() bool { return g.Count == 0 && g.Analysis == nil }

// ended tells whether the record itself can go.
func (g *groupState) ended(r rules, now time.Time) bool {
	return g.State == StateClosed && g.forgotten() && len(g.Held) == 0 && g.Backlog.Notice == "" &&
		g.expired(r, now) && (g.Backlog.First.IsZero() || now.Sub(g.Backlog.Last) >= backlogKept)
}

// count takes the event into the group's figures and opens it; it tells
// whether an open group rose to a higher tier.
func (d *draft) count(g *groupState, e *events.Event, now time.Time) (rise bool) {
	seen := e.Time
	if seen.IsZero() {
		seen = now
	}
	if g.State == StateClosed {
		g.State, g.Severity, g.Title = StateOpen, e.Severity, titleOf(e)
	} else {
		d.merged++
		if e.Severity > g.Severity {
			rise = tierOf(e.Severity) < tierOf(g.Severity)
			g.Severity, g.Title = e.Severity, titleOf(e)
		}
	}
	g.Count++
	g.LastSeen = now
	if g.FirstTime.IsZero() || seen.Before(g.FirstTime) {
		g.FirstTime = seen
	}
	if seen.After(g.LastTime) {
		g.LastTime = seen
	}
	return rise
}

// foldBacklog takes in an event that was there before the start. All of a
// group ring once, when backlogDue says so, and leave its tiers untouched.
func (d *draft) foldBacklog(g *groupState, e *events.Event, now time.Time) {
	d.backlogSeen = now
	rung := !g.Backlog.First.IsZero() && g.Backlog.Notice == ""
	if g.Backlog.First.IsZero() || rung && now.Sub(g.Backlog.Last) >= backlogKept {
		n := d.newNotice(g, ReasonBacklog, e, now)
		n.Status = noticeBacklog
		g.Backlog = backlog{Notice: n.ID, First: now, Last: now}
		return
	}
	d.skipped++
	g.Backlog.Last = now
	if !rung && speaksBefore(e, d.peekNotice(g.Backlog.Notice).Event) {
		d.notice(g.Backlog.Notice).Event = e
	}
}

// speaksBefore tells whether a rather than b stands for all events of a
// summary: the worst one, of equals the first in the logs. It does not depend
// on the order of arrival, which differs from run to run.
func speaksBefore(a, b *events.Event) bool {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), a.Time.Compare(b.Time),
		cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset)) < 0
}

// backlogDue is when the summary of a group rings: when no backlog event of any
// group came for a while, so that the worst goes first, or backlogWait after
// its own first one, whichever is earlier.
func (d *draft) backlogDue(g *groupState) time.Time {
	due, latest := d.backlogSeen.Add(backlogQuiet), g.Backlog.First.Add(backlogWait)
	if latest.Before(due) {
		return latest
	}
	return due
}

// awaits tells whether a first notification of the group waits.
func (g *groupState) awaits(w waiting) bool {
	return w.on && w.most > 0 && g.Severity >= w.min && g.Analysis == nil
}

// attach takes in an event of events.analyzed: it is never counted.
func (d *draft) attach(r rules, e *events.Event, now time.Time) {
	if e.Analysis == nil {
		return
	}
	g := d.peekGroup(AlertGroup(e))
	if g != nil && len(g.Held) == 0 && !g.expired(r, now) && sameAnswer(g.Analysis, e.Analysis) {
		return // every event of a problem brings the same one
	}
	g = d.groupOf(e)
	g.age(r, now)
	if g.forgotten() {
		g.LastSeen = now // an analysis ahead of its event is kept as long as any memory
	}
	if answered(g.Analysis) && !answered(e.Analysis) {
		return
	}
	news := answered(e.Analysis) && !answered(g.Analysis)
	g.Analysis = e.Analysis
	d.release(g)
	if news && g.Unexplained && g.Severity >= severe {
		d.send(g, d.newNotice(g, ReasonAnalysis, e, now))
	}
}

// sameAnswer tells whether two analyses say the same.
func sameAnswer(a, b *events.Analysis) bool {
	return a != nil && b != nil && a.RootCause == b.RootCause && a.Impact == b.Impact &&
		slices.Equal(a.Fix, b.Fix) && a.UnanalysedReason == b.UnanalysedReason
}

func answered(a *events.Analysis) bool { return a != nil && a.UnanalysedReason == "" }

// newNotice makes a notification of the group as it stands now.
func (d *draft) newNotice(g *groupState, reason string, e *events.Event, now time.Time) *notice {
	g.Ordinal++
	n := &notice{Notification: Notification{
		ID:      digest("notification", g.Group.Group, g.Seed, strconv.Itoa(g.Ordinal)),
		Time:    now,
		Reason:  reason,
		Group:   g.Group,
		Backlog: reason == ReasonBacklog,
		Event:   e,
	}}
	d.put(n)
	return n
}

// hold keeps a notification until an analysis comes or the time is over.
func (d *draft) hold(g *groupState, n *notice, until time.Time) {
	n.Status = noticeHeld
	g.Held = append(g.Held, n.ID)
	g.HeldUntil = until
}

// release sends what is held, with the analysis if there is one.
func (d *draft) release(g *groupState) {
	for _, id := range g.Held {
		d.send(g, d.notice(id))
	}
	g.Held, g.HeldUntil = nil, time.Time{}
}

// send hands a notification to the outbox.
func (d *draft) send(g *groupState, n *notice) {
	d.order++
	n.Status, n.Order = noticeUnsent, d.order
	n.Group.Analysis = g.Analysis
	g.Told = true
	if !answered(g.Analysis) {
		g.Unexplained = true
	}
}

// titleOf is the title that an event gives its group: the first line of its
// message, at most maxTitle bytes.
func titleOf(e *events.Event) string {
	title := firstLine(e.Message)
	if title == "" {
		title = firstLine(e.Body)
	}
	return cut(title, maxTitle)
}

// firstLine is the first line of a text that is not empty.
func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return text
}

// cut shortens text to at most limit bytes, never inside a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	end := max(limit-len(mark), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
