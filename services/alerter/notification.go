package alerter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tocsin/pkg/events"
)

// maxNotification is the most an encoded notification may have, in bytes.
const maxNotification = 1 << 20

// maxTitle bounds a group's title, in bytes.
const maxTitle = 300

// Reasons for a notification.
const (
	ReasonFirst    = "first"    // a problem nobody was told of
	ReasonRepeat   = "repeat"   // its tier says so
	ReasonRise     = "rise"     // it became worse
	ReasonBacklog  = "backlog"  // the summary of what was there before the start
	ReasonAnalysis = "analysis" // the analysis came after the first notification
)

// Notification is one message to people, independent of the channel that
// renders it. Its JSON, on the bus and in --alerts jsonl, has the group's
// public fields flat, as they were when it was decided on.
type Notification struct {
	// ID is the hash of the group and the notification's number in it, of a
	// summary that of the group and its event.
	ID string `json:"id"`
	// Time is when the event that rang was folded.
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Group
	// Channel, Attempt (from 1) and Repeated are set for each sending. Repeated
	// says that it may have arrived before.
	Channel  string `json:"channel,omitempty"`
	Attempt  int    `json:"attempt,omitempty"`
	Repeated bool   `json:"repeated"`
	// Backlog marks the summary of what was in the logs before the start.
	Backlog bool `json:"backlog"`
	// Event is the masked event that rang.
	Event *events.Event `json:"event"`
}

// encode gives one line of JSON without a newline, at most maxNotification
// bytes: an event too long for that loses the middle of its body.
func (n *Notification) encode() ([]byte, error) {
	data, err := encodeJSON(n)
	if err != nil || len(data) <= maxNotification || n.Event == nil {
		return data, err
	}
	room := maxNotification - 4096
	if rest, err := encodeJSON(&Notification{Group: n.Group}); err == nil {
		room -= len(rest)
	}
	short, e := *n, *n.Event
	if _, err := events.Fit(&e, room); err != nil {
		e = events.Event{ID: e.ID, Host: e.Host, Time: e.Time, File: cut(e.File, 4096), FirstLine: e.FirstLine,
			Kind: e.Kind, Severity: e.Severity, Message: cut(e.Message, 4096), TruncatedBytes: e.Length}
	}
	short.Event = &e
	return encodeJSON(&short)
}

func decodeNotification(data []byte) (*Notification, error) {
	var n Notification
	if err := decodeJSON(data, &n); err != nil {
		return nil, fmt.Errorf("cannot decode notification of %d bytes: %w", len(data), err)
	}
	if n.ID == "" || n.Event == nil {
		return nil, fmt.Errorf("cannot decode notification of %d bytes: it has no id or no event", len(data))
	}
	return &n, nil
}

// encodeJSON leaves markup characters as they are.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// decodeJSON gives errors that quote no text of an event.
func decodeJSON(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("field %q at byte %d has another type", kind.Field, kind.Offset)
	default:
		return errors.New("a value is out of place")
	}
}
