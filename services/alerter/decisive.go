package alerter

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"tocsin/pkg/events"
)

// levelWord is the level in front of a message, with the thread in brackets
// before or after it: severity and tier are shown beside it. Capitals alone
// are taken, because "panic: " and "Error: " are part of what happened.
var levelWord = regexp.MustCompile(`^(?:\[[^\]]*\] +)?\[?(?:EMERG(?:ENCY)?|ALERT|CRIT(?:ICAL)?|FATAL|SEVERE|ERR(?:OR)?|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)\b\]?:?\s+` +
	`(?:\d+ --- +)?(?:\[[^\]]*\]\s+)?`)

// shownTitle is the group's title for people: without the level word, and with
// the error where the message alone does not tell it.
func shownTitle(n *Notification) string {
	e, title := n.Event, n.Title
	if e.Kind != events.KindKernel {
		if rest := title[len(levelWord.FindString(title)):]; rest != "" {
			title = rest
		}
	}
	if n.Title != titleOf(e) {
		return title // of another event, which may have had another error
	}
	why := errorOf(e)
	if why == "" || strings.Contains(strings.ToLower(title), strings.ToLower(why)) {
		return title
	}
	return strings.TrimRight(title, ".:。： ") + ": " + why
}

// errorFields hold the error of a JSON event, the most telling first.
var errorFields = []string{"error", "err", "error.message", "err.message", "exception", "exception.message", "cause", "reason"}

// errorOf is the error beside the message of an event: in a field, or the
// exception of the stack that a JSON event carries. "" if there is none.
func errorOf(e *events.Event) string {
	for _, key := range errorFields {
		text := firstLine(e.Fields[key])
		if text != "true" && text != "false" && strings.ContainsFunc(text, unicode.IsLetter) {
			return text
		}
	}
	if stack, ok := jsonBody(e); ok {
		if lines := exceptionLines(e.Class, stack); len(lines) > 0 {
			return strings.TrimSpace(lines[0])
		}
	}
	return ""
}

// jsonBody tells whether the event is one JSON object, which a syslog header
// may precede, and gives the lines of the stack in it.
func jsonBody(e *events.Event) (stack []string, ok bool) {
	start := strings.IndexByte(e.Body, '{')
	if start < 0 || start > 0 && !strings.HasSuffix(e.Body[:start], ": ") {
		return nil, false
	}
	var object map[string]any
	if json.Unmarshal([]byte(e.Body[start:]), &object) != nil {
		return nil, false
	}
	longest := ""
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.Count(v, "\n") > strings.Count(longest, "\n") {
				longest = v
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		}
	}
	walk(object)
	return bodyLines(longest), true
}

// decisive gives the lines that tell most, beside the title: of a log event its
// own, of a stack the lines of the exception and its causes, of a kernel report
// its head; then the top frames that are certain. Of a JSON event its fields
// stand for its line. The first sure lines tell more than the others.
func decisive(e *events.Event, title string) (lines []string, sure int) {
	body := bodyLines(e.Body)
	framed := len(e.Frames) > 0 && (e.Kind == events.KindStack || e.Kind == events.KindKernel)
	stack, isJSON := jsonBody(e)
	switch {
	case isJSON:
		lines = append(fieldLines(e, title), exceptionLines(e.Class, stack)...)
	case framed && e.Kind == events.KindKernel:
		lines = kernelLines(body)
	case framed:
		lines = exceptionLines(e.Class, body)
		if len(body) > 0 && !slices.Contains(lines, body[0]) {
			lines = slices.Insert(lines, 0, body[0])
		}
	}
	if len(lines) == 0 && !framed {
		lines = texts(withoutMiddle(body, shownLines))
		return lines, min(len(lines), 2)
	}
	lines = texts(withoutMiddle(lines, shownLines-1))
	sure = len(lines)
	for _, f := range e.Frames {
		if len(lines) == shownLines {
			break
		}
		if !f.Unreliable {
			lines = append(lines, "    at "+frameText(f))
		}
	}
	return lines, sure
}

// bodyLines gives the lines of a text, none of an empty one.
func bodyLines(text string) []string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// withoutMiddle keeps at most limit lines: the first ones, a mark and the last
// two, since reports end with what came of it.
func withoutMiddle(list []string, limit int) []string {
	if len(list) <= limit {
		return list
	}
	return slices.Concat(list[:limit-3], []string{"…"}, list[len(list)-2:])
}

// fieldLines gives the fields of a JSON event that the title does not hold, in
// at most two lines; what is masked as a whole comes last.
func fieldLines(e *events.Event, title string) []string {
	keys := slices.SortedFunc(maps.Keys(e.Fields), func(a, b string) int {
		rank := func(key string) int {
			if i := slices.Index(errorFields, key); i >= 0 {
				return i
			}
			if strings.HasPrefix(e.Fields[key], "‹") {
				return len(errorFields) + 1
			}
			return len(errorFields)
		}
		if byRank := rank(a) - rank(b); byRank != 0 {
			return byRank
		}
		return strings.Compare(a, b)
	})
	const most = 2
	var lines []string
	for _, key := range keys {
		value := firstLine(e.Fields[key])
		if value == "" || key == "@version" || key == "level_value" || len(value) > 3 && strings.Contains(title, line(value, shownLine)) {
			continue
		}
		pair := line(key+"="+value, shownLine)
		last := len(lines) - 1
		switch {
		case last >= 0 && len([]rune(lines[last]+"  "+pair)) <= shownLine:
			lines[last] += "  " + pair
		case len(lines) < most:
			lines = append(lines, pair)
		}
	}
	return lines
}

// causeMarks begin a line that names an exception: of Java, of a Go program
// that ends, of Node.js and of .NET.
var causeMarks = []string{"Caused by: ", "panic: ", "fatal error: ", "[cause]: ", "---> "}

const traceback = "Traceback (most recent call last):"

// exceptionLines gives the lines of a stack that name its exceptions: the line
// before the first frame, causes, and the last line of each traceback of
// Python. class is that of the exception, "" if it is not known.
func exceptionLines(class string, body []string) []string {
	var lines []string
	inTraceback, header, named := false, 0, class == ""
	for i, text := range body {
		if at := strings.Index(text, traceback); at >= 0 {
			inTraceback, header = true, 0
			// Each line may carry a header of the same length, as in syslog.
			if i+1 < len(body) && len(body[i+1]) > at && strings.HasPrefix(body[i+1][at:], "  File ") {
				header = at
			}
			continue
		}
		trimmed := strings.TrimSpace(text)
		exception := slices.ContainsFunc(causeMarks, func(mark string) bool { return strings.HasPrefix(trimmed, mark) })
		if inTraceback && len(text) > header && text[header] != ' ' && text[header] != '\t' {
			exception, inTraceback = true, false
		}
		if !named && strings.HasPrefix(trimmed, class) {
			exception, named = true, true
		}
		if i+1 < len(body) && isFrame(body[i+1]) && trimmed != "" && !isFrame(text) && !strings.HasPrefix(trimmed, "... ") {
			exception = true
		}
		if exception && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	return lines
}

// isFrame tells a frame as Java, JavaScript and .NET print it.
func isFrame(text string) bool {
	trimmed := strings.TrimLeft(text, " \t")
	return len(trimmed) < len(text) && strings.HasPrefix(trimmed, "at ")
}

// kernelLines gives the first line of a kernel report, that of the process and
// that of the instruction.
func kernelLines(body []string) []string {
	if len(body) == 0 {
		return nil
	}
	if len(body) > 1 && strings.Contains(body[0], "[ cut here ]") {
		body = body[1:]
	}
	lines := body[:1:1]
	for _, mark := range []string{" PID: ", "RIP: "} {
		i := slices.IndexFunc(body[1:], func(text string) bool { return strings.Contains(text, mark) })
		if i >= 0 && !slices.Contains(lines, body[1+i]) {
			lines = append(lines, body[1+i])
		}
	}
	return lines
}

func frameText(f events.Frame) string {
	text := f.Function
	if f.Offset != "" {
		text += "+" + f.Offset + "/" + f.Size
	}
	if f.File != "" {
		text += " (" + path.Base(f.File)
		if f.Line > 0 {
			text += fmt.Sprintf(":%d", f.Line)
		}
		text += ")"
	}
	if f.Module != "" {
		text += " [" + string(f.Module) + "]"
	}
	return line(text, shownLine)
}
