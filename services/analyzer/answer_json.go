package analyzer

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"tocsin/pkg/events"
)

// object holds the fields of a JSON object by their names in small letters
// without anything but letters: "root_cause" and "Root Cause" are "rootcause".
type object map[string]any

// known are the fields by which an answer is recognised.
var known = []string{"rootcause", "impact", "fix", "commands", "category", "confidence", "claims"}

// maxStarts bounds how many braces are tried as the start of the object.
const maxStarts = 50

// findObject gives the first object in a text that has a field asked for; nil
// if there is none. One that is cut off, as by a length limit, gives what is
// there of it.
func findObject(text string) object {
	at := 0
	for range maxStarts {
		i := strings.IndexByte(text[at:], '{')
		if i < 0 {
			return nil
		}
		at += i
		o := readObject(escapeControls(text[at:]))
		for _, name := range known {
			if v, ok := o[name]; ok && v != nil {
				return o
			}
		}
		at++
	}
	return nil
}

// readObject reads the object that a text starts with, field by field, as far
// as it goes.
func readObject(text string) object {
	o := object{}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil {
		return o
	}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return o
		}
		rest := text[dec.InputOffset():]
		var value any
		if err := dec.Decode(&value); err != nil {
			o.set(name, cutString(rest))
			return o
		}
		o.set(name, value)
	}
	return o
}

// set keeps the first value of a name.
func (o object) set(name string, value any) {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	if _, there := o[name]; !there && value != nil {
		o[name] = value
	}
}

// cutString gives the start of a string value whose end is missing; nil where
// another value was cut.
func cutString(rest string) any {
	rest = strings.TrimLeft(rest, ": \n\t\r")
	if !strings.HasPrefix(rest, `"`) {
		return nil
	}
	// The cut may lie inside an escape, \uXXXX at most.
	for cut := 0; cut <= 6 && cut < len(rest); cut++ {
		var s string
		if json.Unmarshal([]byte(rest[:len(rest)-cut]+`"`), &s) == nil {
			return s
		}
	}
	return nil
}

// escapeControls escapes newlines and other control characters inside strings,
// which models write and JSON forbids.
func escapeControls(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 }) {
		return text
	}
	var b strings.Builder
	inString, escaped := false, false
	for i := range len(text) {
		c := text[i]
		switch {
		case inString && c < 0x20:
			fmt.Fprintf(&b, `\u%04x`, c)
			escaped = false
			continue
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (o object) text(name string) string { return asText(o[name]) }

func (o object) list(name string) []string { return asList(o[name]) }

// asText makes one text of whatever stands where a text was asked.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any, map[string]any:
		return strings.Join(asList(v), "\n")
	}
	return ""
}

// asList makes a list of whatever stands where a list was asked: the lines of a
// text, the items of a list, "key: value" of an object.
func asList(v any) []string {
	var list []string
	switch v := v.(type) {
	case string:
		return strings.Split(v, "\n")
	case []any:
		for _, item := range v {
			list = append(list, strings.ReplaceAll(asText(item), "\n", "; "))
		}
	case map[string]any:
		for key, item := range v {
			list = append(list, key+": "+strings.ReplaceAll(asText(item), "\n", "; "))
		}
		slices.Sort(list) // an object has no order
	default:
		if text := asText(v); text != "" {
			list = []string{text}
		}
	}
	return list
}

// number reads a number, or a text that starts with one, such as "85%".
func number(v any) (float64, bool) {
	text := strings.TrimSpace(asText(v))
	end := 0
	for end < len(text) && strings.IndexByte("0123456789.-+", text[end]) >= 0 {
		end++
	}
	f, err := strconv.ParseFloat(text[:end], 64)
	return f, err == nil && !math.IsNaN(f)
}

// confidence gives 0 to 100; a fraction below 1 was meant as a part of one.
func confidence(v any) int {
	f, ok := number(v)
	if !ok {
		return 0
	}
	if f > 0 && f < 1 {
		f *= 100
	}
	return int(math.Round(max(0, min(f, 100))))
}

// claims reads a list of {text, lines}, one of them alone, or plain texts.
func claims(v any) []events.Claim {
	var items []any
	switch v := v.(type) {
	case []any:
		items = v
	case nil:
		return nil
	default:
		items = []any{v}
	}
	var list []events.Claim
	for _, item := range items {
		var c events.Claim
		if fields, ok := item.(map[string]any); ok {
			o := object{}
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				o.set(name, fields[name])
			}
			c.Text = o.text("text")
			if c.Text == "" {
				c.Text = o.text("claim")
			}
			c.Lines = lineNumbers(o["lines"])
			if c.Lines == nil {
				c.Lines = lineNumbers(o["line"])
			}
		} else {
			c.Text = asText(item)
		}
		if c.Text = bounded(c.Text, maxItem); c.Text != "" && len(list) < maxClaims {
			list = append(list, c)
		}
	}
	return list
}

// lineNumbers reads numbers, numeric texts and ranges such as "3-5", alone or
// in a list.
func lineNumbers(v any) []int {
	var lines []int
	add := func(n int) {
		if len(lines) < maxCited && n > 0 && !slices.Contains(lines, n) {
			lines = append(lines, n)
		}
	}
	var read func(v any)
	read = func(v any) {
		if list, ok := v.([]any); ok {
			for _, item := range list {
				read(item)
			}
			return
		}
		for part := range strings.SplitSeq(asText(v), ",") {
			from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
			first, err := strconv.Atoi(strings.TrimSpace(from))
			if err != nil {
				continue
			}
			last := first
			if isRange {
				if last, err = strconv.Atoi(strings.TrimSpace(to)); err != nil {
					last = first
				}
			}
			for n := first; n <= last && n < first+maxCited; n++ {
				add(n)
			}
		}
	}
	read(v)
	return lines
}
