package collector

import (
	"strings"
	"testing"
	"time"

	"tocsin/rules"
)

func testEnv(t testing.TB) *env {
	t.Helper()
	e, err := newEnv("h1", time.UTC, true, func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// recognise runs both steps on one line.
func recognise(r Recogniser, text string) (Match, bool) {
	var f Found
	if !r.Find([]byte(text), &f) {
		return Match{}, false
	}
	return r.Recognise(&f, decodeLine([]byte(text), time.Unix(1763892672, 0), time.UTC))
}

// TestRuleExamples runs the examples of every rule with that rule alone.
func TestRuleExamples(t *testing.T) {
	list, err := rules.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range list {
		r, err := newRecogniser([]rules.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range rule.Examples.Match {
			if _, ok := recognise(r, text); !ok {
				t.Errorf("rule %s does not match %q", rule.ID, text)
			}
		}
		for _, text := range rule.Examples.Not {
			if _, ok := recognise(r, text); ok {
				t.Errorf("rule %s matches %q", rule.ID, text)
			}
		}
	}
}

func TestRecognise(t *testing.T) {
	r := testEnv(t).recogniser
	for _, c := range []struct {
		text, rule string // rule "" = no event
	}{
		{"2026-11-23 10:11:12 INFO started", ""},
		{"2026-11-23 10:11:12 DEBUG ERROR handler ready", ""},
		{"2026-11-23 10:11:12 WARN disk at 80 %", ""},
		{"2026-11-23 10:11:12 INFO request failed with error", ""},
		{"checked 12 files, no errors", ""},
		{"checked 12 files, 0 errors, 0 failed", ""},
		{"0 errors found", ""},
		{"Nov 23 10:11:12 h app[1]: completed with 0 errors", ""},
		{"2026-11-23 10:11:12 ERROR cannot reserve stock", "generic.error"},
		{`{"level":"info","msg":"error page served"}`, ""},
		{`{"level":30,"msg":"no error"}`, ""},
		{`{"level":"error","msg":"cannot reserve stock"}`, "generic.error"},
		{`{"level":50,"msg":"cannot reserve stock"}`, "generic.error"},
		{`{"time":1763892672000,"level":60,"msg":"cannot go on"}`, "generic.fatal"},
		{`{"level":"ERROR","msg":"0 errors"}`, ""},
		{"2026-11-23 10:11:12 WARN no space left on device", "generic.disk-full"},
		{"[  12.345678] Out of memory: Killed process 4711 (java) total-vm:8kB", "kernel.oom-kill"},
		{"E1123 10:11:12.123456    1 main.go:12] cannot sync", "generic.error"},
		{"the error_count metric is exported", ""},
	} {
		m, ok := recognise(r, c.text)
		if m.Rule != c.rule || ok != (c.rule != "") {
			t.Errorf("%q hits %q (severity %v), want %q", c.text, m.Rule, m.Severity, c.rule)
		}
	}
}

func TestRecogniseTakesTheWorstAndAllTags(t *testing.T) {
	m, ok := recognise(testEnv(t).recogniser, "2026-11-23 10:11:12 ERROR write failed: no space left on device")
	if !ok || m.Rule != "generic.disk-full" || m.Severity != 8 || m.Level != "error" {
		t.Fatalf("got %+v", m)
	}
	for _, tag := range []string{"disk", "log"} {
		if !strings.Contains(strings.Join(m.Tags, " "), tag) {
			t.Errorf("tags %v lack %q", m.Tags, tag)
		}
	}
	if !strings.Contains(m.Reason, "generic.disk-full") {
		t.Errorf("reason %q does not name the rule", m.Reason)
	}
}

func TestRecogniseFields(t *testing.T) {
	m, _ := recognise(testEnv(t).recogniser, "Nov 23 10:11:12 h sshd[9]: Failed password for root from 203.0.113.9 port 22 ssh2")
	if m.Fields["user"] != "root" || m.Fields["source"] != "203.0.113.9" {
		t.Errorf("fields %v", m.Fields)
	}
}

func TestRuleWithoutKeywordsIsTriedOnEveryLine(t *testing.T) {
	r, err := newRecogniser([]rules.Rule{{ID: "x", Regex: `^x\d+$`, Severity: 4}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := recognise(r, "x12"); !ok {
		t.Error("x12 does not hit")
	}
	if _, ok := recognise(r, "xy"); ok {
		t.Error("xy hits")
	}
}

func TestNewRecogniserFaults(t *testing.T) {
	for _, rule := range []rules.Rule{{ID: "a", Regex: "("}, {ID: "a", Keywords: []string{"x"}, Exclude: []string{"("}}} {
		if _, err := newRecogniser([]rules.Rule{rule}); err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("error %v does not name the rule", err)
		}
	}
}

func TestNormalLinesAllocateNothing(t *testing.T) {
	e := testEnv(t)
	a := newAssembler(e, fileInfo{mod: time.Unix(1763892672, 0)}, point{ContextLine: 1}, 0, 0)
	text := []byte(`2026-11-23T10:11:12.123Z INFO [worker-7] c.e.shop.OrderService - reserved 12 items for order 4711`)
	off := int64(0)
	feed := func() {
		a.feed(line{off: off, next: off + int64(len(text)) + 1, num: 1, text: text})
		off += int64(len(text)) + 1
	}
	for range 200 {
		feed()
	}
	if n := testing.AllocsPerRun(200, feed); n != 0 {
		t.Errorf("a normal line costs %v allocations", n)
	}
}
