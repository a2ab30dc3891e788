package collector

import (
	"testing"
	"time"
	"unicode/utf8"
)

var decodeRef = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestParseStamp(t *testing.T) {
	cst := time.FixedZone("CST", 8*3600)
	for _, c := range []struct{ text, want, rest string }{
		{"2026-11-23T10:11:12Z x", "2026-11-23T10:11:12Z", "x"},
		{"2026-11-23T10:11:12.5+08:00 x", "2026-11-23T02:11:12.5Z", "x"},
		{"2026-11-23T10:11:12,123-0530 x", "2026-11-23T15:41:12.123Z", "x"},
		{"2026-11-23 10:11:12 x", "2026-11-23T02:11:12Z", "x"},
		{"2026-11-23 10:11:12 UTC x", "2026-11-23T10:11:12Z", "x"},
		{"2026-11-23 10:11:12 +0000 x", "2026-11-23T10:11:12Z", "x"},
		{"2026-11-23 10:11:12 -12 x", "2026-11-23T02:11:12Z", "-12 x"},
		{"[2026-11-23 10:11:12] x", "2026-11-23T02:11:12Z", "x"},
		{"2026/11/23 10:11:12 [error] x", "2026-11-23T02:11:12Z", "[error] x"},
		{`time="2026-11-23T10:11:12Z" level=info`, "2026-11-23T10:11:12Z", "level=info"},
		{"23/Nov/2026:10:11:12 +0000 x", "2026-11-23T10:11:12Z", "x"},
		{`1.2.3.4 - - [23/Nov/2026:10:11:12 +0000] GET`, "2026-11-23T10:11:12Z", "GET"},
		{"23 Nov 2026 10:11:12 x", "2026-11-23T02:11:12Z", "x"},
		{"Nov 23 10:11:12 h x", "2026-11-23T02:11:12Z", "h x"},
		{"Nov  3 10:11:12 h x", "2026-11-03T02:11:12Z", "h x"},
		{"Jan  2 10:11:12 h x", "2027-01-02T02:11:12Z", "h x"},
		{"<13>Nov 23 10:11:12 h x", "2026-11-23T02:11:12Z", "h x"},
		{"<34>1 2026-11-23T10:11:12Z h x", "2026-11-23T10:11:12Z", "h x"},
		{"[Mon Nov 23 10:11:12 2026] x", "2026-11-23T02:11:12Z", "x"},
		{"[Mon Nov 23 10:11:12.123456 2026] [core:error] x", "2026-11-23T02:11:12.123456Z", "[core:error] x"},
		{"E1123 10:11:12.123456  1 a.go:1] x", "2026-11-23T02:11:12.123456Z", "1 a.go:1] x"},
		{"[   12.345678] x", "", ""},
		{"2026-13-23 10:11:12 x", "", ""},
		{"2026-11-23 25:11:12 x", "", ""},
		{"1234 5678", "", ""},
		{"plain", "", ""},
		{"", "", ""},
		{"<", "", ""},
		{"[", "", ""},
	} {
		s, ok := parseStamp([]byte(c.text), decodeRef, cst)
		got, rest := "", ""
		if ok {
			got, rest = s.t.UTC().Format(time.RFC3339Nano), c.text[s.end:]
		}
		if got != c.want || rest != c.rest {
			t.Errorf("%q is %q, rest %q; want %q, %q", c.text, got, rest, c.want, c.rest)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"2026-11-23 10:11:12 INFO ended with ERROR", "info"},
		{"[warn] x", "warn"}, {"<error> x", "error"}, {"level=error x", "error"}, {`lvl="debug" x`, "debug"},
		{"error: x", "error"}, {"PHP Fatal error: x", "error"}, {"ERROR_CODE=1", ""}, {"/var/ERROR x", ""}, {"an error here", ""},
		{"I1123 10:11:12.1 1 a.go:1] x", "info"}, {"F1123 10:11:12.1 1 a.go:1] x", "fatal"}, {"W1123 10:11:12.1 x", "warn"},
		{"[core:emerg] x", "critical"}, {"PANIC: x", "fatal"}, {"LOG:  x", "info"}, {"a LOG entry", ""}, {"x=ERROR", ""}, {"", ""},
	} {
		if got := textLevel(c.text); got != c.want {
			t.Errorf("level of %q is %q, want %q", c.text, got, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"error", "error"}, {"WARNING", "warn"}, {"50", "error"}, {"60", "fatal"}, {"40", "warn"}, {"30", "info"}, {"20", "debug"}, {"10", "trace"},
		{"7", "debug"}, {"6", "info"}, {"5", "notice"}, {"4", "warn"}, {"3", "error"}, {"0", "critical"}, {"-1", ""}, {"odd", ""},
	} {
		if got := namedLevel(c.text); got != c.want {
			t.Errorf("level named %q is %q, want %q", c.text, got, c.want)
		}
	}
}

func TestDecodeJSON(t *testing.T) {
	for _, c := range []struct{ text, message, level, time string }{
		{`{"level":"error","ts":1763892672.5,"msg":"zap"}`, "zap", "error", "2025-11-23T10:11:12.5Z"},
		{`{"level":50,"time":1763892672000,"msg":"pino"}`, "pino", "error", "2025-11-23T10:11:12Z"},
		{`{"time":"2026-11-23T10:11:12Z","level":"ERROR","msg":"slog"}`, "slog", "error", "2026-11-23T10:11:12Z"},
		{`{"@timestamp":"2026-11-23T10:11:12Z","log.level":"WARN","message":"ecs"}`, "ecs", "warn", "2026-11-23T10:11:12Z"},
		{`{"@t":"2026-11-23T10:11:12Z","@l":"Error","@m":"serilog"}`, "serilog", "error", "2026-11-23T10:11:12Z"},
		{`{"asctime":"2026-11-23 10:11:12","levelname":"CRITICAL","message":"python"}`, "python", "critical", "2026-11-23T10:11:12Z"},
		{`{"level":"error"} trailing`, `{"level":"error"} trailing`, "", "0001-01-01T00:00:00Z"},
	} {
		d := decodeLine([]byte(c.text), decodeRef, time.UTC)
		if d.message != c.message || d.level != c.level || d.time.Format(time.RFC3339Nano) != c.time {
			t.Errorf("%s: message %q, level %q, time %s", c.text, d.message, d.level, d.time.Format(time.RFC3339Nano))
		}
	}
	d := decodeLine([]byte(`{"level":50,"msg":"x","hostname":"web1","user":"u1","http":{"status":500},"err":{"type":"TypeError","stack":"TypeError: y\n    at f (/a.js:1:2)"}}`), decodeRef, time.UTC)
	if d.host != "web1" || d.fields["user"] != "u1" || d.fields["http.status"] != "500" || d.class != "TypeError" || d.stack == "" || d.fields["err.stack"] != "" {
		t.Errorf("decoded %+v", d)
	}
}

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ in, want string }{{"a界", "a界"}, {"a\xffb", "a\uFFFDb"}, {"a\x00b", "a␀b"}, {"", ""}} {
		if got := cleanText([]byte(c.in)); got != c.want {
			t.Errorf("cleanText(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestNotText(t *testing.T) {
	for _, c := range []struct {
		head string
		text bool
	}{
		{"plain\n", true}, {"", true}, {"a line of a log with one \x00 in it, and more text\n", true}, {"界\n", true},
		{"\x00\x01\x02\x03", false}, {"\x1f\x8b\x08", false}, {"\xff\xfea\x00", false}, {"SQLite format 3\x00", false},
	} {
		if why := notText([]byte(c.head)); (why == "") != c.text {
			t.Errorf("notText(%q) = %q", c.head, why)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range append(pieces, `{"level":50,"time":1e300,"msg":1,"err":{"stack":"a\nb"}}`, "Nov 23 10:11:12 h p[1]: x", "[Mon Nov 23 10:11:12 2026] x", "E1123 10:11:12.1 x") {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := decodeLine(raw, decodeRef, time.UTC)
		if !utf8.ValidString(d.text) || !utf8.ValidString(d.message) || !utf8.ValidString(d.content) {
			t.Error("not valid UTF-8")
		}
		for k, v := range d.fields {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				t.Error("a field is not valid UTF-8")
			}
		}
		withoutHeader(d.text)
		kernelText(d.text)
	})
}
