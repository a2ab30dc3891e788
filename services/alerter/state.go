package alerter

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/events"
)

// Keys of the bucket.
const (
	prefixGroup   = "group."   // groupState
	prefixCounted = "counted." // counted, by the hash of the generation
	prefixNotice  = "notice."  // notice
	prefixSent    = "sent."    // sentRecord, by channel and notification
)

// state is all the alerter remembers, as it lies in the bucket.
type state struct {
	groups  map[string]*groupState
	counted map[string]*counted
	notices map[string]*notice
	// backlogSeen is when the last backlog event was folded.
	backlogSeen time.Time
	order       int64
}

func newState() *state {
	return &state{
		groups:  map[string]*groupState{},
		counted: map[string]*counted{},
		notices: map[string]*notice{},
	}
}

// restore takes in an entry of the bucket.
func (s *state) restore(e bus.Entry) error {
	switch {
	case strings.HasPrefix(e.Key, prefixGroup):
		var g groupState
		if err := decodeJSON(e.Value, &g); err != nil {
			return fmt.Errorf("cannot read %s: %w", e.Key, err)
		}
		g.revision = e.Revision
		s.groups[g.Group.Group] = &g
		if g.Backlog.Last.After(s.backlogSeen) {
			s.backlogSeen = g.Backlog.Last
		}
	case strings.HasPrefix(e.Key, prefixCounted):
		c, err := decodeCounted(e.Value)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", e.Key, err)
		}
		c.revision = e.Revision
		s.counted[c.generation] = c
	case strings.HasPrefix(e.Key, prefixNotice):
		var n notice
		if err := decodeJSON(e.Value, &n); err != nil {
			return fmt.Errorf("cannot read %s: %w", e.Key, err)
		}
		n.revision = e.Revision
		s.notices[n.ID] = &n
		s.order = max(s.order, n.Order)
	}
	return nil
}

// repair drops references to notices that are not there: a bucket that was
// changed by hand, or by somebody else while it was read, must not be a crash.
func (s *state) repair() {
	for id, n := range s.notices {
		if n.Event == nil {
			delete(s.notices, id)
		}
	}
	for _, g := range s.groups {
		g.Held = slices.DeleteFunc(g.Held, func(id string) bool { return s.notices[id] == nil })
		if s.notices[g.Backlog.Notice] == nil {
			g.Backlog.Notice = ""
		}
	}
}

// unsent gives at most limit notices to publish, in the order in which they
// were decided on; 0 = all.
func (s *state) unsent(limit int) []*notice {
	var list []*notice
	for _, n := range s.notices {
		if n.Status == noticeUnsent {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *notice) int { return cmp.Compare(a.Order, b.Order) })
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}

// draft is a change of the state that is not on disk yet. What it touches is
// copied, so that dropping the draft undoes it.
type draft struct {
	base    *state
	groups  map[string]*groupState // nil = deleted
	counted map[string]*counted    // nil = deleted
	notices map[string]*notice     // nil = deleted
	order   int64
	// backlogSeen is that of the base, or later.
	backlogSeen time.Time

	bytes           int // of the notices, roughly
	merged, skipped int // for the metrics
}

// Bounds of a draft, so that it fits one atomic write: one more event or timer
// changes at most 2 + heldMax + 2 keys.
const (
	draftKeys  = bus.MaxChanges - heldMax - 4
	draftBytes = 4 << 20
)

// full tells that the draft has to be written before anything is added.
func (d *draft) full() bool {
	return len(d.groups)+len(d.counted)+len(d.notices) >= draftKeys || d.bytes >= draftBytes
}

func (s *state) draft() *draft {
	return &draft{
		base:    s,
		groups:  map[string]*groupState{},
		counted: map[string]*counted{},
		notices: map[string]*notice{},
		order:   s.order,

		backlogSeen: s.backlogSeen,
	}
}

// group gives a copy to change, nil if there is none.
func (d *draft) group(id string) *groupState {
	if g, ok := d.groups[id]; ok {
		return g
	}
	g, ok := d.base.groups[id]
	if !ok {
		return nil
	}
	g = g.clone()
	d.groups[id] = g
	return g
}

// peekGroup gives a group to look at only, nil if there is none.
func (d *draft) peekGroup(id string) *groupState {
	if g, ok := d.groups[id]; ok {
		return g
	}
	return d.base.groups[id]
}

// wasCounted tells whether the event was counted, here or before.
func (d *draft) wasCounted(e *events.Event) bool {
	c, ok := d.counted[e.Generation]
	if !ok {
		c, ok = d.base.counted[e.Generation]
	}
	return ok && c.has(e.Offset)
}

// countedOf gives a copy to change, made if there is none.
func (d *draft) countedOf(generation string) *counted {
	if c, ok := d.counted[generation]; ok {
		return c
	}
	c, ok := d.base.counted[generation]
	if ok {
		c = c.clone()
	} else {
		c = newCounted(generation)
	}
	d.counted[generation] = c
	return c
}

// peekNotice gives a notice to look at only; it must exist.
func (d *draft) peekNotice(id string) *notice {
	if n, ok := d.notices[id]; ok {
		return n
	}
	return d.base.notices[id]
}

// notice gives a copy to change; it must exist.
func (d *draft) notice(id string) *notice {
	if n, ok := d.notices[id]; ok {
		return n
	}
	c := *d.base.notices[id]
	d.put(&c)
	return &c
}

// put takes a notice into the draft.
func (d *draft) put(n *notice) {
	d.notices[n.ID] = n
	d.bytes += weight(n.Event)
}

// weight is about how many bytes an event takes.
func weight(e *events.Event) int {
	w := len(e.Message) + len(e.Body) + 200*len(e.Frames)
	for _, list := range [][]string{e.Before, e.After} {
		for _, text := range list {
			w += len(text)
		}
	}
	for _, text := range e.Fields {
		w += len(text)
	}
	return w
}

// changes gives the draft as writes to the bucket, in the order of their keys.
func (d *draft) changes() ([]bus.Change, error) {
	var list []bus.Change
	for _, id := range slices.Sorted(maps.Keys(d.groups)) {
		c := bus.Change{Key: prefixGroup + id, Revision: revisionOf(d.base.groups, id)}
		if g := d.groups[id]; g != nil {
			var err error
			if c.Value, err = encodeJSON(g); err != nil {
				return nil, fmt.Errorf("cannot encode group %s: %w", id, err)
			}
		}
		list = append(list, c)
	}
	for _, generation := range slices.Sorted(maps.Keys(d.counted)) {
		c := bus.Change{Key: prefixCounted + digest(generation), Revision: revisionOf(d.base.counted, generation)}
		if n := d.counted[generation]; n != nil {
			var err error
			if c.Value, err = n.encode(); err != nil {
				return nil, fmt.Errorf("cannot encode counted offsets: %w", err)
			}
		}
		list = append(list, c)
	}
	for _, id := range slices.Sorted(maps.Keys(d.notices)) {
		c := bus.Change{Key: prefixNotice + id, Revision: revisionOf(d.base.notices, id)}
		if n := d.notices[id]; n != nil {
			var err error
			if c.Value, err = encodeJSON(n); err != nil {
				return nil, fmt.Errorf("cannot encode notification %s: %w", id, err)
			}
		}
		list = append(list, c)
	}
	return list, nil
}

type revised interface{ at() uint64 }

func (g *groupState) at() uint64 { return g.revision }
func (c *counted) at() uint64    { return c.revision }
func (n *notice) at() uint64     { return n.revision }

func revisionOf[T revised](m map[string]T, key string) uint64 {
	if v, ok := m[key]; ok {
		return v.at()
	}
	return 0
}

// commit makes the draft the state, after changes were written at revisions.
func (d *draft) commit(changes []bus.Change, revisions []uint64) {
	at := make(map[string]uint64, len(changes))
	for i, c := range changes {
		at[c.Key] = revisions[i]
	}
	for id, g := range d.groups {
		if g == nil {
			delete(d.base.groups, id)
			continue
		}
		g.revision = at[prefixGroup+id]
		d.base.groups[id] = g
	}
	for generation, c := range d.counted {
		if c == nil {
			delete(d.base.counted, generation)
			continue
		}
		c.revision = at[prefixCounted+digest(generation)]
		d.base.counted[generation] = c
	}
	for id, n := range d.notices {
		if n == nil {
			delete(d.base.notices, id)
			continue
		}
		n.revision = at[prefixNotice+id]
		d.base.notices[id] = n
	}
	d.base.backlogSeen = d.backlogSeen
	d.base.order = d.order
}
