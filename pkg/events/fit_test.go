package events

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCutMiddle(t *testing.T) {
	lines := strings.Repeat("0123456789\n", 100) // 1,100 bytes
	f := func(text string, limit int, want string, wantCut int) {
		t.Helper()
		got, cut := CutMiddle(text, limit)
		if got != want || cut != wantCut {
			t.Errorf("limit %d: %q and %d, want %q and %d", limit, got, cut, want, wantCut)
		}
	}
	f("", 0, "", 0)
	f("", -1, "", 0)
	f("abc", 3, "abc", 0)
	f("abc", 2, "", 3)
	f("a bc", 3, "a ", 2)
	f("abc", 0, "", 3)
	f("abc", -5, "", 3)
	f("余额", 5, "余", 3)
	f("余额", 2, "", 6)
	f(lines, 1100, lines, 0)
	f(lines, 128, lines[:121], 979)
	// Room for 64 bytes of mark, two thirds of the rest for the head, both cut
	// at line ends.
	f(lines, 1099, lines[:682]+"… 77 bytes cut …\n"+lines[759:], 77)
	f(lines, 364, lines[:198]+"… 803 bytes cut …\n"+lines[1001:], 803)
	// One line has no tail, and no word is halved.
	f(strings.Repeat("word ", 200), 364, strings.Repeat("word ", 40)+"… 800 bytes cut …\n", 800)
	f(strings.Repeat("x", 1000), 364, "… 1000 bytes cut …\n", 1000)
	// Never inside a character: 200 bytes are 66 characters.
	f(strings.Repeat("余", 400), 364, strings.Repeat("余", 66)+"… 1002 bytes cut …\n", 1002)
}

func TestCutEnd(t *testing.T) {
	f := func(text string, limit int, want string) {
		t.Helper()
		if got := CutEnd(text, limit); got != want {
			t.Errorf("%q to %d bytes: %q, want %q", text, limit, got, want)
		}
	}
	f("login as bob", 12, "login as bob")
	f("login as bob", 11, "login as ")
	f("login as bob", 9, "login as ")
	f("get https://bob:secret@host/", 20, "get ")
	f(`{"a":"b","password":"hunter2"}`, 25, `{"a":"b",`)
	f(`{"a":"b", "password":"two words"}`, 27, `{"a":"b", `)
	f(`said "it \"is`+"\\"+`" over" now`, 16, "said ")
	f("密码错误次数", 8, "密码")
	f("tab\tsecret", 8, "tab\t")
	f("first \"open\nsecond line", 20, "first \"open\nsecond ")
}

func FuzzCutMiddle(f *testing.F) {
	f.Add("a\nb\nc", 2)
	f.Add(strings.Repeat("余额不足\n", 60), 300)
	f.Add(strings.Repeat("… 9 bytes cut …\n", 60), 200)
	f.Add(strings.Repeat("\x80", 400), 150)
	f.Add("abc", -1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got, cut := CutMiddle(text, limit)
		if err := checkCut(text, got, cut, limit); err != nil {
			t.Error(err)
		}
	})
}

// checkCut tells whether got is text cut down to limit: a head and a tail of
// it with the mark between them, every byte accounted for.
func checkCut(text, got string, cut, limit int) error {
	if len(got) > max(limit, 0) {
		return fmt.Errorf("%d bytes are left, the limit is %d", len(got), limit)
	}
	if utf8.ValidString(text) && !utf8.ValidString(got) {
		return fmt.Errorf("cut inside a character: %q", got)
	}
	if len(text) == len(got)+cut && strings.HasPrefix(text, got) {
		return nil // not cut, or too small for a mark
	}
	mark := fmt.Sprintf("… %d bytes cut …\n", cut)
	for i := 0; i+len(mark) <= len(got); i++ {
		head, tail := got[:i], got[i+len(mark):]
		if got[i:i+len(mark)] == mark && len(head)+cut+len(tail) == len(text) &&
			strings.HasPrefix(text, head) && strings.HasSuffix(text, tail) {
			return nil
		}
	}
	return fmt.Errorf("%d bytes of %d are left and %d said to be cut: %q", len(got), len(text), cut, got)
}

func TestFit(t *testing.T) {
	const limit = 64 << 10
	frames := make([]Frame, 2000)
	for i := range frames {
		frames[i] = Frame{Function: fmt.Sprintf("com.acme.shop.Order$Line.price%d", i), File: "Order.java", Line: i}
	}
	long := strings.Repeat("0123456789abcde\n", 10<<10) // 160 KiB
	f := func(name string, e Event, check func(e *Event) bool) {
		t.Helper()
		e.ID, e.Kind, e.Generation = "x", KindLog, "g"
		data, err := Fit(&e, limit)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if len(data) > limit {
			t.Errorf("%s: %d bytes are over the limit", name, len(data))
		}
		if again, err := Encode(&e); err != nil || string(again) != string(data) {
			t.Errorf("%s: the event is not what was encoded (%v)", name, err)
		}
		if !check(&e) {
			t.Errorf("%s: %.2000s", name, data)
		}
	}
	f("small", Event{Message: "m", Body: "b", Before: []string{"x"}}, func(e *Event) bool {
		return e.Body == "b" && e.TruncatedBytes == 0 && len(e.Before) == 1
	})
	f("long body keeps the rest", Event{Body: long, Before: []string{"x"}, Frames: frames[:150]}, func(e *Event) bool {
		return checkCut(long, e.Body, int(e.TruncatedBytes), limit/2) == nil && len(e.Before) == 1 && len(e.Frames) == 150
	})
	f("a body cut before counts on", Event{Body: long, TruncatedBytes: 7}, func(e *Event) bool {
		return checkCut(long, e.Body, int(e.TruncatedBytes)-7, limit/2) == nil
	})
	f("many frames leave the body", Event{Body: long[:1600], Frames: frames, After: []string{"x"}}, func(e *Event) bool {
		return len(e.Frames) == 200 && e.Frames[149].Line == 149 && e.Frames[150].Line == 1950 && len(e.Body) == 1600 && len(e.After) == 1
	})
	f("long context leaves the body", Event{Body: long[:1600], Before: []string{long, "short"}}, func(e *Event) bool {
		return len(e.Body) == 1600 && len(e.Before) == 2 && len(e.Before[0]) > 900 && len(e.Before[0]) <= 1<<10 && e.Before[1] == "short"
	})
	f("endless context goes", Event{Body: "b", After: strings.SplitAfter(long, "\n")}, func(e *Event) bool {
		return e.Body == "b" && e.After == nil
	})
	f("control characters grow sixfold", Event{Body: strings.Repeat("\x01\x01\x01\n", limit/4)}, func(e *Event) bool {
		return e.TruncatedBytes > 0 && len(e.Body) > limit/16
	})
	f("further traces", Event{Body: "b", Kernel: &Kernel{Title: "t", Traces: []Trace{{Frames: frames}}}}, func(e *Event) bool {
		return e.Kernel.Title == "t" && e.Kernel.Traces == nil
	})
	f("fields", Event{Body: "b", Fields: map[string]string{"a": long}}, func(e *Event) bool { return e.Fields == nil && e.Body == "b" })
	f("message", Event{Message: long, Body: "b"}, func(e *Event) bool { return len(e.Message) <= 4<<10 && e.Body == "b" })
	f("everything else", Event{Level: long, Class: long, Host: long, Tags: []string{long}, Frames: []Frame{{Function: long}},
		Kernel: &Kernel{Title: "t", Comm: long, Code: long, Registers: map[string]string{"RIP": long}, BlockedFor: 120}}, func(e *Event) bool {
		return len(e.Level) == 256 && e.Kernel.BlockedFor == 120 && e.Kernel.Title == "t" && len(e.Tags) == 1
	})
}

func TestFitFails(t *testing.T) {
	e := &Event{ID: "x", Message: "hunter2", File: strings.Repeat("f", 2000)}
	data, err := Fit(e, 1000)
	if err == nil || data != nil {
		t.Fatalf("a path of 2,000 bytes fits into 1,000: %s", data)
	}
	if !strings.Contains(err.Error(), "cannot fit event x into 1000 bytes") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}

// TestFitAlways gives Fit what no log should hold: with a limit of 64 KiB it
// must find a way whatever it is.
func TestFitAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(100<<10).Draw(t, "event")
		limit := rapid.IntRange(64<<10, 128<<10).Draw(t, "limit")
		body, before := e.Body, e.TruncatedBytes
		data, err := Fit(e, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > limit || !utf8.Valid(data) {
			t.Fatalf("%d bytes, the limit is %d", len(data), limit)
		}
		if _, err := Decode(data); err != nil {
			t.Fatal(err)
		}
		if err := checkCut(body, e.Body, int(e.TruncatedBytes-before), len(body)); err != nil {
			t.Fatal(err)
		}
	})
}

// anyEvent draws an event whose texts from the log have up to size bytes each.
func anyEvent(size int) *rapid.Generator[*Event] {
	piece := rapid.SampledFrom([]string{"a", "\n", "余额", "\x01", "<TASK>", "\"", "\xff", "\u2028", "🔔"})
	text := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "long") > 0 {
			return rapid.String().Draw(t, "short")
		}
		p := strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pieces"), "")
		return strings.Repeat(p, rapid.IntRange(0, size/len(p)).Draw(t, "times"))
	})
	frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Frame {
		return Frame{Function: text.Draw(t, "function"), Module: NullString(text.Draw(t, "module")), Line: rapid.Int().Draw(t, "line")}
	}), 0, 3)
	when := rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", rapid.IntRange(-30, 30).Draw(t, "zone")*3600)
		return time.Unix(rapid.Int64Range(-1<<38, 1<<38).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
	})
	return rapid.Custom(func(t *rapid.T) *Event {
		e := &Event{
			ID: NewID("g", 1), Generation: "g", File: "/var/log/x", Kind: KindStack,
			Host: text.Draw(t, "host"), Level: text.Draw(t, "level"), Class: text.Draw(t, "class"),
			Message: text.Draw(t, "message"), Body: text.Draw(t, "body"),
			Before: rapid.SliceOfN(text, 0, 3).Draw(t, "before"), After: rapid.SliceOfN(text, 0, 3).Draw(t, "after"),
			Frames: frames.Draw(t, "frames"), Time: when.Draw(t, "time"),
			Severity: rapid.Float64().Draw(t, "severity"), TruncatedBytes: rapid.Int64Range(0, 1<<40).Draw(t, "truncated"),
		}
		if rapid.Bool().Draw(t, "kernel") {
			e.Kernel = &Kernel{Title: text.Draw(t, "title"), Code: text.Draw(t, "code"),
				Traces: []Trace{{Frames: frames.Draw(t, "trace")}}, Registers: map[string]string{"RIP": text.Draw(t, "rip")}}
			e.Fields = map[string]string{text.Draw(t, "key"): text.Draw(t, "value")}
		}
		return e
	})
}
