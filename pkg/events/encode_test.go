package events

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEncode(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	f := func(change func(e *Event), want, never string) {
		t.Helper()
		e := &Event{ID: "x", Kind: KindLog}
		change(e)
		data, err := Encode(e)
		if err != nil {
			t.Error(err)
			return
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
		if never != "" && strings.Contains(string(data), never) {
			t.Errorf("%s holds %s", data, never)
		}
	}
	f(func(e *Event) {}, `{"id":"x","offset":0,"length":0,"kind":"log","severity":0,"message":"","revision":0}`, "time")
	f(func(e *Event) { e.Time = time.Date(2026, 11, 2, 8, 0, 0, 5e6, zone) }, `"time":"2026-11-02T08:00:00.005+08:00"`, "observed_at")
	f(func(e *Event) { e.Time = time.Unix(1<<41, 0) }, `"severity"`, `"time"`)
	f(func(e *Event) { e.ObservedAt = time.Date(-1, 1, 1, 0, 0, 0, 0, zone) }, `"severity"`, "observed_at")
	f(func(e *Event) { e.Time = time.Unix(0, 0).In(time.FixedZone("", 24*3600)) }, `"severity"`, `"time"`)
	f(func(e *Event) { e.Severity = 7.25 }, `"severity":7.3,`, "")
	f(func(e *Event) { e.Severity = 7.24 }, `"severity":7.2,`, "")
	f(func(e *Event) { e.Severity = 6.96 }, `"severity":7,`, "")
	f(func(e *Event) { e.Severity = 0.1 + 0.2 }, `"severity":0.3,`, "")
	f(func(e *Event) { e.Severity = -3 }, `"severity":0,`, "")
	f(func(e *Event) { e.Severity = 12 }, `"severity":10,`, "")
	f(func(e *Event) { e.Severity = math.NaN() }, `"severity":0,`, "")
	f(func(e *Event) { e.Severity = math.Inf(1) }, `"severity":10,`, "")
	f(func(e *Event) { e.Message = "<TASK> & 'x'" }, `"message":"<TASK> & 'x'"`, `\u003c`)
	f(func(e *Event) { e.Frames = []Frame{{Function: "<f>", Module: "a<b>&c"}} }, `[{"function":"<f>","module":"a<b>&c"}]`, `\u003c`)
	f(func(e *Event) { e.Frames = []Frame{{Function: "f"}} }, `[{"function":"f","module":null}]`, "")
	f(func(e *Event) { e.Message = "a\xffb\xc3" }, "\"message\":\"a\\ufffdb\\ufffd\"", "\xff")
	f(func(e *Event) { e.Frames = []Frame{{Module: "m\xff"}} }, `"module":"m\ufffd"`, "\xff")
	f(func(e *Event) { e.Message = "余额\x00\x1b" }, `"message":"余额\u0000\u001b"`, "")
	f(func(e *Event) { e.Kernel = &Kernel{CPU: new(int)} }, `"kernel":{"cpu":0}`, "pid")
	f(func(e *Event) { e.Kernel = &Kernel{Traces: []Trace{{Title: "t"}}} }, `"traces":[{"title":"t"}]`, "")
}

func TestEncodeLeavesTheEventAlone(t *testing.T) {
	e := &Event{ID: "x", Severity: 7.25, Time: time.Unix(1<<41, 0)}
	if _, err := Encode(e); err != nil {
		t.Fatal(err)
	}
	if e.Severity != 7.25 || e.Time.IsZero() {
		t.Errorf("severity is %v now, time %v", e.Severity, e.Time)
	}
}

func TestEncodeFails(t *testing.T) {
	e := &Event{ID: "x", Message: "hunter2", Analysis: &Analysis{Seconds: math.NaN()}}
	data, err := Encode(e)
	if err == nil || data != nil {
		t.Fatalf("a number that JSON does not have was written: %s", data)
	}
	if !strings.Contains(err.Error(), "cannot encode event x") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}

func TestDecodeFails(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		e, err := Decode([]byte(data))
		if err == nil || e != nil {
			t.Errorf("%s: an event came out", data)
			return
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %q, want %q in it", data, err, want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error quotes the text: %v", data, err)
		}
	}
	f(``, "event of 0 bytes: not JSON at byte 0")
	f(`password=hunter2`, "event of 16 bytes: not JSON at byte 1")
	f(`{"id":"x","message":"hunter2`, "not JSON at byte 28")
	f(`{"id":"x"} hunter2`, "not JSON at byte 12")
	f(`{"id":"x","severity":"hunter2"}`, `field "severity" at byte 30 has another type`)
	f(`{"id":"x","offset":"hunter2"}`, `field "offset"`)
	f(`{"id":"x","offset":1.5}`, `field "offset"`)
	f(`{"id":"x","fields":{"hunter2":{"a":1}}}`, `field "fields"`)
	f(`{"id":"x","kernel":{"registers":{"hunter2":1}}}`, `field "kernel.registers"`)
	f(`{"id":"x","analysis":{"tokens":"hunter2"}}`, `field "analysis.tokens"`)
	f(`{"id":"x","time":"hunter2"}`, "not an event")
	f(`{"id":"x","frames":[{"module":{"hunter2":1}}]}`, `field "frames.module"`)
	f(`["hunter2"]`, "has another type")
	f(`{"message":"hunter2"}`, "it has no id")
	f(`null`, "it has no id")
}

// decodeErrors are all texts that an error of Decode may have: none has room
// for a word of the event.
var decodeErrors = regexp.MustCompile(`^cannot decode event of \d+ bytes: ` +
	`(it has no id|not an event|not JSON at byte \d+|field "[a-z_.]*" at byte \d+ has another type)$`)

func FuzzDecode(f *testing.F) {
	for _, e := range []*Event{logEvent(), stackEvent(), kernelEvent()} {
		data, err := Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"id":"x","fields":{"a":{}},"time":"hunter2"}`))
	f.Add([]byte(`{"id":"\ud800","kernel":{"traces":[null]},"frames":[{"module":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			if !decodeErrors.MatchString(err.Error()) {
				t.Errorf("the error may hold text of the event: %v", err)
			}
			return
		}
		first, err := Encode(e)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		e, err = Decode(first)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		second, err := Encode(e)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v\n%s\n%s", err, first, second)
		}
	})
}

// TestRoundTrip: decoded and encoded again an event is the same text, but for
// bytes that are no UTF-8, which are written as an escape the first time.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, err := Encode(anyEvent(4<<10).Draw(t, "event"))
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(first) || !utf8.Valid(first) || bytes.IndexByte(first, '\n') >= 0 {
			t.Fatalf("not one line of JSON: %q", first)
		}
		second := again(t, first)
		if !bytes.Contains(first, []byte(`\ufffd`)) && !bytes.Equal(first, second) {
			t.Fatalf("first  %s\nsecond %s", first, second)
		}
		if third := again(t, second); !bytes.Equal(second, third) {
			t.Fatalf("second %s\nthird  %s", second, third)
		}
	})
}

// again decodes and encodes.
func again(t *rapid.T, data []byte) []byte {
	e, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	data, err = Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
