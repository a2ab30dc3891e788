package alerter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/bustest"
	"tocsin/pkg/events"
	"tocsin/pkg/service"
)

// told gives each notification that a terminal channel writes as JSON.
type toldWriter chan Notification

func (w toldWriter) Write(p []byte) (int, error) {
	var n Notification
	if err := json.Unmarshal(p, &n); err != nil {
		return 0, err
	}
	w <- n
	return len(p), nil
}

// next waits for a notification.
func (w toldWriter) next(t *testing.T) Notification {
	t.Helper()
	select {
	case n := <-w:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
		return Notification{}
	}
}

// rig is a broker with an alerter that can be started again.
type rig struct {
	t    *testing.T
	conn *bus.Conn
	pub  *bus.Publisher
	told toldWriter
	walk *walk
}

func newRig(t *testing.T) *rig {
	conn := bustest.New(t)
	r := &rig{t: t, conn: conn, pub: conn.NewPublisher(), told: make(toldWriter, 1000), walk: newWalk(t)}
	t.Cleanup(r.pub.Close)
	return r
}

func (r *rig) options() Options {
	return Options{Bus: r.conn, Log: quietLog, Registry: prometheus.NewRegistry(), Holder: "test", Enabled: true, TTL: 5 * time.Minute,
		Out: r.told, Format: FormatJSONL}
}

// start runs an alerter; the result stops it and waits for its end.
func (r *rig) start(o Options) (*Service, func()) {
	r.t.Helper()
	ready := make(chan struct{})
	o.Ready = func() { close(ready) }
	s, err := New(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-ready:
	case <-time.After(20 * time.Second):
		r.t.Fatal("the alerter is not ready")
	}
	return s, func() {
		r.t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				r.t.Error(err)
			}
		case <-time.After(10 * time.Second):
			r.t.Fatal("the alerter does not stop")
		}
	}
}

func (r *rig) publish(list ...*events.Event) {
	r.t.Helper()
	for _, e := range list {
		d := delivery(r.t, e)
		if err := r.pub.Publish(r.t.Context(), bus.Message{Subject: d.Subject, Data: d.Data}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) groups() []Group {
	r.t.Helper()
	list, err := Groups(r.t.Context(), r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// until waits until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestEndToEnd(t *testing.T) {
	r := newRig(t)
	s, stop := r.start(r.options())
	first := r.walk.event("g", 9)
	r.publish(first)
	n := r.told.next(t)
	if n.Reason != ReasonFirst || n.Count != 1 || n.Event.ID != first.ID || n.Channel != channelTerminal || n.Attempt != 1 {
		t.Fatalf("told %+v", n)
	}
	// The same event again, then new ones, with a restart in between.
	r.publish(first, r.walk.event("g", 9))
	if n = r.told.next(t); n.Count != 2 {
		t.Fatalf("told of %d events, want 2", n.Count)
	}
	until(t, "the results are noted", func() bool {
		groups := r.groups()
		return len(groups) == 1 && len(groups[0].Notifications) == 2 && groups[0].Notifications[1].Result == resultOK
	})
	if got := testutil.ToFloat64(s.metrics.sent); got != 2 {
		t.Errorf("alerts_sent_total %v, want 2", got)
	}
	stop()
	r.publish(first, r.walk.event("g", 9))
	_, stop = r.start(r.options())
	if n = r.told.next(t); n.Count != 3 || n.Reason != ReasonRepeat {
		t.Fatalf("after the restart told %s of %d events", n.Reason, n.Count)
	}
	r.publish(r.walk.event("g", 9), r.walk.event("h", 2))
	if n = r.told.next(t); n.Event.Group != "h" {
		t.Fatalf("the tier's memory did not survive: told of %s, %d events", n.Event.Group, n.Count)
	}
	stop()
}

func TestBacklogSurvivesARestart(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(r.options())
	for range 5 {
		e := r.walk.event("g", 6)
		e.Backlog = true
		r.publish(e)
	}
	until(t, "all are counted", func() bool {
		groups := r.groups()
		return len(groups) == 1 && groups[0].Count == 5
	})
	stop()
	_, stop = r.start(r.options())
	if n := r.told.next(t); !n.Backlog || n.Count != 5 || n.Reason != ReasonBacklog {
		t.Fatalf("told %+v", n)
	}
	later := r.walk.event("g", 6)
	later.Backlog = true
	r.publish(later, r.walk.event("live", 6))
	if n := r.told.next(t); n.Event.Group != "live" {
		t.Fatalf("told twice of the backlog: %+v", n)
	}
	stop()
}

func TestFirstNotificationBringsItsAnalysis(t *testing.T) {
	r := newRig(t)
	o := r.options()
	o.WaitAnalysis = time.Minute
	_, stop := r.start(o)
	defer stop()
	e := r.walk.event("g", 9)
	r.publish(e)
	until(t, "the notification waits", func() bool { return len(r.groups()) == 1 })
	analysed := *e
	analysed.Analysis = &events.Analysis{RootCause: "the disk is full"}
	r.publish(&analysed)
	if n := r.told.next(t); n.Analysis == nil || n.Analysis.RootCause != "the disk is full" || n.Count != 1 {
		t.Fatalf("told %+v", n)
	}
}

// TestTakeOver: of two replicas one is active; the other goes on where it
// stopped, and nobody is told twice.
func TestTakeOver(t *testing.T) {
	r := newRig(t)
	one, two := r.options(), r.options()
	two.Holder = "two"
	_, stopOne := r.start(one)
	_, stopTwo := r.start(two) // ready though it only stands by
	r.publish(r.walk.event("g", 9))
	if n := r.told.next(t); n.Count != 1 {
		t.Fatalf("told of %d", n.Count)
	}
	stopOne()
	r.publish(r.walk.event("g", 9))
	if n := r.told.next(t); n.Count != 2 {
		t.Fatalf("told of %d", n.Count)
	}
	stopTwo()
	if len(r.told) != 0 {
		t.Errorf("%d notifications too many", len(r.told))
	}
}

// TestRefusedRobot: what the robot refuses for good is shown by the terminal,
// where it is shown anyway, and not twice.
func TestRefusedRobot(t *testing.T) {
	r := newRig(t)
	robot := newRobot(t, errcode(93000))
	o := r.options()
	o.WechatWebhook = robot.URL + "/?key=" + robotKey
	s, stop := r.start(o)
	r.publish(r.walk.event("g", 9), r.walk.event("h", 9))
	told := map[string]int{}
	for range 2 {
		told[r.told.next(t).Group.Group]++
	}
	moved := s.metrics.notifications.WithLabelValues(channelWecom, resultMoved)
	until(t, "both are left to the terminal", func() bool { return testutil.ToFloat64(moved) == 2 })
	stop()
	if len(told) != 2 || len(r.told) != 0 {
		t.Errorf("told %v and %d more", told, len(r.told))
	}
	if len(robot.texts) != 1 {
		t.Errorf("the robot was asked %d times, want once", len(robot.texts))
	}
	if got := testutil.ToFloat64(s.metrics.sendErrors); got != 1 {
		t.Errorf("alert_send_errors_total %v, want 1", got)
	}
}

// TestRobotComesBack: what is not taken now is sent later.
func TestRobotComesBack(t *testing.T) {
	r := newRig(t)
	tries := 0
	robot := newRobot(t, func(w http.ResponseWriter, text string) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		errcode(0)(w, text)
	})
	o := r.options()
	o.WechatWebhook = robot.URL + "/?key=" + robotKey
	_, stop := r.start(o)
	r.publish(r.walk.event("g", 9))
	until(t, "the robot took it", func() bool {
		groups := r.groups()
		ok := 0
		for _, g := range groups {
			for _, n := range g.Notifications {
				if n.Result == resultOK {
					ok++
				}
			}
		}
		return ok == 2
	})
	stop()
	if len(robot.texts) != 2 || !strings.Contains(robot.texts[1], "it broke: g") {
		t.Errorf("the robot got %q", robot.texts)
	}
}

func TestDetachedIsReady(t *testing.T) {
	r := newRig(t)
	o := bustest.Defaults()
	o.States["alerter"] = bus.State{Reason: "ENABLE_ALERT is false"}
	if err := r.conn.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	_, stop := r.start(r.options())
	stop()
}

func TestOptions(t *testing.T) {
	good := Options{Bus: &bus.Conn{}, Log: quietLog, TTL: time.Minute}
	f := func(change func(*Options), want string) {
		t.Helper()
		o := good
		o.Registry = prometheus.NewRegistry()
		change(&o)
		_, err := New(t.Context(), o)
		if got := fmt.Sprint(err); !strings.Contains(got, want) || strings.Contains(got, robotKey) {
			t.Errorf("error %q, want %q", got, want)
		}
	}
	f(func(o *Options) {}, "<nil>")
	f(func(o *Options) { o.Bus = nil }, "needs a bus")
	f(func(o *Options) { o.TTL = 0 }, "ALERT_TTL is 0s")
	f(func(o *Options) { o.WaitAnalysis = -1 }, "ALERT_WAIT_ANALYSIS")
	f(func(o *Options) { o.Format = "xml" }, "text or jsonl")
	f(func(o *Options) { o.WechatWebhook = "qyapi?key=" + robotKey }, "AI_WECHAT_WEBHOOK is not a URL")
	f(func(o *Options) { o.WechatWebhook = "http://[::1?key=" + robotKey }, "AI_WECHAT_WEBHOOK is not a URL")
	f(func(o *Options) { o.WechatWebhook = "https://qyapi.weixin.qq.com/send?key=" + robotKey }, "<nil>")
}

func TestChannelNames(t *testing.T) {
	if got := ChannelNames(service.Settings{}); len(got) != 1 || got[0] != "terminal" {
		t.Errorf("channels %v", got)
	}
	if got := ChannelNames(service.Settings{AIWechatWebhook: "https://x/"}); len(got) != 2 || got[1] != "wecom" {
		t.Errorf("channels %v", got)
	}
	up, one, two := holder(service.Settings{}), holder(service.Settings{NatsURL: "nats://x"}), holder(service.Settings{NatsURL: "nats://x"})
	if up != "up" || one == two {
		t.Errorf("holders %q, %q, %q", up, one, two)
	}
}

// TestWaitsForTheAnalyzer: the states are asked for once a second.
func TestWaitsForTheAnalyzer(t *testing.T) {
	now := start
	asked := 0
	state := bus.State{Attached: true, MinSeverity: 3}
	var fails error
	s := &Service{Options: Options{WaitAnalysis: time.Second, now: func() time.Time { return now }}}
	wait := s.waitingFor(func(context.Context) (map[string]bus.State, error) {
		asked++
		return map[string]bus.State{"analyzer": state}, fails
	})
	f := func(after time.Duration, on bool, times int) {
		t.Helper()
		now = now.Add(after)
		if w := wait(t.Context()); w.on != on || asked != times {
			t.Errorf("on %v after %d questions, want %v after %d", w.on, asked, on, times)
		}
	}
	f(0, true, 1)
	f(999*time.Millisecond, true, 1)
	state.Down = true
	f(time.Millisecond, false, 2)
	state.Down, state.Attached = false, false
	f(time.Second, false, 3)
	state.Attached = true
	f(time.Second, true, 4)
	fails = context.DeadlineExceeded
	f(time.Second, false, 5)
	s.WaitAnalysis = 0
	f(time.Second, false, 5)
}

// TestMetricsFromTheFirstScrape: everything is exposed before anything happens.
func TestMetricsFromTheFirstScrape(t *testing.T) {
	r := prometheus.NewRegistry()
	newMetrics(r)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	for name, want := range map[string]int{"alerts_sent_total": 1, "alert_send_errors_total": 1, "alerts_merged_total": 1,
		"alerts_skip_total": 1, "tocsin_notifications_total": 2 * len(results)} {
		if series[name] != want {
			t.Errorf("%s has %d series, want %d", name, series[name], want)
		}
	}
}
