package bus

import (
	"strings"
	"time"
)

// Subjects of the path.
const (
	SubjectRaw      = "events.raw"
	SubjectMasked   = "events.masked"
	SubjectAnalyzed = "events.analyzed"
	subjectReplay   = "events.replay."
	subjectDead     = "events.dead."
	subjectNotify   = "alerts.notify."
)

// SubjectReplay is where replayed messages for one service go.
func SubjectReplay(service string) string { return subjectReplay + service }

// SubjectDead is where a service puts what it gave up on.
func SubjectDead(service string) string { return subjectDead + service }

// SubjectNotify is the outbox of one channel.
func SubjectNotify(channel string) string { return subjectNotify + channel }

// Headers of every message.
const (
	// HeaderSchema carries events.SchemaVersion.
	HeaderSchema = "Tocsin-Schema"
	// HeaderRun carries the number of the replay a message belongs to; live
	// messages have none.
	HeaderRun = "Tocsin-Run"
)

// Message is what is published.
type Message struct {
	Subject string
	// ID is the Msg-Id, see MsgID. Empty: no duplicate check by the broker.
	ID   string
	Data []byte
	// Header holds further headers; HeaderSchema is set by the publisher.
	Header map[string]string
}

// stream names the stream a subject belongs to; a batch can't span two.
func (m Message) stream() string {
	switch {
	case m.Subject == SubjectRaw:
		return StreamRaw
	case strings.HasPrefix(m.Subject, subjectReplay):
		return StreamReplay
	case strings.HasPrefix(m.Subject, subjectDead):
		return StreamDead
	case strings.HasPrefix(m.Subject, subjectNotify):
		return StreamNotify
	default:
		return StreamEvents
	}
}

// MsgID is the Msg-Id of an event on a subject: its id, with ":masked" or
// ":analyzed" behind it, and the run of a replay, which the broker would
// otherwise swallow as a duplicate.
func MsgID(subject, eventID, run string) string {
	id := eventID
	if suffix := strings.TrimPrefix(subject, "events."); suffix != "raw" {
		id += ":" + suffix
	}
	if run != "" {
		id += ":" + run
	}
	return id
}

// Delivery is a message that a handler works on. The consume loop owns its
// acknowledgement: a handler only says, by its error, what became of it.
type Delivery struct {
	Subject string
	Data    []byte
	Header  map[string]string
	// Sequence is the message's place in its stream.
	Sequence uint64
	// Published is when the broker stored it.
	Published time.Time
	// Deliveries counts how often the broker handed it out, this one included.
	// More than one only raises suspicion: a crash of somebody beside it, a
	// restart, or a fault of its own.
	Deliveries uint64
}

// Run is the replay the delivery belongs to, empty for a live one.
func (d *Delivery) Run() string { return d.Header[HeaderRun] }
