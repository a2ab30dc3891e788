package alerter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tocsin/pkg/bus"
)

func testNotification(severity float64) *Notification {
	e := (&walk{}).event("g", severity)
	e.File, e.FirstLine = "/var/log/app.log", 120
	return &Notification{ID: "n1", Time: start, Reason: ReasonFirst, Event: e,
		Group: Group{Group: "group1", Host: "web-1", Title: "it broke", Severity: severity, State: StateOpen, Count: 3,
			FirstTime: start, LastTime: start}}
}

// desk is a sender with everything around it.
type desk struct {
	t       *testing.T
	kv      *fakeBucket
	channel *fakeChannel
	sender  *sender
	log     bytes.Buffer
}

func newDesk(t *testing.T, answers ...error) *desk {
	d := &desk{t: t, kv: newFakeBucket(), channel: &fakeChannel{name: channelWecom, answers: answers}}
	d.sender = &sender{channel: d.channel, other: channelTerminal, now: func() time.Time { return start },
		metrics: testMetrics(), log: slog.New(slog.NewTextHandler(&d.log, nil))}
	return d
}

func (d *desk) handle(n *Notification) error {
	d.t.Helper()
	data, err := n.encode()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.sender.handle(d.t.Context(), d.kv, &bus.Delivery{Data: data})
}

func (d *desk) record(n *Notification) *sentRecord {
	d.t.Helper()
	r, _, err := readSent(d.t.Context(), d.kv, sentKey(d.channel.name, n))
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// TestVerdicts: the answers of the channel, then for each delivery of the same
// message the verdict (ok, down, dead); then how often it was sent, how often
// marked, and the result kept.
func TestVerdicts(t *testing.T) {
	f := func(severity float64, answers []error, verdicts string, sent, marked int, result string) {
		t.Helper()
		d := newDesk(t, answers...)
		n := testNotification(severity)
		var got []string
		for range strings.Fields(verdicts) {
			switch err := d.handle(n); {
			case err == nil:
				got = append(got, "ok")
			case bus.IsUnavailable(err):
				got = append(got, "down")
			case bus.IsReject(err):
				got = append(got, "dead")
			default:
				t.Errorf("verdict %v", err)
			}
		}
		if strings.Join(got, " ") != verdicts {
			t.Errorf("verdicts %q, want %q", got, verdicts)
		}
		repeated := 0
		for _, n := range d.channel.got {
			if n.Repeated {
				repeated++
			}
		}
		if len(d.channel.got) != sent || repeated != marked {
			t.Errorf("sent %d times, %d marked; want %d, %d", len(d.channel.got), repeated, sent, marked)
		}
		if r := d.record(n); r.Result.Result != result {
			t.Errorf("result %q, want %q", r.Result.Result, result)
		}
	}
	retry, unknown := &RetryError{Err: errors.New("busy")}, &UnknownError{Err: errors.New("reset")}
	long, refused := &TooLongError{Err: errors.New("too long")}, errors.New("refused")
	f(9, nil, "ok", 1, 0, resultOK)
	f(9, nil, "ok ok ok", 1, 0, resultOK)
	f(9, []error{retry, retry}, "down down ok", 3, 0, resultOK)
	f(9, []error{unknown}, "down ok ok", 2, 1, resultOK)
	f(9, []error{unknown, unknown}, "down ok ok", 2, 1, resultUnknown)
	f(9, []error{unknown, retry}, "down down ok", 3, 2, resultOK)
	f(7, []error{unknown}, "ok ok", 1, 0, resultUnknown)
	f(9, []error{long}, "dead", 1, 0, resultTooLong)
	f(9, []error{refused}, "dead", 1, 0, resultRefused)
	f(9, []error{refused}, "dead ok ok", 2, 0, resultOK) // put back by hand
}

// TestIntentWithoutResult: somebody died between the request and its answer.
func TestIntentWithoutResult(t *testing.T) {
	f := func(severity float64, sent int, result string) {
		t.Helper()
		d := newDesk(t)
		n := testNotification(severity)
		intent := &sentRecord{Group: "group1", Result: Result{ID: n.ID, Channel: channelWecom, Attempt: 1, Result: resultSending}}
		if _, err := writeSent(t.Context(), d.kv, sentKey(channelWecom, n), intent, 0); err != nil {
			t.Fatal(err)
		}
		if err := d.handle(n); err != nil {
			t.Fatal(err)
		}
		if len(d.channel.got) != sent || sent == 1 && !d.channel.got[0].Repeated {
			t.Errorf("severity %v: sent %+v", severity, d.channel.got)
		}
		if r := d.record(n); r.Result.Result != result {
			t.Errorf("severity %v: result %q, want %q", severity, r.Result.Result, result)
		}
	}
	f(8, 1, resultOK)
	f(7.9, 0, resultUnknown)
}

func TestSwitchedOff(t *testing.T) {
	d := newDesk(t, &PermanentError{Code: "errcode 93000", Err: errors.New("the robot answered errcode 93000")})
	first, second := testNotification(9), testNotification(5)
	second.ID = "n2"
	for range 2 {
		for _, n := range []*Notification{first, second} {
			if err := d.handle(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(d.channel.got) != 1 {
		t.Fatalf("sent %d times", len(d.channel.got))
	}
	if said := d.log.String(); strings.Count(said, "level=") != 1 ||
		!strings.Contains(said, "the channel is switched off until the next start: its messages are shown by the channel terminal alone") {
		t.Errorf("said\n%s", said)
	}
	for i, n := range []*Notification{first, second} {
		if r := d.record(n); r.Result.Result != resultMoved || r.Code != "errcode 93000" || r.Attempt != 1-i {
			t.Errorf("result %+v", r)
		}
	}
	d.sender.other = ""
	third := testNotification(5)
	third.ID = "n3"
	if err := d.handle(third); !bus.IsReject(err) {
		t.Errorf("with no other channel: verdict %v, want a dead letter", err)
	}
	if r := d.record(third); r.Result.Result != resultPermanent || r.Code != "errcode 93000" {
		t.Errorf("result %+v", r)
	}
	if got := testutil.ToFloat64(d.sender.metrics.notifications.WithLabelValues(channelWecom, resultMoved)); got != 2 {
		t.Errorf("moved %v, want 2", got)
	}
}

// TestSenderWithoutBroker: each step fails once; no failure is the message's.
func TestSenderWithoutBroker(t *testing.T) {
	for step := range 3 {
		d := newDesk(t)
		d.kv.faults = func() (bool, bool) { step--; return step == -1, false }
		if err := d.handle(testNotification(9)); !bus.IsUnavailable(err) {
			t.Errorf("verdict %v", err)
		}
	}
	d, writes := newDesk(t, &PermanentError{Err: errors.New("no")}), 0
	d.kv.faults = func() (bool, bool) { writes++; return writes == 3, false } // what became of it
	if err := d.handle(testNotification(9)); !bus.IsUnavailable(err) {
		t.Errorf("verdict %v", err)
	}
}

func TestSenderRejectsWhatIsNoNotification(t *testing.T) {
	d := newDesk(t)
	for _, data := range []string{"", "{", "{}", `{"id":"x"}`, `{"id":3}`} {
		if err := d.sender.handle(t.Context(), d.kv, &bus.Delivery{Data: []byte(data)}); !bus.IsReject(err) {
			t.Errorf("%q: verdict %v", data, err)
		}
	}
}

// fakePaced is a channel whose budget is used up.
type fakePaced struct {
	fakeChannel
	restored []time.Time
}

func (c *fakePaced) Slot(context.Context) error { return &RetryError{Err: errors.New("no slot")} }
func (c *fakePaced) Restore(sent []time.Time)   { c.restored = sent }

func TestNoIntentWithoutSlot(t *testing.T) {
	d := newDesk(t)
	paced := &fakePaced{fakeChannel: fakeChannel{name: channelWecom}}
	n := testNotification(9)
	if err := d.handle(n); err != nil {
		t.Fatal(err)
	}
	d.sender.channel = paced
	other := testNotification(9)
	other.ID = "n2"
	if err := d.handle(other); !bus.IsUnavailable(err) || len(paced.got) != 0 {
		t.Fatalf("verdict %v, sent %d", err, len(paced.got))
	}
	if r := d.record(other); r != nil {
		t.Errorf("an intent was noted: %+v", r)
	}
	if err := d.sender.remember(t.Context(), d.kv); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(paced.restored, []time.Time{start}) {
		t.Errorf("restored %v", paced.restored)
	}
}

func TestGroupsShowTheirNotifications(t *testing.T) {
	now := start
	kv, out := newFakeBucket(), newFakeOutbox()
	l := newTestLedger(kv, out, &now)
	w := newWalk(t)
	for i := range 30 {
		now = now.Add(time.Hour / 2)
		l.handle(t.Context(), []*bus.Delivery{delivery(t, w.event("g", float64(8+i/30)))})
	}
	if err := l.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &sender{channel: &fakeChannel{name: channelTerminal}, now: l.now, metrics: l.metrics, log: quietLog}
	for _, m := range out.queue {
		now = now.Add(time.Second)
		if err := s.handle(t.Context(), kv, &bus.Delivery{Data: m.Data}); err != nil {
			t.Fatal(err)
		}
	}
	groups, err := readGroups(t.Context(), kv)
	if err != nil || len(groups) != 1 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	g := groups[0]
	if g.Count != 30 || len(g.Notifications) != notificationsShown {
		t.Fatalf("count %d, %d notifications", g.Count, len(g.Notifications))
	}
	last := g.Notifications[notificationsShown-1]
	if last.Result != resultOK || last.Channel != channelTerminal || last.Attempt != 1 || !last.Time.Equal(now) {
		t.Errorf("last notification %+v", last)
	}
}
