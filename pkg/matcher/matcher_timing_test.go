package matcher

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

var benchLiterals = []string{
	"error", "fatal", "critical", "panic", "exception", "traceback", "segfault", "out of memory", "oom-killer", "i/o error",
	"ext4-fs error", "authentication failure", "connection refused", "timed out", "no space left", "cut here", "call trace", "soft lockup",
	"blocked for more than", "permission denied", "core dumped", "certificate", "unreachable", "too many open files", "deadlock", "corrupt",
	"failed password", "invalid user", "stack overflow", "broken pipe", "connection reset", "checksum", "read-only file system", "link is down",
	"assertion", "undefined symbol", "aborted", "killed process", "machine check", "unhandled",
}

// benchText holds lines of about 114 bytes, one in a hundred of which hits.
func benchText() [][]byte {
	var lines [][]byte
	for i := range 1000 {
		line := `10.0.3.17 - - [23/Nov/2026:10:11:12 +0000] "GET /api/v1/items?page=17&size=50 HTTP/1.1" 200 5316 "-" "curl/8.5.0 x86"`
		if i%100 == 0 {
			line = `2026-11-23 10:11:12,345 ERROR [worker-7] c.e.shop.OrderService - cannot reserve stock: Connection refused by db-1:5432`
		}
		lines = append(lines, []byte(line))
	}
	return lines
}

func benchmark(b *testing.B, hit func(line []byte) bool) {
	lines := benchText()
	total := int64(0)
	for _, l := range lines {
		total += int64(len(l))
	}
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, l := range lines {
			if hit(l) {
				n++
			}
		}
		if n != 10 {
			b.Fatalf("%d lines hit, want 10", n)
		}
	}
}

func BenchmarkMatcher(b *testing.B) {
	m := New(benchLiterals)
	var s Set
	benchmark(b, func(line []byte) bool { return m.Find(line, &s) })
}

func BenchmarkContainsLoop(b *testing.B) {
	lits := make([][]byte, len(benchLiterals))
	for i, l := range benchLiterals {
		lits[i] = []byte(l)
	}
	buf := make([]byte, 0, 256)
	benchmark(b, func(line []byte) bool {
		buf = buf[:0]
		for _, c := range line {
			buf = append(buf, fold(c))
		}
		for _, l := range lits {
			if bytes.Contains(buf, l) {
				return true
			}
		}
		return false
	})
}

func BenchmarkRegexp(b *testing.B) {
	quoted := make([]string, len(benchLiterals))
	for i, l := range benchLiterals {
		quoted[i] = regexp.QuoteMeta(l)
	}
	re := regexp.MustCompile("(?i)" + strings.Join(quoted, "|"))
	benchmark(b, re.Match)
}
