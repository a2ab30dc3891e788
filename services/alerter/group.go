package alerter

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"tocsin/pkg/events"
)

// States of a group.
const (
	StateOpen         = "open"
	StateAcknowledged = "acknowledged"
	StateSilenced     = "silenced"
	StateClosed       = "closed"
)

// Group is one problem on one host, as people and scripts see it. Its JSON
// names are a contract.
type Group struct {
	// Group is the hash of the host and the first member's group.
	Group string `json:"group"`
	Host  string `json:"host"`
	Title string `json:"title"`
	// Severity is that of the worst event since the group was opened last.
	Severity float64 `json:"severity"`
	State    string  `json:"state"`
	// Count, FirstTime and LastTime go on when a closed group is opened again
	// while its tier memory lives. The times are those of the events.
	Count     int64     `json:"count"`
	FirstTime time.Time `json:"first_time,omitzero"`
	LastTime  time.Time `json:"last_time,omitzero"`
	Members   []Member  `json:"members,omitempty"`
	// Notifications are the last 20, filled when groups are read.
	Notifications []Result `json:"notifications,omitempty"`
	// NextDue is the earliest time at which an event rings.
	NextDue  time.Time        `json:"next_due,omitzero"`
	Analysis *events.Analysis `json:"analysis,omitempty"`
}

// Member is a group of events that an alert group holds.
type Member struct {
	Group string `json:"group"`
	// Similarity to the first member, 0–1.
	Similarity float64 `json:"similarity"`
	// Words in which it differs from the first member.
	Words []string `json:"differing_words,omitempty"`
}

// Result is what became of one notification on one channel.
type Result struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Channel string    `json:"channel"`
	Attempt int       `json:"attempt"`
	// Result is "sending" (on its way), or a result as in the label of
	// tocsin_notifications_total.
	Result string `json:"result"`
	// Code is the provider's own, such as "errcode 45009".
	Code string `json:"code,omitempty"`
}

// AlertGroup is the alert group of an event: host and content, nothing else.
func AlertGroup(e *events.Event) string {
	return digest("alert", e.Host, memberOf(e))
}

// memberOf is the event's group; an event that carries none is known by its
// headline, because identity is content.
func memberOf(e *events.Event) string {
	if e.Group != "" {
		return e.Group
	}
	return events.NewGroup(e.Message)
}

// digest gives 32 hexadecimal characters for a list of parts.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// groupState is a group with what the alerter alone has to know, as it lies in
// the bucket. All its times are on the alerter's clock.
type groupState struct {
	Group
	// Tiers is the memory of each tier: what was sent and when.
	Tiers [tierCount]memory `json:"tiers"`
	// LastSeen is when the last event of the group was folded.
	LastSeen time.Time `json:"last_seen,omitzero"`
	// Seed is the id of the event that made this record and Ordinal the number
	// of notifications since: together they name a notification.
	Seed    string `json:"seed"`
	Ordinal int    `json:"ordinal"`
	// Held are notifications decided on that wait for an analysis until
	// HeldUntil.
	Held      []string  `json:"held,omitempty"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	Backlog   backlog   `json:"backlog_summary,omitzero"`
	// Told: a notification has left since the memory began. Unexplained: one
	// has left without an analysis.
	Told        bool `json:"told,omitempty"`
	Unexplained bool `json:"unexplained,omitempty"`

	revision uint64
}

// backlog is the state of a group's one summary of what was in the logs before
// the start.
type backlog struct {
	// Notice is the summary's id while it is not due yet.
	Notice string    `json:"notice,omitempty"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

func (g *groupState) clone() *groupState {
	c := *g
	c.Members = slices.Clone(g.Members)
	c.Held = slices.Clone(g.Held)
	return &c
}

// notice is a notification that was decided on and is not in the outbox yet.
type notice struct {
	Notification
	Status string `json:"status"`
	// Order is the place in which notices leave.
	Order int64 `json:"order"`

	revision uint64
}

const (
	noticeBacklog = "backlog" // a summary that is not due yet
	noticeHeld    = "held"    // waits for an analysis
	noticeUnsent  = "unsent"  // to be published
)
