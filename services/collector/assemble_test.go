package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

func scanText(t testing.TB, o ScanOptions, text string) []*events.Event {
	t.Helper()
	if o.Location == nil {
		o.Location = time.UTC
	}
	o.Host, o.ModTime = "h1", time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var out []*events.Event
	err := Scan(context.Background(), o, strings.NewReader(text), "a.log", func(e *events.Event) error { out = append(out, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// short tells an event in a line: kind first-last class|message.
func short(e *events.Event) string {
	what := e.Class
	if what == "" {
		what = e.Message
	}
	return fmt.Sprintf("%s %d-%d %s", e.Kind, e.FirstLine, e.LastLine, what)
}

const (
	javaText   = "java.lang.IllegalStateException: closed\n\tat a.b.C.d(C.java:1)\n\tat a.b.C.e(Native Method)\nCaused by: java.io.IOException: gone\n\tat x.Y.z(Y.java:3)\n\t... 2 more\n"
	pythonText = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad\n"
	goText     = "panic: boom\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/a/main.go:12 +0x1d\nmain.main()\n\t/a/main.go:5 +0x2\n\ngoroutine 2 [select]:\nmain.g()\n\t/a/main.go:9 +0x2\ncreated by main.main in goroutine 1\n\t/a/main.go:4 +0x2\nexit status 2\n"
	hungText   = "[ 10.000001] INFO: task jbd2/sda1-8:311 blocked for more than 120 seconds.\n[ 10.000002]       Not tainted 6.1.0-13-amd64 #1\n[ 10.000003] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n[ 10.000004] task:jbd2/sda1-8     state:D stack:0     pid:311   ppid:2      flags:0x00004000\n[ 10.000005] Call Trace:\n[ 10.000006]  <TASK>\n[ 10.000007]  __schedule+0x351/0xa20\n[ 10.000008]  ? bit_wait+0x60/0x60\n[ 10.000009]  schedule+0x5d/0xe0\n[ 10.000010]  jbd2_log_wait_commit+0x2a/0x50 [jbd2]\n[ 10.000011]  </TASK>\n"
	warnText   = "[ 11.000000] ------------[ cut here ]------------\n[ 11.000001] WARNING: CPU: 0 PID: 7 at mm/slub.c:12 kfree+0x1/0x2\n[ 11.000002] Modules linked in: a b\n[ 11.000003] RIP: 0010:kfree+0x1/0x2\n[ 11.000004] RAX: 0000000000000010 RBX: ffff888234948000\n[ 11.000005] Call Trace:\n[ 11.000006]  free_it+0x3/0x4\n[ 11.000007] ---[ end trace 0000000000000000 ]---\n"
)

func TestAssemble(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"lines", "fine\nERROR one\nfine\nERROR two\n", []string{"log 2-2 ERROR one", "log 4-4 ERROR two"}},
		{"no newline at the end", "ERROR one", []string{"log 1-1 ERROR one"}},
		{"crlf", "ERROR one\r\nfine\r\n", []string{"log 1-1 ERROR one"}},
		{"java", "fine\n" + javaText + "fine\n", []string{"stack 2-7 java.lang.IllegalStateException"}},
		{"java behind its record", "2026-11-23 10:11:12 ERROR cannot serve\n" + javaText, []string{"stack 1-7 java.lang.IllegalStateException"}},
		{"java behind an INFO record", "2026-11-23 10:11:12 INFO cannot serve\n" + javaText, []string{"stack 2-7 java.lang.IllegalStateException"}},
		{"java in a thread", "Exception in thread \"main\" " + javaText, []string{"stack 1-6 java.lang.IllegalStateException"}},
		{"java with a text of two lines", "a.b.FooException: one\ntwo of it\n\tat a.B.c(B.java:1)\n", []string{"stack 1-3 a.b.FooException"}},
		{"java without frames", "a.b.FooException: one\nfine\nfine\n", []string{"log 1-1 a.b.FooException: one"}},
		{"two java stacks", javaText + javaText, []string{"stack 1-6 java.lang.IllegalStateException", "stack 7-12 java.lang.IllegalStateException"}},
		{"orphan frames", "\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n", nil},
		{"javascript", "TypeError: x is not a function\n    at f (/app/a.js:10:5)\n    at /app/b.js:1:2\n", []string{"stack 1-3 TypeError"}},
		{"python", "fine\n" + pythonText + "fine\n", []string{"stack 2-5 ValueError"}},
		{"python chained", pythonText + "\nDuring handling of the above exception, another exception occurred:\n\n" + pythonText, []string{"stack 1-11 ValueError"}},
		{"python not chained", pythonText + "\n" + pythonText, []string{"stack 1-4 ValueError", "stack 6-9 ValueError"}},
		{"go", "fine\n" + goText + "fine\n", []string{"stack 2-15 panic"}},
		{"go panic without goroutines", "panic: boom\nfine\n", []string{"log 1-1 panic: boom"}},
		{"hung task", "[ 9.000001] fine\n" + hungText + "[ 12.000001] fine\n", []string{"kernel 2-12 INFO: task jbd2/sda1-8 blocked for more than 120 seconds"}},
		{"two hung tasks", hungText + hungText, []string{"kernel 1-11 INFO: task jbd2/sda1-8 blocked for more than 120 seconds", "kernel 12-22 INFO: task jbd2/sda1-8 blocked for more than 120 seconds"}},
		{"the other spelling", strings.ReplaceAll(hungText, "Call Trace", "Cell Trace"), []string{"kernel 1-11 INFO: task jbd2/sda1-8 blocked for more than 120 seconds"}},
		{"cut here", warnText + "[ 12.000001] fine\n", []string{"kernel 1-8 WARNING in kfree"}},
		{"other programs between", strings.Replace(warnText, "[ 11.000005]", "Nov 23 10:11:12 h app[1]: error: own trouble\n[ 11.000005]", 1), []string{"kernel 1-9 WARNING in kfree", "log 6-6 error: own trouble"}},
		{"an application's BUG", "BUG: this is a joke\nfine\nfine\n", nil},
		{"an application's WARNING", "WARNING: at your own risk\n", nil},
		{"a compiler's WARNINGs", "WARNING: drivers/a.c:12: bad\nWARNING: drivers/b.c:13: bad\n", nil},
		{"rulers", strings.Repeat(strings.Repeat("=", 40)+"\n", 3) + "ERROR one\n", []string{"log 4-4 ERROR one"}},
		{"the rest of a stack", "Caused by: a.b.FooException: x\nCaused by: a.b.BarException: y\n", []string{"log 1-2 Caused by: a.b.FooException: x"}},
		{"oom kill", "[ 1.000001] java invoked oom-killer: gfp_mask=0x1, order=0\n[ 1.000002] Mem-Info:\n[ 1.000003] Out of memory: Killed process 7 (java) total-vm:1kB\n", []string{"log 1-3 java invoked oom-killer: gfp_mask=0x1, order=0"}},
		{"json", `{"level":"error","time":"2026-11-23T10:11:12Z","msg":"no stock"}` + "\n\tat a.B.c(B.java:1)\n", []string{"log 1-1 no stock"}},
		{"json with a stack", `{"level":"error","msg":"no stock","stack":"ValueErr: x\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)"}` + "\n", []string{"stack 1-1 no stock"}},
		{"syslog prefixes", "Nov 23 10:11:12 h app[1]: Traceback (most recent call last):\nNov 23 10:11:12 h app[1]:   File \"a.py\", line 1, in f\nNov 23 10:11:12 h app[1]: ValueError: bad\n", []string{"stack 1-3 ValueError"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range scanText(t, ScanOptions{CellTrace: true}, c.text) {
				got = append(got, short(e))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func one(t *testing.T, text string) *events.Event {
	t.Helper()
	list := scanText(t, ScanOptions{CellTrace: true}, text)
	if len(list) != 1 {
		t.Fatalf("%d events, want 1", len(list))
	}
	return list[0]
}

func TestStackDetails(t *testing.T) {
	for _, c := range []struct {
		name, text, language, message, top string
		frames                             int
		severity                           float64
	}{
		{"java", javaText, "java", "java.lang.IllegalStateException: closed", "a.b.C.d C.java:1", 2, 6},
		{"kotlin", strings.ReplaceAll(javaText, ".java:", ".kt:"), "kotlin", "java.lang.IllegalStateException: closed", "a.b.C.d C.kt:1", 2, 6},
		{"python", pythonText, "python", "ValueError: bad", "f a.py:1", 1, 6},
		{"go", goText, "go", "panic: boom", "main.f /a/main.go:12", 2, 8},
	} {
		e := one(t, c.text)
		f := e.Frames[0]
		if top := fmt.Sprintf("%s %s:%d", f.Function, f.File, f.Line); e.Language != c.language || e.Message != c.message || top != c.top || len(e.Frames) != c.frames || e.Severity != c.severity {
			t.Errorf("%s: %s %q %q %d frames, severity %v", c.name, e.Language, e.Message, top, len(e.Frames), e.Severity)
		}
		if e.Body != strings.TrimSuffix(c.text, "\n") || e.Length != int64(len(e.Body)) {
			t.Errorf("%s: body %q, length %d", c.name, e.Body, e.Length)
		}
	}
}

func TestKernelDetails(t *testing.T) {
	e := one(t, hungText)
	k := e.Kernel
	if k.Type != "hung-task" || k.Comm != "jbd2/sda1-8" || *k.PID != 311 || k.BlockedFor != 120 || k.Version != "6.1.0-13-amd64" || k.Tainted != "Not tainted" || e.Severity != 8 {
		t.Errorf("kernel %+v, severity %v", k, e.Severity)
	}
	want := events.Frame{Function: "jbd2_log_wait_commit", Offset: "0x2a", Size: "0x50", Module: "jbd2"}
	if len(e.Frames) != 4 || e.Frames[3] != want || !e.Frames[1].Unreliable {
		t.Errorf("frames %+v", e.Frames)
	}
	w := one(t, warnText)
	if w.Kernel.Registers["RAX"] != "0000000000000010" || w.Kernel.Type != "warning" || *w.Kernel.CPU != 0 || w.Severity != 6 {
		t.Errorf("kernel %+v", w.Kernel)
	}
}

func TestCellTraceOff(t *testing.T) {
	if list := scanText(t, ScanOptions{}, hungText+warnText); len(list) != 0 {
		t.Errorf("%d events with ENABLE_CELL_TRACE=false: %s", len(list), short(list[0]))
	}
}

func TestScanAll(t *testing.T) {
	list := scanText(t, ScanOptions{All: true}, "fine\nERROR one\n"+javaText)
	if len(list) != 8 || list[0].Message != "fine" || list[0].Severity != 0 || list[1].Severity != 5 || list[7].FirstLine != 8 {
		t.Errorf("%d events", len(list))
	}
}

func TestContext(t *testing.T) {
	list := scanText(t, ScanOptions{}, "a\nb\nc\nd\nERROR one\n  e\nERROR two\nf\ng\nh\ni\n")
	if len(list) != 2 {
		t.Fatalf("%d events", len(list))
	}
	if got, want := fmt.Sprintf("%q %q", list[0].Before, list[0].After), `["b" "c" "d"] ["  e" "ERROR two" "f"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprintf("%q %q", list[1].Before, list[1].After), `["d" "ERROR one" "  e"] ["f" "g" "h"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTimeAndHost(t *testing.T) {
	list := scanText(t, ScanOptions{}, "ERROR before any time\nNov 23 10:11:12 web1 app[1]: fine\nERROR after\nNov 23 10:11:13 web1 app[1]: error: x\n")
	for i, want := range []string{"2026-11-23T12:00:00Z h1", "2026-11-23T10:11:12Z h1", "2026-11-23T10:11:13Z web1"} {
		if got := list[i].Time.Format(time.RFC3339) + " " + list[i].Host; got != want {
			t.Errorf("event %d: %s, want %s", i, got, want)
		}
	}
}

func TestYears(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"last year's, though next year's is nearer", "Dec 30 10:11:12 h app[1]: ERROR x\n", "2025-12-30"},
		{"ahead of the file by its zone", "Nov 23 20:11:12 h app[1]: ERROR x\n", "2026-11-23"},
		{"most of a year of silence", "Jan  3 10:11:12 h app[1]: fine\nNov 20 10:11:12 h app[1]: ERROR x\n", "2026-11-20"},
		{"over the end of a year", "Dec 31 10:11:12 h app[1]: fine\nJan  1 10:11:12 h app[1]: ERROR x\n", "2026-01-01"},
		{"out of order", "Jan  1 10:11:12 h app[1]: fine\nDec 31 10:11:12 h app[1]: ERROR x\n", "2025-12-31"},
		{"29 February", "Feb 29 10:11:12 h app[1]: ERROR x\n", "2024-02-29"},
		{"no day of a month", "2026-10-10 10:11:12 fine\n2026-02-30 10:11:12 ERROR x\n", "2026-10-10"},
		{"JSON before text", `{"level":"info","ts":"2025-05-06T10:11:12Z","msg":"x"}` + "\nERROR x\n", "2025-05-06"},
	} {
		list := scanText(t, ScanOptions{}, c.text)
		if got := list[len(list)-1].Time.Format(time.DateOnly); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHugeStackIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("fine\njava.lang.IllegalStateException: huge\n")
	for i := range 120_000 {
		fmt.Fprintf(&b, "\tat com.example.deep.Recursion.step%d(Recursion.java:%d)\n", i%7, i)
		if i == 60_000 {
			b.WriteString("Caused by: java.io.IOException: in the middle\n")
		}
	}
	b.WriteString("\tat the.last.Frame.x(F.java:1)\nfine\n")
	e := one(t, b.String())
	if e.LastLine != 120_004 || e.Length < 5<<20 || e.TruncatedBytes < 4<<20 {
		t.Errorf("last line %d, length %d, truncated %d", e.LastLine, e.Length, e.TruncatedBytes)
	}
	for _, want := range []string{"IllegalStateException: huge", "Caused by: java.io.IOException: in the middle", "the.last.Frame", "bytes cut"} {
		if !strings.Contains(e.Body, want) {
			t.Errorf("the body lacks %q", want)
		}
	}
	if data, err := events.Fit(e, events.MaxCollected); err != nil || len(data) > events.MaxCollected {
		t.Errorf("encoded %d bytes, error %v", len(data), err)
	}
}

// TestEventsBehindAnOpenOneAreBounded: lines of two programs alternate, and the
// report of the kernel does not end.
func TestEventsBehindAnOpenOneAreBounded(t *testing.T) {
	asm := newAssembler(testEnv(t), fileInfo{path: "a.log", generation: "g"}, point{ContextLine: 1}, 0, 0)
	off, most, n := int64(0), 0, 0
	feed := func(text string) {
		next := off + int64(len(text)) + 1
		n++
		asm.feed(line{off: off, next: next, num: int64(n), text: []byte(text)})
		off, most = next, max(most, len(asm.queue))
	}
	feed("[1.000001] BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:55]")
	for range 5 * maxBegun {
		feed("Nov 23 10:11:12 h app[1]: error: x")
		feed("[1.000001] Modules linked in: a")
	}
	asm.flush()
	if done := len(asm.unsent()); most > maxBegun+2 || done != 5*maxBegun+1 {
		t.Errorf("%d events were open at once, %d came out", most, done)
	}
}

// TestTheRestOfACutStackIsOneEvent: no storm of causes behind the limit of an
// event's span.
func TestTheRestOfACutStackIsOneEvent(t *testing.T) {
	cause := "Caused by: java.io.IOException: gone\n"
	list := scanText(t, ScanOptions{}, javaText+strings.Repeat(cause, maxSpan/len(cause)+1000)+"fine\n")
	if len(list) != 2 || list[1].LastLine-list[1].FirstLine < 500 {
		t.Errorf("%d events, want 2", len(list))
	}
}

func TestLongLineInScan(t *testing.T) {
	list := scanText(t, ScanOptions{}, "ERROR "+strings.Repeat("x", 3<<20)+"\nERROR two\n")
	if len(list) != 2 || list[1].Message != "ERROR two" || list[0].TruncatedBytes < 2<<20 || list[0].Length != 3<<20+6 {
		t.Errorf("%d events, truncated %d, length %d", len(list), list[0].TruncatedBytes, list[0].Length)
	}
}

func TestScanStops(t *testing.T) {
	stop := fmt.Errorf("enough")
	err := Scan(context.Background(), ScanOptions{}, strings.NewReader("ERROR a\nx\ny\nz\n"), "a.log", func(*events.Event) error { return stop })
	if err != stop {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Scan(ctx, ScanOptions{}, strings.NewReader(strings.Repeat("x\n", 5000)), "a.log", nil); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// FuzzScan: whatever comes, no panic, ids are unique, places make sense.
func FuzzScan(f *testing.F) {
	for _, p := range pieces {
		f.Add([]byte(p))
	}
	f.Add([]byte(javaText + hungText + goText + warnText))
	e := testEnv(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		seen := map[string]bool{}
		for _, all := range []bool{false, true} {
			clear(seen)
			o := ScanOptions{CellTrace: true, All: all, Location: time.UTC}
			err := scan(context.Background(), e, o, strings.NewReader(string(data)), "a.log", func(e *events.Event) error {
				if seen[e.ID] || e.FirstLine < 1 || e.LastLine < e.FirstLine || e.Offset+e.Length > int64(len(data)) {
					t.Errorf("event %d-%d at %d+%d", e.FirstLine, e.LastLine, e.Offset, e.Length)
				}
				seen[e.ID] = true
				_, err := events.Fit(e, events.MaxCollected)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
