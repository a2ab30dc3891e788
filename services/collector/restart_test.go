package collector

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/pkg/events"
)

// pieces are blocks of lines of which random logs are made.
var pieces = []string{
	"2026-11-23 10:11:12 INFO all is well\n",
	"plain line\n",
	"\n",
	"  leading blanks\n",
	"2026-11-23 10:11:13 ERROR cannot reserve stock\n",
	"2026-11-23 10:11:14 ERROR order broken\r\n",
	"{\"level\":\"error\",\"time\":\"2026-11-23T10:11:15Z\",\"msg\":\"json trouble\"}\n",
	"{\"level\":\"error\", broken\n",
	"2026-11-23 10:11:16 ERROR request\njava.lang.IllegalStateException: closed\n\tat a.b.C.d(C.java:1)\n\tat a.b.C.e(C.java:2)\nCaused by: java.io.IOException: gone\n\tat x.Y.z(Y.java:3)\n\t... 2 more\n",
	"java.lang.RuntimeException: one\nmore text of it\n\tat a.B.c(B.java:1)\n",
	"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\n    h()\nKeyError: 'x'\n",
	"panic: boom\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/a/main.go:12 +0x1d\nmain.main()\n\t/a/main.go:5 +0x2\nexit status 2\n",
	"Nov 23 10:11:20 h kernel: [ 10.000001] BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:55]\nNov 23 10:11:20 h kernel: [ 10.000002] CPU: 1 PID: 55 Comm: kworker/1:1 Not tainted 6.1.0 #1\n",
	"Nov 23 10:11:20 h kernel: [ 10.000003] Call Trace:\nNov 23 10:11:20 h kernel: [ 10.000004]  <TASK>\nNov 23 10:11:20 h kernel: [ 10.000005]  foo_bar+0x1a/0x30 [mod]\nNov 23 10:11:20 h kernel: [ 10.000006]  </TASK>\n",
	"Nov 23 10:11:20 h kernel: [ 10.000007] ordinary kernel line\n",
	"Nov 23 10:11:21 h app[1]: error: cannot stat file\n",
	"\tat orphan.Frame.x(F.java:1)\n",
	"=======================\n",
	"[   11.000000] ------------[ cut here ]------------\n[   11.000001] WARNING: CPU: 0 PID: 7 at mm/x.c:12 foo+0x1/0x2\n[   11.000002] Modules linked in: a b\n[   11.000003] Call Trace:\n[   11.000004]  bar+0x3/0x4\n[   11.000005] ---[ end trace 0000 ]---\n",
	"\x00\xff\xfe broken bytes ERROR x\n",
}

func randomLog(t *rapid.T) []byte {
	var b bytes.Buffer
	for range rapid.IntRange(1, 25).Draw(t, "pieces") {
		p := rapid.SampledFrom(pieces).Draw(t, "piece")
		if rapid.IntRange(0, 4).Draw(t, "cut") == 0 { // a block that is not whole
			lines := strings.SplitAfter(p, "\n")
			p = strings.Join(lines[:rapid.IntRange(1, len(lines)).Draw(t, "lines")], "")
		}
		b.WriteString(p)
	}
	return b.Bytes()
}

// told is all of an event that must not depend on restarts.
func told(e *events.Event) string {
	c := *e
	c.ObservedAt = time.Time{}
	data, err := events.Encode(&c)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// run is one life of the collector over a file, until the stop.
type run struct {
	e    *env
	info fileInfo
	data []byte
	// What is on disk between lives.
	point     point
	published int64
	cut       int64
	// What the broker has, in order, and by id.
	got  []string
	byID map[string]string
	// step is the size the file has at least when the next life begins.
	step int
}

// live reads data[:grown] in steps; quiets are the sizes at which silence ends
// what is open. It dies when stop says so, between any two actions.
func (r *run) live(sizes []int, quiet []bool, stop func() bool) (finished bool) {
	asm := newAssembler(r.e, r.info, r.point, r.published, r.cut)
	var reader *lineReader
	save := func() { r.point, r.published = asm.restart() }
	publish := func() bool {
		list := asm.unsent()
		for _, e := range list {
			if stop() {
				return false
			}
			s := told(e)
			if old, ok := r.byID[e.ID]; ok && old != s {
				panic(fmt.Sprintf("event %s differs after a restart:\n%s\n%s", e.ID, old, s))
			} else if !ok {
				r.byID[e.ID] = s
				r.got = append(r.got, s)
			}
		}
		if len(list) > 0 {
			if stop() {
				return false
			}
			asm.sent()
			save()
		}
		return true
	}
	for i := r.step; i < len(sizes); i++ {
		size := sizes[i]
		r.step = i
		file := bytes.NewReader(r.data[:size])
		if reader == nil {
			if int64(size) < r.point.Context {
				continue
			}
			var err error
			if reader, err = newLineReader(file, newBuffers(), r.point.Context, r.point.ContextLine); err != nil {
				panic(err)
			}
		}
		reader.f = file
		for {
			n, err := reader.read(asm.feed)
			if err != nil {
				panic(err)
			}
			if !publish() || stop() {
				return false
			}
			if n == 0 {
				break
			}
		}
		if quiet[i] && asm.pending() && asm.pos >= asm.from {
			r.cut = asm.pos
			save()
			if i+1 < len(sizes) {
				r.step = i + 1 // more may have come before the next life
			}
			if stop() {
				return false
			}
			asm.flush()
			if !publish() {
				return false
			}
		} else if stop() {
			save()
		}
	}
	return true
}

// TestRestartGivesTheSameEvents cuts the process at random places, any number
// of times, and compares with a run that nothing disturbs.
func TestRestartGivesTheSameEvents(t *testing.T) {
	e := testEnv(t)
	rapid.Check(t, func(t *rapid.T) {
		data := randomLog(t)
		var sizes []int
		var quiet []bool
		for at := 0; at < len(data); {
			at = min(len(data), at+rapid.IntRange(1, 400).Draw(t, "grow"))
			sizes = append(sizes, at)
			quiet = append(quiet, rapid.IntRange(0, 3).Draw(t, "quiet") == 0)
		}
		quiet[len(quiet)-1] = true
		fresh := func() *run {
			return &run{e: e, info: fileInfo{path: "a.log", generation: "g", mod: time.Unix(1763892672, 0)}, data: data, point: point{ContextLine: 1}, byID: map[string]string{}}
		}
		want := fresh()
		want.live(sizes, quiet, func() bool { return false })

		got := fresh()
		for life := 0; ; life++ {
			left := rapid.IntRange(0, 40).Draw(t, "actions")
			dies := life < 30
			if got.live(sizes, quiet, func() bool { left--; return dies && left < 0 }) {
				break
			}
		}
		if len(got.got) != len(want.got) {
			t.Fatalf("%d events, want %d\ngot  %s\nwant %s", len(got.got), len(want.got), strings.Join(got.got, "\n"), strings.Join(want.got, "\n"))
		}
		for i := range want.got {
			if got.got[i] != want.got[i] {
				t.Fatalf("event %d\ngot  %s\nwant %s", i, got.got[i], want.got[i])
			}
		}
	})
}
