package collector

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/pkg/events"
)

// decoded is what a line tells of itself.
type decoded struct {
	// text is the whole line as valid UTF-8; content is what stands behind the
	// header of syslog, message behind the time stamp as well (or the message
	// field of JSON).
	text, content, message string
	time                   time.Time
	host, program          string
	level                  string
	// json tells that the line is a JSON object; stack is its field that holds
	// a stack, class the name of its error.
	json         bool
	stack, class string
	fields       map[string]string
}

// cleanText makes valid UTF-8 of a line: a broken byte becomes U+FFFD, NUL,
// which stores cannot keep, its picture.
func cleanText(b []byte) string {
	if bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) {
		return string(b)
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", "\u2400")
}

// isJSON tells whether a line claims to be a JSON object.
func isJSON(b []byte) bool {
	return len(b) > 1 && b[0] == '{' && (b[1] == '"' || b[1] == ' ' && len(b) > 2 && b[2] == '"')
}

// decodeLine reads a line that may be an event. Broken JSON is text.
func decodeLine(raw []byte, ref time.Time, loc *time.Location) *decoded {
	d := &decoded{text: cleanText(raw)}
	d.content, d.message = d.text, d.text
	if isJSON(raw) && d.readJSON(raw, ref, loc) {
		return d
	}
	line := []byte(d.text)
	if s, ok := parseStamp(line, ref, loc); ok {
		d.time = s.t
		if s.end <= 64 { // the common log format has its time behind other things
			d.message = d.text[s.end:]
		}
		d.readSyslog(s)
	}
	if _, kernel := kernelText(d.text); kernel || d.program == "kernel" {
		d.program = "kernel"
		d.content, _ = kernelText(d.text)
		d.message = strings.TrimSpace(d.content)
	}
	d.level = textLevel(d.content)
	if d.message == "" {
		d.message = d.text
	}
	return d
}

var syslogProgram = regexp.MustCompile(`^([\w.:-]+) ([\w./@()+-]+?)(\[\d+\])?: ?`)

// readSyslog reads "host program[pid]: " behind the time.
func (d *decoded) readSyslog(s stamp) {
	if !s.syslog && !s.rfc3339 {
		return
	}
	m := syslogProgram.FindStringSubmatchIndex(d.text[s.end:])
	if m == nil {
		return
	}
	rest := d.text[s.end:]
	host, program := rest[m[2]:m[3]], rest[m[4]:m[5]]
	if _, isLevel := levelWords[strings.ToLower(host)]; isLevel || strings.HasSuffix(host, ":") {
		return
	}
	if s.rfc3339 && m[6] < 0 && program != "kernel" {
		return // "2026-11-23T10:11:12Z worker db: …" names no host
	}
	d.host, d.program = host, program
	d.content = rest[m[1]:]
	d.message = d.content
}

// withoutHeader gives the text of a line behind a syslog header, for the lines
// of a stack that syslog prefixed one by one.
func withoutHeader(text string) string {
	if len(text) < 16 {
		return text
	}
	b := []byte(text[:min(len(text), 160)])
	s, ok := parseStamp(b, time.Unix(0, 0), time.UTC)
	if !ok || !s.syslog && !s.rfc3339 || s.end > len(text) {
		return text
	}
	d := decoded{text: text, content: text}
	d.readSyslog(s)
	return d.content
}

// Names of JSON fields, by what loggers call them (zap, logrus, slog, log4j2,
// pino, bunyan, serilog, python-json-logger, ECS).
var (
	jsonLevel   = []string{"level", "severity", "lvl", "levelname", "log.level", "loglevel", "log_level", "@level", "@l", "levelName"}
	jsonMessage = []string{"msg", "message", "@message", "@m", "@mt", "log", "event", "error.message"}
	jsonTime    = []string{"time", "ts", "timestamp", "@timestamp", "@t", "datetime", "date", "asctime", "t"}
	jsonHost    = []string{"hostname", "host", "host.name"}
	jsonStack   = []string{"stack", "stacktrace", "stack_trace", "stackTrace", "error.stack_trace", "error.stack", "exception", "exc_info", "exc_text", "@x", "traceback", "backtrace"}
	jsonError   = []string{"err", "error", "thrown", "exception"}
	jsonClass   = []string{"type", "class", "name", "error.type", "exception_class", "commonElementName"}
)

const (
	maxFields     = 32
	maxFieldBytes = 1 << 10
	maxFieldName  = 128
	maxMessage    = 8 << 10
)

func (d *decoded) readJSON(raw []byte, ref time.Time, loc *time.Location) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if dec.Decode(&m) != nil || dec.More() {
		return false
	}
	d.json = true
	if s, key := take(m, jsonLevel); s != "" {
		d.level = namedLevel(s)
		delete(m, key)
	}
	if s, key := take(m, jsonMessage); s != "" {
		d.message = strings.TrimRight(s, "\n")
		delete(m, key)
	}
	if d.level == "" { // the line of a program that docker wrapped
		d.level = textLevel(d.message)
	}
	if s, key := take(m, jsonTime); s != "" {
		if t, ok := jsonStamp(s, ref, loc); ok {
			d.time = t
			delete(m, key)
		}
	}
	if s, key := take(m, jsonHost); s != "" {
		d.host = s
		delete(m, key)
	}
	d.readJSONStack(m)
	d.fields = flatten(m)
	return true
}

// readJSONStack finds the stack in a field of its own or in the error object.
func (d *decoded) readJSONStack(m map[string]any) {
	if s, key := take(m, jsonStack); strings.Contains(s, "\n") {
		d.stack = s
		delete(m, key)
	}
	for _, key := range jsonError {
		obj, ok := m[key].(map[string]any)
		if !ok {
			continue
		}
		d.class, _ = take(obj, jsonClass)
		if s, stackKey := take(obj, append([]string{"extendedStackTrace"}, jsonStack...)); d.stack == "" && strings.Contains(s, "\n") {
			d.stack = s
			delete(obj, stackKey)
		}
	}
	if d.class == "" {
		d.class, _ = take(m, []string{"error.type", "exception_class"})
	}
}

// take gives the first of the keys that holds text or a number.
func take(m map[string]any, keys []string) (value, key string) {
	for _, k := range keys {
		if s := scalar(m[k]); s != "" {
			return cleanText([]byte(s)), k
		}
	}
	return "", ""
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// flatten makes fields of what is left, one level deep.
func flatten(m map[string]any) map[string]string {
	out := map[string]string{}
	add := func(k, v string) {
		if v != "" {
			out[shorten(cleanText([]byte(k)), maxFieldName)] = shorten(cleanText([]byte(v)), maxFieldBytes)
		}
	}
	for _, k := range sortedKeys(m) {
		if len(out) >= maxFields {
			break
		}
		if obj, ok := m[k].(map[string]any); ok {
			for _, kk := range sortedKeys(obj) {
				if len(out) < maxFields {
					add(k+"."+kk, scalar(obj[kk]))
				}
			}
			continue
		}
		add(k, scalar(m[k]))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// shorten cuts text that is not masked yet to about n bytes, see
// events.CutEnd, and marks the cut.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return events.CutEnd(text, n) + "…"
}

// jsonStamp reads a time as text or as seconds, milli-, micro- or nanoseconds
// since 1970, told apart by their size.
func jsonStamp(s string, ref time.Time, loc *time.Location) (time.Time, bool) {
	if st, ok := parseStamp([]byte(s), ref, loc); ok {
		return st.t, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 1e8 || f > 1e19 {
		return time.Time{}, false
	}
	for f >= 1e11 {
		f /= 1000
	}
	sec, frac := math.Modf(f)
	return time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000).UTC(), true
}

// jsonTimeKeys are the names of jsonTime as they stand in a line.
var jsonTimeKeys = quoted(jsonTime)

func quoted(names []string) [][]byte {
	out := make([][]byte, len(names))
	for i, n := range names {
		out[i] = []byte(strconv.Quote(n) + ":")
	}
	return out
}

// lineTime reads the time of a line that need not be an event; that of JSON
// without decoding the object.
func lineTime(raw []byte, ref time.Time, loc *time.Location) (time.Time, bool) {
	if !isJSON(raw) {
		s, ok := parseStamp(raw, ref, loc)
		return s.t, ok
	}
	for _, key := range jsonTimeKeys {
		i := bytes.Index(raw, key)
		if i < 0 {
			continue
		}
		v := bytes.TrimLeft(raw[i+len(key):min(len(raw), i+len(key)+64)], ` "`)
		if end := bytes.IndexAny(v, `",}`); end > 0 {
			if t, ok := jsonStamp(string(v[:end]), ref, loc); ok {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
