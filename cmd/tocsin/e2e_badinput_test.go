package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/pkg/events"
)

// badInput puts into a folder whatever a glob may hit.
func badInput(t testing.TB, dir string) {
	t.Helper()
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const first, last = "2026-11-20 10:00:00 ERROR app: first event is here\n", "2026-11-20 10:00:09 ERROR app: final event arrived\n"
	between := func(middle string) []byte { return []byte(first + middle + last) }

	if err := os.Mkdir(filepath.Join(dir, "directory.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	put("empty.log", nil)
	random := rand.New(rand.NewPCG(3, 4))
	binary := make([]byte, 200_000)
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	put("binary.log", binary)
	put("utf8.log", between("2026-11-20 10:00:03 INFO app: bad \xff\xfe\xc3 bytes\n"))
	put("crlf.log", bytes.ReplaceAll(between("2026-11-20 10:00:03 INFO app: fine\n"), []byte("\n"), []byte("\r\n")))
	put("nul.log", between("2026-11-20 10:00:03 INFO app: \x00\x00\x00 after a crash\n"))
	put("longline.log", between("2026-11-20 10:00:03 INFO app: "+strings.Repeat("x", 1<<20)+"\n"))
	frame := "\tat com.example.deep.Recursion.descend(Recursion.java:1234)\n"
	put("bigstack.log", between("2026-11-20 10:00:03 ERROR app: too deep\njava.lang.StackOverflowError: no end\n"+
		strings.Repeat(frame, 5<<20/len(frame))))
	put("broken.json.log", between(`{"time":"2026-11-20T10:00:03Z","level":"error","msg":"cut`+"\n"+`{"level":`+"\n"+`}{][`+"\n"))
	put("good.log", between(""))
}

// badFiles are those of badInput that hold the two normal events.
var badFiles = []string{"utf8.log", "crlf.log", "nul.log", "longline.log", "bigstack.log", "broken.json.log", "good.log"}

// checkBadInput holds that the normal events of every file were found.
func checkBadInput(t testing.TB, list []*events.Event) {
	t.Helper()
	seen := map[string]int{}
	big := 0
	for _, e := range list {
		for _, want := range []string{"first event is here", "final event arrived"} {
			if strings.Contains(e.Message, want) {
				seen[filepath.Base(e.File)+" "+want]++
			}
		}
		line, err := events.Encode(e)
		if err != nil || len(line) > events.MaxEncoded {
			t.Errorf("the event at %s:%d has %d bytes, %v", filepath.Base(e.File), e.Offset, len(line), err)
		}
		if e.TruncatedBytes > 4<<20 {
			big++
		}
	}
	for _, file := range badFiles {
		for _, want := range []string{"first event is here", "final event arrived"} {
			if n := seen[file+" "+want]; n != 1 {
				t.Errorf("%s: %q was found %d times", file, want, n)
			}
		}
	}
	if big != 1 {
		t.Errorf("%d events tell that megabytes were cut out of them, want the big stack alone", big)
	}
}

func TestUpOnBadInput(t *testing.T) {
	s := newSite(t, "AI_ENABLE=false")
	badInput(t, s.logs)
	missing := filepath.Join(s.dir, "not-there-yet.log")
	s.env = append(s.env, "LOG_FILE_PATHS="+filepath.Join(s.logs, "*")+","+missing+","+s.logs)
	p := s.up(t, "--alerts", "jsonl")
	p.waitReady(t)
	eventually(t, "the normal events are stored", 30*time.Second, func() bool {
		_, list := exported(t, s.env)
		found := 0
		for _, e := range list {
			if strings.Contains(e.Message, "first event is here") || strings.Contains(e.Message, "final event arrived") || e.TruncatedBytes > 4<<20 {
				found++
			}
		}
		return found >= 2*len(badFiles)+1
	})
	_, list := exported(t, s.env)
	checkBadInput(t, list)

	// What could not be read was said, once each; a missing path is waited for.
	stderr := p.stderr.String()
	for _, name := range []string{"not-there-yet.log", "directory.log", "binary.log"} {
		if !strings.Contains(stderr, name) {
			t.Errorf("nothing was said about %s:\n%s", name, tail(stderr))
		}
	}
	if strings.Contains(s.metrics(t), "\nlog_collect_errors_total 0\n") {
		t.Error("log_collect_errors_total counted nothing")
	}
	if err := os.WriteFile(missing, []byte("2026-11-20 11:00:00 ERROR app: the awaited file speaks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.waitOutput(t, "the file that came late", p.stdout, 20*time.Second, func(out string) bool {
		return strings.Contains(out, "the awaited file speaks")
	})
	if code, took := p.interrupt(t); code != 0 || took > 5*time.Second {
		t.Errorf("SIGINT ended it with %d after %s\n%s", code, took, tail(p.stderr.String()))
	}
}

func TestScanBadInput(t *testing.T) {
	s := newSite(t)
	badInput(t, s.logs)
	args := []string{"scan", "--format", "jsonl"}
	for _, file := range badFiles {
		args = append(args, filepath.Join(s.logs, file))
	}
	p := startProcess(t, s.dir, s.env, tocsinBinary(t), args...)
	if code := p.wait(t, time.Minute); code != 0 {
		t.Errorf("scan ended with %d\n%s", code, tail(p.stderr.String()))
	}
	var list []*events.Event
	for line := range strings.Lines(p.stdout.String()) {
		e, err := events.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	checkBadInput(t, list)

	out, code := s.tocsin(t, "scan", filepath.Join(s.logs, "directory.log"), filepath.Join(s.logs, "missing.log"), filepath.Join(s.logs, "good.log"))
	if code != 1 || !strings.Contains(out, "directory.log") || !strings.Contains(out, "missing.log") || !strings.Contains(out, "final event arrived") {
		t.Errorf("scan of a folder and a missing file ended with %d:\n%s", code, out)
	}
}
