package alerter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tocsin/pkg/events"
)

const robotKey = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"

// robot is a scripted WeCom robot.
type robot struct {
	*httptest.Server
	texts []string
}

func newRobot(t *testing.T, answer func(w http.ResponseWriter, text string)) *robot {
	r := &robot{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body struct {
			Type     string `json:"msgtype"`
			Markdown struct {
				Content string `json:"content"`
			} `json:"markdown"`
		}
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil || body.Type != "markdown" || req.URL.Query().Get("key") != robotKey {
			t.Errorf("request %s: %v", req.URL.Path, err)
		}
		r.texts = append(r.texts, body.Markdown.Content)
		answer(w, body.Markdown.Content)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *robot) channel(now func() time.Time) *wecom {
	return newWecom(r.URL+"/cgi-bin/webhook/send?key="+robotKey, english, now)
}

func errcode(code int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		fmt.Fprintf(w, `{"errcode":%d,"errmsg":"hint: [%s]"}`, code, robotKey)
	}
}

func status(code int, header ...string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// reset ends the connection with an RST after the request was read.
func reset(w http.ResponseWriter, _ string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// broken ends the connection in the middle of the answer.
func broken(w http.ResponseWriter, _ string) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"errcode":`)
}

func TestWecomAnswers(t *testing.T) {
	f := func(answer func(http.ResponseWriter, string), result, code string) {
		t.Helper()
		r := newRobot(t, answer)
		err := r.channel(time.Now).Send(t.Context(), testNotification(9))
		if got, gotCode := classify(err); got != result || gotCode != code {
			t.Errorf("result %q, code %q, want %q, %q (%v)", got, gotCode, result, code, err)
		}
		if err != nil && (strings.Contains(err.Error(), robotKey) || strings.Contains(err.Error(), r.URL)) {
			t.Errorf("the webhook leaks: %v", err)
		}
	}
	f(errcode(0), resultOK, "")
	f(errcode(45009), resultRetry, "errcode 45009")
	f(errcode(45033), resultRetry, "errcode 45033")
	f(errcode(-1), resultRetry, "errcode -1")
	f(errcode(40058), resultTooLong, "errcode 40058")
	f(errcode(93000), resultPermanent, "errcode 93000")
	f(errcode(40001), resultPermanent, "errcode 40001")
	f(errcode(44004), resultRefused, "")
	f(status(500), resultRetry, "http 500")
	f(status(503), resultRetry, "http 503")
	f(status(408), resultRetry, "http 408")
	f(status(429, "Retry-After", "7"), resultRetry, "http 429")
	f(status(404), resultPermanent, "http 404")
	f(status(302, "Location", "/login"), resultPermanent, "http 302")
	f(status(200), resultRetry, "no errcode")
	f(func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, "<html>proxy</html>") }, resultRetry, "no errcode")
	f(reset, resultUnknown, "no answer")
	f(broken, resultUnknown, "no answer")
}

func TestWecomOutOfReach(t *testing.T) {
	r := newRobot(t, errcode(0))
	c := r.channel(time.Now)
	r.Close()
	err := c.Send(t.Context(), testNotification(9))
	if result, code := classify(err); result != resultRetry || code != "unreachable" {
		t.Errorf("result %q, code %q", result, code)
	}
	if strings.Contains(err.Error(), robotKey) {
		t.Errorf("the key leaks: %v", err)
	}
}

func TestWecomHangs(t *testing.T) {
	free := make(chan struct{})
	r := newRobot(t, func(http.ResponseWriter, string) { <-free })
	t.Cleanup(func() { close(free) }) // before the server waits for its handlers
	c := r.channel(time.Now)
	c.client.Timeout = 50 * time.Millisecond
	err := c.Send(t.Context(), testNotification(9))
	if result, _ := classify(err); result != resultUnknown || strings.Contains(err.Error(), robotKey) {
		t.Errorf("result %q: %v", result, err)
	}
}

func TestWecomShortens(t *testing.T) {
	r := newRobot(t, func(w http.ResponseWriter, text string) {
		if len(text) > 2048 {
			errcode(40058)(w, text)
			return
		}
		errcode(0)(w, text)
	})
	n := testNotification(9)
	n.Event.Body = strings.Repeat("一行很长的日志 "+strings.Repeat("错误", 50)+"\n", 20)
	if err := r.channel(time.Now).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if len(r.texts) != 2 || !strings.Contains(r.texts[1], "shortened: lines") {
		t.Errorf("%d requests, the last: %s", len(r.texts), r.texts[len(r.texts)-1])
	}
}

func TestWecomBudget(t *testing.T) {
	now := start
	r := newRobot(t, errcode(0))
	c := r.channel(func() time.Time { return now })
	for i := range wecomMinute {
		if err := c.Slot(t.Context()); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if err := c.Send(t.Context(), testNotification(9)); err != nil {
			t.Fatal(err)
		}
	}
	var retry *RetryError
	if err := c.Slot(t.Context()); !errors.As(err, &retry) || retry.After != time.Minute {
		t.Fatalf("slot after %d messages: %v", wecomMinute, err)
	}
	now = now.Add(time.Minute)
	if err := c.Slot(t.Context()); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	c.Restore([]time.Time{now.Add(-2 * time.Minute)})
	if err := c.Slot(t.Context()); err != nil {
		t.Errorf("after one long ago: %v", err)
	}
	full := make([]time.Time, wecomMinute)
	for i := range full {
		full[i] = now
	}
	c.Restore(full)
	if err := c.Slot(t.Context()); err == nil {
		t.Error("what was sent before the start was forgotten")
	}
	// Less than a second is waited for, until the context ends.
	now = now.Add(59500 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Slot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("slot of an ended context: %v", err)
	}
	if err := c.Slot(t.Context()); err != nil {
		t.Errorf("slot in half a second: %v", err)
	}
}

func TestWecomShutsAfterRefusal(t *testing.T) {
	now := start
	r := newRobot(t, errcode(45009))
	c := r.channel(func() time.Time { return now })
	if result, _ := classify(c.Send(t.Context(), testNotification(9))); result != resultRetry {
		t.Fatalf("result %q", result)
	}
	now = now.Add(63 * time.Second)
	if err := c.Slot(t.Context()); err == nil {
		t.Error("a slot 63 s after a refusal")
	}
	now = now.Add(2 * time.Second)
	if err := c.Slot(t.Context()); err != nil {
		t.Errorf("65 s after a refusal: %v", err)
	}
}

// TestWecomFits: any event fits, in whole characters, with what has to stay.
func TestWecomFits(t *testing.T) {
	c := newWecom("http://localhost", chinese, time.Now)
	text := func() *rapid.Generator[string] {
		return rapid.OneOf(rapid.String(), rapid.StringN(0, 3000, -1), rapid.Just(strings.Repeat("警", 2000)), rapid.Just("\xff\x00<@all>"))
	}
	rapid.Check(t, func(t *rapid.T) {
		n := testNotification(rapid.Float64Range(0, 10).Draw(t, "severity"))
		n.Title, n.Host = text().Draw(t, "title"), text().Draw(t, "host")
		n.Backlog = rapid.Bool().Draw(t, "backlog")
		e := n.Event
		e.Kind = rapid.SampledFrom([]events.Kind{events.KindLog, events.KindStack, events.KindKernel}).Draw(t, "kind")
		e.Body, e.File = text().Draw(t, "body"), text().Draw(t, "file")
		list := rapid.SliceOfN(text(), 0, 12)
		e.Before, e.After = list.Draw(t, "before"), list.Draw(t, "after")
		for range rapid.IntRange(0, 20).Draw(t, "frames") {
			e.Frames = append(e.Frames, events.Frame{Function: text().Draw(t, "function")})
		}
		n.Analysis = &events.Analysis{RootCause: text().Draw(t, "cause"), Impact: text().Draw(t, "impact"), Fix: list.Draw(t, "fix")}
		for _, limit := range []int{wecomBytes, wecomBytes / 2} {
			got := fit(newView(n, c.labels), c.labels, limit, c.markdown)
			if len(got) > limit || !utf8.ValidString(got) {
				t.Fatalf("%d bytes, valid %v", len(got), utf8.ValidString(got))
			}
			if !strings.Contains(got, "3 次") || !strings.Contains(got, "**位置**") || strings.Contains(got, "<@all>") {
				t.Fatalf("rendered %q", got)
			}
		}
	})
}

// TestFitOrder: what goes first is fixed.
func TestFitOrder(t *testing.T) {
	n := testNotification(9)
	n.Event.Before, n.Event.After = []string{"before one", "before two"}, []string{"after one", "after two"}
	n.Event.Body = "line one\nline two"
	n.Analysis = &events.Analysis{RootCause: "the cause", Impact: "the impact", Fix: []string{"step one", "step two"}}
	c := newWecom("http://localhost", english, time.Now)
	v := newView(n, c.labels)
	var order []string
	for what := v.shrink(); what != ""; what = v.shrink() {
		order = append(order, what)
	}
	want := "context context context context fix fix lines lines impact cause"
	if strings.Join(order, " ") != want {
		t.Errorf("shrinks in the order %q, want %q", order, want)
	}
}
