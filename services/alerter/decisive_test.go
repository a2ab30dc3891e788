package alerter

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tocsin/pkg/events"
)

func TestDecisiveLines(t *testing.T) {
	f := func(e events.Event, frames int, want ...string) {
		t.Helper()
		for i := range frames {
			e.Frames = append(e.Frames, events.Frame{Function: string(rune('a' + i)), File: "/src/x.go", Line: i + 1})
		}
		lines, sure := decisive(&e, "the title: its error")
		if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
		if sure > len(lines) {
			t.Errorf("%d of %d lines are sure", sure, len(lines))
		}
	}
	a, b := "    at a (x.go:1)", "    at b (x.go:2)"
	log := func(body string) events.Event { return events.Event{Kind: events.KindLog, Body: body} }
	f(log("one\n\ntwo\n"), 0, "one", "two")
	f(log(""), 0)
	f(log("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"), 0, "1", "2", "3", "4", "5", "…", "9", "10")

	f(log("boom\n"), 1, "boom")

	stack := func(class, body string) events.Event {
		return events.Event{Kind: events.KindStack, Class: class, Body: body}
	}
	f(stack("", ""), 1, a)
	f(stack("", "boom\nat x\n"), 0, "boom", "at x")
	f(stack("java.lang.X", "ERROR boom\njava.lang.X: y\n\tat a.b(C.java:1)\n\tat a.c(C.java:2)\nCaused by: z\n\tat d.e(F.java:2)\n\t... 3 more\nCaused by: q\n\t... 9 more\n"), 2,
		"ERROR boom", "java.lang.X: y", "Caused by: z", "Caused by: q", a, b)
	f(stack("java.lang.X", "java.lang.X: of two\nlines\n\tat a.b(C.java:1)\n"), 1, "java.lang.X: of two", "lines", a)
	f(stack("", "ERROR boom\nE: 0\n\tat a\nCaused by: 1\nCaused by: 2\nCaused by: 3\nCaused by: 4\nCaused by: 5\n"), 2,
		"ERROR boom", "E: 0", "Caused by: 1", "Caused by: 2", "Caused by: 3", "Caused by: 4", "Caused by: 5", a)
	f(stack("", "ERROR boom\nE: 0\n\tat a\nCaused by: 1\nCaused by: 2\nCaused by: 3\nCaused by: 4\nCaused by: 5\nCaused by: 6\n"), 2,
		"ERROR boom", "E: 0", "Caused by: 1", "Caused by: 2", "…", "Caused by: 5", "Caused by: 6", a)
	f(stack("", "Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError: bad\n"), 1,
		"Traceback (most recent call last):", "ValueError: bad", a)
	python := "ERROR [report] job failed\nTraceback (most recent call last):\n  File \"x.py\", line 1\n    x\nKeyError: 'p'\n\n" +
		"The above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"x.py\", line 2\nr.E: no price\n"
	f(stack("r.E", python), 2, "ERROR [report] job failed", "KeyError: 'p'", "r.E: no price", a, b)
	header := "Nov 20 08:00:00 web-1 app[1]: "
	f(stack("", header+"Traceback (most recent call last):\n"+header+"  File \"x.py\", line 1\n"+header+"ValueError: bad\n"), 1,
		header+"Traceback (most recent call last):", header+"ValueError: bad", a)
	f(stack("panic", "2026-03-01 listening\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n"), 1, "2026-03-01 listening", "panic: boom", a)
	f(stack("panic", "panic: boom\n"), 20, "panic: boom", a, b, "    at c (x.go:3)", "    at d (x.go:4)", "    at e (x.go:5)", "    at f (x.go:6)", "    at g (x.go:7)")
	f(stack("Error", "Error: no\n    at x (y.js:1:2) {\n  [cause]: TypeError: why\n      at z (y.js:3:4)\n"), 1, "Error: no", "  [cause]: TypeError: why", a)

	f(events.Event{Kind: events.KindKernel, Body: "--[ cut here ]--\nBUG: x\nModules linked in: z\nCPU: 1 PID: 2 Comm: c\nRIP: y\nmore\n",
		Frames: []events.Frame{{Function: "u", Unreliable: true}, {Function: "do_x", Offset: "0x1a", Size: "0x40", Module: "nfs"}}}, 0,
		"BUG: x", "CPU: 1 PID: 2 Comm: c", "RIP: y", "    at do_x+0x1a/0x40 [nfs]")

	json := func(body string, fields map[string]string) events.Event {
		return events.Event{Kind: events.KindStack, Body: body, Fields: fields}
	}
	f(json(`{"msg":"m","error":"its error","stack":"a\n\tb\n"}`, map[string]string{"error": "its error", "order": "7", "caller": "x.go:1", "key": "‹key:a›", "@version": "1"}), 1,
		"caller=x.go:1  order=7  key=‹key:a›", a)
	f(json(header+`{"msg":"m","e":{"stack":"X: y\n\tat a\nCaused by: z\n\tat b\n"}}`+"\n", nil), 1, "X: y", "Caused by: z", a)
	f(json(`{"msg":"m"}`, nil), 0, `{"msg":"m"}`)
	f(json(`{"msg":"m","err":"`+strings.Repeat("x", 400)+`"}`, map[string]string{"err": strings.Repeat("x", 400), "a": "1"}), 0,
		"err="+strings.Repeat("x", 155)+"…", "a=1")
	f(json(`{"msg":"of two\nlines","error":"its error"}`, map[string]string{"error": "its error"}), 0, `{"msg":"of two\nlines","error":"its error"}`)
	f(json(`{"msg":"cut in the mid`, map[string]string{"a": "1"}), 0, `{"msg":"cut in the mid`)
	f(json(`ERROR refused {"a":"1"}`, map[string]string{"a": "1"}), 0, `ERROR refused {"a":"1"}`)
}

func TestShownTitle(t *testing.T) {
	f := func(e events.Event, want string) {
		t.Helper()
		n := &Notification{Group: Group{Title: titleOf(&e)}, Event: &e}
		if got := shownTitle(n); got != want {
			t.Errorf("%q is shown as %q, want %q", n.Title, got, want)
		}
	}
	plain := func(message, want string) {
		t.Helper()
		f(events.Event{Message: message}, want)
	}
	plain("ERROR [worker-12] c.a.cart.RedisPool - pid=12490 refused", "c.a.cart.RedisPool - pid=12490 refused")
	plain("[worker-12] WARN  refused", "refused")
	plain("[ERROR] refused", "refused")
	plain("ERROR: refused", "refused")
	plain("ERROR 4711 --- [main] c.a.Cart : refused", "c.a.Cart : refused")
	plain("ERROR 支付失败", "支付失败")
	plain("ERROR", "ERROR")
	plain("ERROR_IO refused", "ERROR_IO refused")
	plain("INFORMATION lost", "INFORMATION lost")
	plain("panic: boom", "panic: boom")
	plain("Error: boom", "Error: boom")
	plain("error reading x", "error reading x")
	plain("[client 10.0.0.1] refused", "[client 10.0.0.1] refused")
	f(events.Event{Kind: events.KindKernel, Message: "WARNING in refcount_warn_saturate"}, "WARNING in refcount_warn_saturate")

	fields := func(message, want string, fields map[string]string) {
		t.Helper()
		f(events.Event{Message: message, Fields: fields}, want)
	}
	fields("charge was refused", "charge was refused: 401 invalid key", map[string]string{"error": "401 invalid key\nmore", "reason": "no"})
	fields("charge was refused.", "charge was refused: no", map[string]string{"reason": "no", "error": "true", "err": "7"})
	fields("refused: 401 Invalid Key", "refused: 401 Invalid Key", map[string]string{"err": "401 invalid key"})
	fields("refused", "refused", map[string]string{"user": "mei"})
	f(events.Event{Message: "no label", Class: "java.net.X", Body: `{"message":"no label","stack_trace":"java.net.X: timed out\n\tat a.b(C.java:1)\n"}`},
		"no label: java.net.X: timed out")

	n := testNotification(9)
	n.Event.Fields = map[string]string{"error": "of another event"}
	if got := shownTitle(n); got != n.Title {
		t.Errorf("got %q", got)
	}
}

func TestCountOf(t *testing.T) {
	f := func(count int64, span time.Duration, want string) {
		t.Helper()
		from := time.Date(2026, 3, 1, 8, 0, 0, 0, time.Local)
		n := &Notification{Group: Group{Count: count, FirstTime: from, LastTime: from.Add(span)}}
		if got := countOf(n, english); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(1, 0, "once, 2026-03-01 08:00:00")
	f(2, time.Millisecond, "2 times, 2026-03-01 08:00:00")
	f(60, time.Hour, "60 times, 2026-03-01 08:00:00 – 09:00:00")
	f(60, 25*time.Hour, "60 times, 2026-03-01 08:00:00 – 2026-03-02 09:00:00")
}

func TestShorten(t *testing.T) {
	f := func(text string, limit int, want string) {
		t.Helper()
		if got := shorten(text, limit); got != want {
			t.Errorf("shorten(%q, %d) = %q, want %q", text, limit, got, want)
		}
	}
	f("", 1, "")
	f("short", 5, "short")
	f("longer", 5, "long…")
	f("lon er", 5, "lon…")
	f("警钟警钟", 4, "警钟警钟")
	f("警钟警钟", 3, "警钟…")
	f("警钟", 1, "…")
}

// TestBlockIsBounded: whatever the event, the block has few and short rows, of
// which the exceptions and the first steps of the fix are some.
func TestBlockIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := strings.Repeat("警", 200)
		n := testNotification(9)
		n.Title = rapid.SampledFrom([]string{"short", long}).Draw(t, "title")
		n.Backlog, n.Repeated = rapid.Bool().Draw(t, "backlog"), rapid.Bool().Draw(t, "repeated")
		e := n.Event
		e.Kind = rapid.SampledFrom([]events.Kind{events.KindLog, events.KindStack, events.KindKernel}).Draw(t, "kind")
		e.Before, e.After = []string{"1", long, "3"}, []string{"1", long, "3"}
		e.Body = "E: 0\n\tat a\n"
		for i := range rapid.IntRange(0, 12).Draw(t, "causes") {
			e.Body += fmt.Sprintf("Caused by: %d %s\n", i, long)
		}
		e.Frames = make([]events.Frame, rapid.IntRange(0, 12).Draw(t, "frames"))
		steps := rapid.IntRange(0, 7).Draw(t, "steps")
		if steps > 0 {
			n.Analysis = &events.Analysis{RootCause: "c", Impact: "i"}
		}
		for range steps {
			n.Analysis.Fix = append(n.Analysis.Fix, long)
		}
		block := string((&terminal{labels: english}).block(newView(n, english)))
		rows := strings.Split(strings.TrimRight(block, "\n"), "\n")
		if len(rows) > shownRows {
			t.Fatalf("%d rows:\n%s", len(rows), block)
		}
		for _, row := range rows {
			if utf8.RuneCountInString(row) > shownLine+40 {
				t.Fatalf("a row of %d characters: %s", utf8.RuneCountInString(row), row)
			}
		}
		if !strings.Contains(block, "E: 0") || steps > 1 && !strings.Contains(block, "2. 警") {
			t.Fatalf("got\n%s", block)
		}
	})
}
