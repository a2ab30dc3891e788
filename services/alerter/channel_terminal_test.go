package alerter

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

// countingWriter notes each call of Write.
type countingWriter struct {
	bytes.Buffer
	calls int
	err   error
	n     int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.calls++
	if w.err != nil {
		return w.n, w.err
	}
	return w.Buffer.Write(p)
}

func render(t *testing.T, l labels, n *Notification) string {
	t.Helper()
	var w countingWriter
	if err := newTerminal(&w, FormatText, l).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if w.calls != 1 {
		t.Errorf("%d calls of Write, want one", w.calls)
	}
	return w.String()
}

func TestTerminalBlock(t *testing.T) {
	n := testNotification(9)
	n.Event.Before = []string{"0", "1", "2"}
	n.Event.After = []string{"3"}
	n.Analysis = &events.Analysis{RootCause: "the disk is full", Impact: "nothing is stored", Fix: []string{"df -h", "rm core"}}
	n.LastTime = start.Add(time.Minute)
	since, until := start.Local().Format(time.DateTime), n.LastTime.Local().Format(time.TimeOnly)
	want := `[9.0 CRITICAL] web-1: it broke
  where  /var/log/app.log:120
  count  3 times, ` + since + ` – ` + until + `
      1
      2
    | it broke
      3
  cause  the disk is full
  impact nothing is stored
  fix    1. df -h
         2. rm core

`
	if got := render(t, english, n); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	n.Event.Before, n.Event.After, n.Analysis = nil, nil, nil
	n.Backlog, n.Count, n.Severity, n.Repeated = true, 1, 4, true
	want = `[4.0 警告] web-1: it broke
  位置   /var/log/app.log:120
  次数   1 次，` + since + `
  说明   启动前已有
  说明   可能重复
    | it broke

`
	if got := render(t, labelsFor("zh-CN"), n); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTerminalColours(t *testing.T) {
	n := testNotification(9)
	var w countingWriter
	c := newTerminal(&w, FormatText, english)
	if c.colour {
		t.Error("colours for what is no terminal")
	}
	c.colour = true
	if err := c.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(w.String(), "\x1b[1;31m[9.0 CRITICAL]\x1b[0m web-1") {
		t.Errorf("got %q", w.String())
	}
	t.Setenv("NO_COLOR", "1")
	if colourful(os.Stdout) {
		t.Error("colours against NO_COLOR")
	}
}

// TestTerminalIsNotObeyed: log text moves no cursor and turns no writing.
func TestTerminalIsNotObeyed(t *testing.T) {
	n := testNotification(9)
	n.Title = "a\x1b[2Jb\u202ec\x07\u009b31m"
	n.Event.Body = "one\rtwo\x00\xff\n\x1b]0;title\x07three\n"
	n.Event.File = "/var/log/\nx"
	got := render(t, english, n)
	if strings.ContainsAny(got, "\x1b\x07\r\x00\u202e\u009b") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got, "/var/log/ x:120") {
		t.Errorf("got %q", got)
	}
}

func TestTerminalJSONL(t *testing.T) {
	n := testNotification(9)
	n.Channel, n.Attempt = channelTerminal, 1
	var w countingWriter
	if err := newTerminal(&w, FormatJSONL, english).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if w.calls != 1 || strings.Count(w.String(), "\n") != 1 || !strings.HasSuffix(w.String(), "\n") {
		t.Errorf("%d calls: %q", w.calls, w.String())
	}
	var flat map[string]any
	if err := json.Unmarshal(w.Bytes(), &flat); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"id": "n1", "channel": "terminal", "attempt": 1.0, "repeated": false, "backlog": false,
		"group": "group1", "host": "web-1", "title": "it broke", "severity": 9.0, "state": "open", "count": 3.0} {
		if flat[key] != want {
			t.Errorf("%s is %v, want %v", key, flat[key], want)
		}
	}
	for _, key := range []string{"time", "first_time", "last_time", "event"} {
		if flat[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
}

func TestTerminalFails(t *testing.T) {
	f := func(written int, want string) {
		t.Helper()
		w := &countingWriter{err: errors.New("full"), n: written}
		if got, _ := classify(newTerminal(w, FormatText, english).Send(t.Context(), testNotification(9))); got != want {
			t.Errorf("after %d bytes: %q, want %q", written, got, want)
		}
	}
	f(0, resultRetry)
	f(5, resultUnknown)
}
