package mask

import (
	"encoding/json"
	"strings"
)

// jsonPart is a stretch of the text, the whole or a line, and how far it was
// looked through for strings.
type jsonPart struct {
	end      int
	valid    bool
	at       int
	inString bool
}

// quoteNumber gives the quotes that a token needs in the place of the number
// that begins at start: none in text, those of the name before it in JSON.
func (f *finder) quoteNumber(start int) string {
	before := f.runBack(start, maxGap, isSpace)
	if f.lookAtJSON(start) && !f.json.inString {
		if c := f.at(before - 1); c == ':' || c == ',' || c == '[' {
			return `"`
		}
		return ""
	}
	// JSON within a string, or behind the prefix of a log line.
	if f.at(before-1) != ':' || f.at(before-2) != '"' {
		return ""
	}
	slashes := f.slashesBefore(before - 2)
	if slashes == 0 && f.json.valid {
		return ""
	}
	return f.s[before-2-slashes : before-1]
}

// lookAtJSON tells whether a place lies in JSON, and sets json.inString. It is
// asked for places in their order.
func (f *finder) lookAtJSON(at int) bool {
	p := &f.json
	if p.end == 0 && json.Valid([]byte(f.s)) {
		*p = jsonPart{end: len(f.s), valid: true}
	}
	if at >= p.end || at < p.at {
		start := strings.LastIndexByte(f.s[:at], '\n') + 1
		end := len(f.s)
		if i := strings.IndexByte(f.s[at:], '\n'); i >= 0 {
			end = at + i
		}
		*p = jsonPart{end: end, at: start, valid: json.Valid([]byte(f.s[start:end]))}
	}
	if !p.valid {
		return false
	}
	for ; p.at < at; p.at++ {
		switch f.s[p.at] {
		case '\\':
			p.at++
		case '"':
			p.inString = !p.inString
		}
	}
	return true
}

// opensQuote tells whether the quote at i, with so many backslashes before it,
// begins a value beside a name that has no quotes itself. It may as well end
// the JSON string that holds the name: {"msg":"enter password: ","user":"bob"}.
func (f *finder) opensQuote(i, slashes int) bool {
	if slashes == 0 && f.s[i] == '"' && f.lookAtJSON(i) && f.json.inString {
		return false
	}
	next := f.run(i+1, maxGap, isBlank)
	switch f.at(next) {
	case 0, '\n', '\r', ':':
		return false
	case ',':
		after := f.at(f.run(next+1, maxGap, func(c byte) bool { return isSpace(c) || c == '\\' }))
		return strings.IndexByte("\"'{[", after) < 0
	case '}', ']':
		after := f.at(next + 1)
		return after != 0 && strings.IndexByte(",}]\"\\ \n", after) < 0
	}
	return true
}

// stringLimit gives the end of the JSON string that holds a place, the end of
// the text where none does.
func (f *finder) stringLimit(at int) int {
	if !f.lookAtJSON(at) || !f.json.inString {
		return len(f.s)
	}
	for i := at; i < len(f.s); i++ {
		switch f.s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(f.s)
}
