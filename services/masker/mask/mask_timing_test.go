package mask

import (
	"regexp"
	"strings"
	"testing"
)

// mixedLines are log lines as they come: one in ten holds something to mask.
func mixedLines() string {
	lines := []string{
		"2024-01-02T03:04:05.678Z INFO  [http-nio-8080-exec-3] c.e.shop.OrderController: order 1029384 accepted in 34 ms",
		"Jan  2 03:04:05 web-1 sshd[1234]: Failed password for root from 10.0.0.1 port 52100 ssh2",
		`{"time":"2024-01-02T03:04:05Z","level":"error","msg":"upstream timed out","status":504,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		"[ 1234.567890] INFO: task jbd2/sda1-8:345 blocked for more than 120 seconds.",
		`10.0.0.1 - - [02/Jan/2024:03:04:05 +0000] "GET /api/v1/items?page=2&size=50 HTTP/1.1" 200 5321 "-" "curl/8.0"`,
		"\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)",
		"081111 080934 19 INFO dfs.FSNamesystem: BLOCK* ask 10.250.14.38:50010 to replicate blk_-7571492020523929240",
		"2024/01/02 03:04:05 [error] 31#31: *1025 connect() failed (111: Connection refused) while connecting to upstream",
		"W0102 03:04:05.678901       1 reflector.go:424] failed to list *v1.Pod: the server could not find the requested resource",
		"2024-01-02 03:04:05 ERROR login of bob@example.com failed: password=hunter2, phone 13812345678",
	}
	return strings.Repeat(strings.Join(lines, "\n")+"\n", 100)
}

func BenchmarkText(b *testing.B) {
	text := mixedLines()
	b.Run("text", func(b *testing.B) {
		m := newMasker(b, ModeToken, LevelSecrets, LevelPersonal, LevelNetwork)
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			m.Text(text)
		}
	})
	b.Run("lines", func(b *testing.B) {
		m := newMasker(b, ModeToken)
		lines := strings.Split(text, "\n")
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			for _, l := range lines {
				m.Text(l)
			}
		}
	})
	b.Run("nothing to mask", func(b *testing.B) {
		m := newMasker(b, ModeToken)
		clean := strings.Repeat(text[:strings.Index(text, "2024-01-02 03:04:05 ERROR")], 100)
		b.SetBytes(int64(len(clean)))
		for b.Loop() {
			m.Text(clean)
		}
	})
	// The usual way, for comparison: a list of regular expressions, a fraction
	// of what the Masker looks for.
	b.Run("regexps", func(b *testing.B) {
		var list []*regexp.Regexp
		for _, p := range []string{
			`(AKIA|ASIA)[A-Z0-9]{16}`, `LTAI[A-Za-z0-9]{12,30}`, `gh[pousr]_[A-Za-z0-9]{36}`, `glpat-[\w-]{20}`, `xox[abprs]-[\w-]{10,}`, `sk-[\w-]{20,}`, `AIza[\w-]{35}`,
			`eyJ[\w-]+\.[\w-]+\.[\w-]+`, `(?i)(?:password|passwd|pwd|secret|token|api_?key)["']?\s*[=:]\s*["']?([^\s"',;&]+)`, `(?i)bearer\s+[\w.~+/=-]{8,}`, `://[^/\s:]+:([^@\s]+)@`,
			`[\w.+-]+@[\w-]+\.[\w.-]+`, `\b1[3-9]\d{9}\b`, `\b\d{17}[\dXx]\b`,
		} {
			list = append(list, regexp.MustCompile(p))
		}
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			out := text
			for _, re := range list {
				out = re.ReplaceAllString(out, "‹x›")
			}
		}
	})
}

// Hostile text must not cost more than ordinary text of its size: each of these
// would, if a detector looked again and again at the same bytes.
func BenchmarkHostile(b *testing.B) {
	for _, s := range []string{"password=", "eyJ", "://", "1-", "‹", "\\", "sk-", "@a.", "\"secret\":[\"", "-----BEGIN PRIVATE " + "KEY-----", "session_id=", "Cookie: a=", "[13812345678,", ":", "password:\"\\"} {
		b.Run(s, func(b *testing.B) {
			m := newMasker(b, ModeRedact, LevelSecrets, LevelPersonal, LevelNetwork)
			text := strings.Repeat(s, 1<<16/len(s))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Text(text)
			}
		})
	}
}
