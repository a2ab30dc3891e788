package alerter

import (
	"strings"
	"testing"

	"tocsin/pkg/events"
)

// TestNotificationFits: whatever the event, the outbox takes it.
func TestNotificationFits(t *testing.T) {
	f := func(change func(e *events.Event)) {
		t.Helper()
		n := testNotification(9)
		change(n.Event)
		data, err := n.encode()
		if err != nil || len(data) > maxNotification {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		back, err := decodeNotification(data)
		if err != nil || back.ID != n.ID || back.Group.Group != n.Group.Group || back.Event.ID != n.Event.ID || back.Count != n.Count {
			t.Fatalf("came back as %+v, %v", back, err)
		}
	}
	f(func(*events.Event) {})
	f(func(e *events.Event) { e.Body = "<TASK>&\n" })
	f(func(e *events.Event) { e.Body = strings.Repeat("x\n", 1<<20) })
	f(func(e *events.Event) { e.Body = strings.Repeat("\x01", 640<<10) })
	f(func(e *events.Event) { e.Tags = []string{strings.Repeat("x", 2<<20)} })
}

func TestNotificationKeepsItsEvent(t *testing.T) {
	n := testNotification(9)
	n.Event.Body = strings.Repeat("x\n", 1<<20)
	before := len(n.Event.Body)
	if _, err := n.encode(); err != nil || len(n.Event.Body) != before || n.Event.TruncatedBytes != 0 {
		t.Errorf("encoding changed the event: %d of %d bytes are left, %v", len(n.Event.Body), before, err)
	}
}
