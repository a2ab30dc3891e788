package service

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// assignment is one NAME=value of a .env file.
type assignment struct {
	name, value string
	line        int // counted from 1
}

// brokenLine is a line of a .env file that is no assignment. It never quotes
// the line, which may hold a secret.
type brokenLine struct {
	line int
	name string // where it could be read
	want string
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// parseDotenv reads a .env file: lines of NAME=value or export NAME=value, with
// LF or CRLF, with or without a byte order mark. Blank lines and lines that
// start with # or // are passed over. Of two lines with the same name the later
// one counts. A broken line keeps no other from being read. Variables ($NAME)
// are not expanded, so that a key may hold a dollar sign.
func parseDotenv(data []byte) ([]assignment, []brokenLine) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, []brokenLine{{line: 1, want: "the file is UTF-16: save it as UTF-8"}}
	}
	var (
		found  []assignment
		broken []brokenLine
	)
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") {
			continue
		}
		name, raw, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if rest, exported := strings.CutPrefix(name, "export"); exported && rest != strings.TrimSpace(rest) {
			name = strings.TrimSpace(rest)
		}
		if !ok || !variableName.MatchString(name) {
			broken = append(broken, brokenLine{line: i + 1, want: "NAME=value, or a comment that starts with #"})
			continue
		}
		value, err := parseValue(raw)
		if err != nil {
			broken = append(broken, brokenLine{line: i + 1, name: name, want: err.Error()})
			continue
		}
		found = append(found, assignment{name: name, value: value, line: i + 1})
	}
	return found, broken
}

var (
	errOpenQuote  = errors.New("the quote must be closed on the same line")
	errAfterQuote = errors.New("nothing but a comment may follow the closing quote")
	errNotText    = errors.New("the value must be UTF-8 without control characters")
)

// parseValue reads what stands behind the equals sign: a value in quotes, else
// everything up to a comment. Between double quotes \" and \\ stand for one
// character; a backslash before anything else is itself, as in C:\new.
func parseValue(raw string) (string, error) {
	value := strings.TrimSpace(raw)
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		inside, rest, ok := cutQuoted(value)
		if !ok {
			return "", errOpenQuote
		}
		if rest = strings.TrimSpace(rest); rest != "" && !startsComment(rest) {
			return "", errAfterQuote
		}
		value = inside
	} else {
		value = cutComment(raw)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
		return "", errNotText
	}
	return value, nil
}

// environmentValue reads a value of the environment as parseValue does, for
// what "docker run --env-file" passes on as it stands in the file. What is not
// properly quoted is taken as it is.
func environmentValue(raw string) string {
	value, err := parseValue(raw)
	if err != nil {
		return cutComment(raw)
	}
	return value
}

// cutQuoted splits text that starts with a quote into what stands between the
// quotes and what follows.
func cutQuoted(text string) (inside, rest string, ok bool) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			return b.String(), text[i+1:], true
		case c == '\\' && quote == '"' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// cutComment ends a value before the first blank that is followed by // or #.
// A comment mark at the very start counts when a blank or nothing follows it,
// because some programs drop the blank between the equals sign and it.
func cutComment(raw string) string {
	if mark := strings.TrimLeft(raw, "#/"); startsComment(raw) && (mark == "" || startsBlank(mark)) {
		return ""
	}
	for i, r := range raw {
		if unicode.IsSpace(r) && startsComment(raw[i+utf8.RuneLen(r):]) {
			return strings.TrimSpace(raw[:i])
		}
	}
	return strings.TrimSpace(raw)
}

// isControl tells what no setting holds: a carriage return inside a line is the
// end of a line on systems long gone.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\t' }

func startsComment(s string) bool {
	return strings.HasPrefix(s, "#") || strings.HasPrefix(s, "//")
}

func startsBlank(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r)
}

var (
	// placeholder is what example files put where a value must be filled in.
	placeholder = regexp.MustCompile(`(?i)^(?:your[_-][^\s./,:]*|<your[^>]*>|change[_-]?me)$`)
	// urlPlaceholder is the same as a key inside an address.
	urlPlaceholder = regexp.MustCompile(`(?i)^https?://\S*[?&][^=&\s]*=(?:your[_-][^\s&]*|<your[^>]*>|change[_-]?me)(?:&|$)`)
)

// isPlaceholder tells whether a value still waits to be filled in.
func isPlaceholder(value string) bool {
	return placeholder.MatchString(value) || urlPlaceholder.MatchString(value)
}
