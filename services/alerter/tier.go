package alerter

import "time"

// tier is how often a problem of some severity may ring.
type tier struct {
	// min is the lowest severity of the tier.
	min float64
	// first notifications go at once, further ones with the first event at or
	// after every since the last one sent, or with the nth event after it.
	first int
	every time.Duration
	nth   int
}

const tierCount = 3

// tiers by falling severity.
var tiers = [tierCount]tier{
	{min: 8, first: 3, every: 5 * time.Minute},
	{min: 5, first: 2, every: 10 * time.Minute},
	{min: 0, first: 1, every: 30 * time.Minute, nth: 10},
}

// severe is the severity from which a lost message is worse than a double one.
const severe = 8

func tierOf(severity float64) int {
	for i, t := range tiers {
		if severity >= t.min {
			return i
		}
	}
	return tierCount - 1
}

// memory is what a tier knows of a group.
type memory struct {
	Sent int       `json:"sent,omitempty"`
	Last time.Time `json:"last,omitzero"`
	// Since counts the events after the last one sent.
	Since int `json:"since,omitempty"`
}

// rings tells whether an event now is one to notify of.
func (m memory) rings(t tier, now time.Time) bool {
	if m.Sent < t.first {
		return true
	}
	// A clock that was set back must not silence a problem for as long.
	if since := now.Sub(m.Last); since >= t.every || since <= -t.every {
		return true
	}
	return t.nth > 0 && m.Since+1 >= t.nth
}

// nextDue is the earliest time at which an event rings.
func (m memory) nextDue(t tier, now time.Time) time.Time {
	if m.Sent < t.first || t.nth > 0 && m.Since+1 >= t.nth {
		return now
	}
	return m.Last.Add(t.every)
}

// note takes an event into the memory of its tier and of those below: who was
// told of the worse needs not be told of the lesser as if it were new.
func note(mem *[tierCount]memory, from int, rang bool, now time.Time) {
	for i := from; i < tierCount; i++ {
		if rang {
			mem[i] = memory{Sent: mem[i].Sent + 1, Last: now}
		} else {
			mem[i].Since++
		}
	}
}

// memoryKept is how long the tier memory outlives the closing of a group.
func memoryKept(ttl time.Duration, tier int) time.Duration {
	return max(ttl, 2*tiers[tier].every, time.Hour)
}
