package collector

import (
	"strconv"
	"strings"
)

// levelWords gives the level a word stands for.
var levelWords = map[string]string{
	"trace": "trace", "finest": "trace", "finer": "trace",
	"debug": "debug", "dbg": "debug", "fine": "debug", "verbose": "debug", "config": "debug",
	"info": "info", "information": "info", "informational": "info", "log": "info",
	"notice": "notice",
	"warn":   "warn", "warning": "warn",
	"error": "error", "err": "error", "severe": "error",
	"critical": "critical", "crit": "critical", "alert": "critical", "emerg": "critical", "emergency": "critical",
	"fatal": "fatal", "panic": "fatal", "dpanic": "fatal",
}

// levelHead is how far into a line its level is looked for, in bytes.
const levelHead = 200

// textLevel is the level a line of text states of itself, or "": a level word
// in capitals, in brackets, behind level=, or before a colon. The first one
// counts: "INFO the request ended with ERROR" is info.
func textLevel(s string) string {
	if l := klogLevel(s); l != "" {
		return l
	}
	head := s[:min(len(s), levelHead)]
	for i := 0; i < len(head); {
		if !isLetter(head[i]) {
			i++
			continue
		}
		j := i
		for j < len(head) && isLetter(head[j]) {
			j++
		}
		if w := head[i:j]; len(w) >= 3 && len(w) <= 13 {
			if level := levelAt(head, i, j); level != "" {
				return level
			}
		}
		i = j
	}
	return ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// levelAt tells whether the word s[i:j] states a level.
func levelAt(s string, i, j int) string {
	level, ok := levelWords[strings.ToLower(s[i:j])]
	if !ok {
		return ""
	}
	var prev, next byte = ' ', ' '
	if i > 0 {
		prev = s[i-1]
	}
	if j < len(s) {
		next = s[j]
	}
	w := s[i:j]
	upper := strings.ToUpper(w) == w
	switch {
	case w == "LOG" || w == "CONFIG" || w == "FINE":
		if !strings.ContainsRune(" \t[", rune(prev)) || !strings.ContainsRune(":]", rune(next)) {
			return ""
		}
		return level
	case strings.EqualFold(w, "log") || strings.EqualFold(w, "config") || strings.EqualFold(w, "fine"):
		return ""
	case strings.ContainsRune("[<(|:", rune(prev)) && strings.ContainsRune("]>)|", rune(next)):
		return level
	case prev == '=' || prev == '"' && i > 1 && s[i-2] == '=':
		key := strings.ToLower(strings.TrimRight(s[:i], `="`))
		if strings.HasSuffix(key, "level") || strings.HasSuffix(key, "lvl") || strings.HasSuffix(key, "severity") {
			return level
		}
		return ""
	case upper:
		if strings.ContainsRune("_-./\\@$#&", rune(prev)) || isDigit(prev) || strings.ContainsRune("_-/\\=@$&(", rune(next)) || isDigit(next) {
			return ""
		}
		return level
	case next == ':' && (prev == ' ' || prev == '\t'), prev == '\t' && next == '\t': // zap between tabs
		return level
	}
	return ""
}

// klogLevel reads the first letter of "E1123 10:11:12.123456".
func klogLevel(s string) string {
	if len(s) < 8 || s[5] != ' ' || s[8-1] < '0' || s[8-1] > '9' {
		return ""
	}
	for _, c := range []byte(s[1:5]) {
		if !isDigit(c) {
			return ""
		}
	}
	switch s[0] {
	case 'I':
		return "info"
	case 'W':
		return "warn"
	case 'E':
		return "error"
	case 'F':
		return "fatal"
	}
	return ""
}

// namedLevel is the level of a JSON field: a word, or a number of pino and
// bunyan (10–60) or syslog (0–7).
func namedLevel(s string) string {
	if l, ok := levelWords[strings.ToLower(strings.TrimSpace(s))]; ok {
		return l
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return ""
	}
	switch {
	case n >= 60:
		return "fatal"
	case n >= 50:
		return "error"
	case n >= 40:
		return "warn"
	case n >= 30:
		return "info"
	case n >= 20:
		return "debug"
	case n >= 8:
		return "trace"
	case n >= 7:
		return "debug"
	case n >= 6:
		return "info"
	case n >= 5:
		return "notice"
	case n >= 4:
		return "warn"
	case n >= 3:
		return "error"
	case n >= 0:
		return "critical"
	}
	return ""
}
