package alerter

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// countedKept is how long the counted offsets of a generation are remembered
// after its last event.
const countedKept = 7 * 24 * time.Hour

// tick does what is due without an event: summaries of the backlog, the end of
// a wait for an analysis, closing and forgetting. It tells whether something
// may be left to do at once. Unless all, it looks only at groups of which a
// notification waits: closing and forgetting may be late.
func (d *draft) tick(r rules, now time.Time, w waiting, all bool) (more bool) {
	for _, id := range d.due(r, now, w, all) {
		if d.full() {
			return true
		}
		g := d.group(id)
		if g.Backlog.Notice != "" && !now.Before(d.backlogDue(g)) {
			d.ringBacklog(g, now, w)
		}
		if len(g.Held) > 0 && heldOver(g, now, w) {
			d.release(g)
		}
		g.age(r, now)
		if g.ended(r, now) {
			d.groups[id] = nil
		}
	}
	return false
}

func heldOver(g *groupState, now time.Time, w waiting) bool {
	return !w.on || !now.Before(g.HeldUntil)
}

// due gives the groups a tick has to touch, the worst first.
func (d *draft) due(r rules, now time.Time, w waiting, all bool) []string {
	var due []*groupState
	for g := range d.candidates(all) {
		switch {
		case g.Backlog.Notice != "" && !now.Before(d.backlogDue(g)),
			len(g.Held) > 0 && heldOver(g, now, w),
			all && g.State != StateClosed && now.Sub(g.LastSeen) >= r.ttl,
			all && !g.forgotten() && g.expired(r, now),
			all && g.ended(r, now):
			due = append(due, g)
		}
	}
	slices.SortFunc(due, func(a, b *groupState) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), a.FirstTime.Compare(b.FirstTime),
			cmp.Compare(a.Group.Group, b.Group.Group))
	})
	ids := make([]string, len(due))
	for i, g := range due {
		ids[i] = g.Group.Group
	}
	return ids
}

// candidates gives all groups, or those of which a notification waits.
func (d *draft) candidates(all bool) iter.Seq[*groupState] {
	if all {
		return maps.Values(d.base.groups)
	}
	waiting := map[string]*groupState{}
	for _, n := range d.base.notices {
		if g := d.base.groups[n.Group.Group]; g != nil && n.Status != noticeUnsent {
			waiting[n.Group.Group] = g
		}
	}
	return maps.Values(waiting)
}

// ringBacklog rings the one summary, which may wait for an analysis as any
// first notification does.
func (d *draft) ringBacklog(g *groupState, now time.Time, w waiting) {
	n := d.notice(g.Backlog.Notice)
	first := g.Backlog.First
	g.Backlog.Notice = ""
	if n.Event.Severity >= g.Severity {
		g.Title = titleOf(n.Event)
	}
	// Its name follows from what it tells, not from which event came first.
	d.notices[n.ID] = nil
	n.ID = digest("notification", g.Group.Group, n.Event.ID)
	d.notices[n.ID] = n
	n.Group, n.Time = g.Group, now
	switch {
	case len(g.Held) > 0:
		d.hold(g, n, g.HeldUntil)
	case !g.Told && g.awaits(w):
		d.hold(g, n, first.Add(w.most))
	default:
		d.send(g, n)
	}
}

// forgetCounted drops generations nobody has heard of for countedKept, at most
// limit of them.
func (d *draft) forgetCounted(now time.Time, limit int) {
	for generation, c := range d.base.counted {
		if limit > 0 && now.Sub(c.touched) >= countedKept {
			d.counted[generation] = nil
			limit--
		}
	}
}
