package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

func TestFitWidth(t *testing.T) {
	f := func(in string, limit int, want string) {
		t.Helper()
		if got := fitWidth(in, limit); got != want {
			t.Errorf("fitWidth(%q, %d) = %q, want %q", in, limit, got, want)
		}
	}
	f("", 5, "")
	f("short  ", 5, "short")
	f("exact", 5, "exact")
	f("longer", 5, "long…")
	f("余额不足", 8, "余额不足")
	f("余额不足", 7, "余额不…")
	f("余额不足", 6, "余额…")
	f("a余额", 4, "a余…")
	f("e\u0301e\u0301", 2, "e\u0301e\u0301")
}

func TestPlain(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
	f("plain 文本", "plain 文本")
	f("a\tb", "a    b")
	f("\x1b[2Jgone\r\n", "·[2Jgone··")
	f("right\u202eleft", "right·left")
	f("bad\xffbyte", "bad\uFFFDbyte")
}

func TestCounted(t *testing.T) {
	f := func(n int, want string) {
		t.Helper()
		if got := counted(n, "line"); got != want {
			t.Errorf("counted(%d) = %q, want %q", n, got, want)
		}
	}
	f(0, "0 lines")
	f(1, "1 line")
	f(999, "999 lines")
	f(1000, "1,000 lines")
	f(1234567, "1,234,567 lines")
}

func TestSummary(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	s := newSummary()
	for _, e := range []*events.Event{
		{Group: "a", Severity: 5, Message: "disk full", Body: "10:00 disk full", File: "app.log", FirstLine: 3, LastLine: 3, Host: "web-1", Time: at("2026-11-20 10:00:00")},
		{Group: "b", Severity: 9, Message: "task hung", Body: "task hung\n\x1b[31mCall Trace:\n a\n b\n c\n d\n e\n", File: "kern.log", FirstLine: 7, LastLine: 13},
		{Group: "a", Severity: 6, Message: "disk full", Body: "11:00 disk full", File: "app.log", FirstLine: 9, LastLine: 9, Host: "web-2", Time: at("2026-11-20 11:00:00")},
		{Group: "a", Severity: 5, Message: "disk full", Body: "09:00 disk full", File: "old.log", FirstLine: 1, LastLine: 1, Time: at("2026-11-19 09:00:00")},
		{Group: "c", Severity: 6, Message: strings.Repeat("很长", 60), File: "z.log"},
	} {
		s.add(e)
	}
	var out bytes.Buffer
	if err := s.write(&out); err != nil {
		t.Fatal(err)
	}
	want := ` 9.0  task hung
      1 time
      kern.log:7-13
      │ task hung
      │ ·[31mCall Trace:
      │  a
      │  b
      │  c
      │ … 2 more lines

 6.0  disk full
      3 times  2026-11-19 09:00:00 – 2026-11-20 11:00:00  2 hosts
      app.log:3 and 1 more file

 6.0  ` + strings.Repeat("很长", 18) + `…
      1 time
      z.log

3 problems in 5 events
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSummaryShowsTheWorst(t *testing.T) {
	s := newSummary()
	for i := range summaryProblems + 3 {
		s.add(&events.Event{Group: string(rune('a' + i)), Severity: 5, Message: "m"})
	}
	var out bytes.Buffer
	if err := s.write(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "… and 3 problems less severe") {
		t.Errorf("the problems left out are not told:\n%s", out.String())
	}
}
