package analyzer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"tocsin/pkg/events"
)

// Sizes of the evidence in bytes. Small models see about 4,096 tokens, some
// without a word when there is more; log text takes a token for three bytes.
const (
	maxBody      = 6000
	maxContext   = 1200
	minLineShown = 300
	maxFields    = 600
	lineNumber   = 8 // what a line's number costs
)

// evidence is what the model is shown of an event: its lines, numbered from 1
// as in the event's body, and what is known beside them.
type evidence struct {
	text string
	// lines that are shown, by number, in small letters.
	lines map[int]string
}

func newEvidence(e *events.Event) evidence {
	ev := evidence{lines: map[int]string{}}
	var b strings.Builder
	writeFacts(&b, e)
	writeContext(&b, "lines before", e.Before)
	b.WriteString("lines of the problem:\n")
	body := e.Body
	if strings.TrimSpace(body) == "" {
		body = e.Message
	}
	ev.writeBody(&b, strings.Split(strings.TrimRight(body, "\n"), "\n"))
	writeContext(&b, "lines after", e.After)
	ev.text = b.String()
	return ev
}

// writeFacts writes what is known beside the lines.
func writeFacts(b *strings.Builder, e *events.Event) {
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s: %s\n", name, shown(value, minLineShown))
		}
	}
	fact("host", e.Host)
	if !e.Time.IsZero() {
		fact("time", e.Time.Format(time.RFC3339))
	}
	fact("file", e.File)
	fact("kind", string(e.Kind))
	fact("level", e.Level)
	fact("severity", fmt.Sprintf("%.1f of 10", e.Severity))
	fact("rule", e.Rule)
	fact("headline", e.Message)
	fact("programming language", e.Language)
	fact("exception", e.Class)
	if k := e.Kernel; k != nil {
		fact("kernel report", k.Title)
		fact("type", k.Type)
		fact("process", k.Comm)
		fact("kernel version", k.Version)
		fact("hardware", k.Hardware)
		fact("tainted", k.Tainted)
		if k.BlockedFor > 0 {
			fact("blocked for", fmt.Sprintf("%d seconds", k.BlockedFor))
		}
	}
	room := maxFields
	for _, key := range slices.Sorted(maps.Keys(e.Fields)) {
		line := shown(key, 64) + "=" + shown(e.Fields[key], 200)
		if room -= len(line); room < 0 {
			break
		}
		fact("field", line)
	}
	if e.TruncatedBytes > 0 {
		fact("cut out of the lines", fmt.Sprintf("%d bytes", e.TruncatedBytes))
	}
}

func writeContext(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", title)
	each := max(minLineShown, maxContext/len(lines))
	room := maxContext
	for _, line := range lines {
		line = shown(line, each)
		if room -= len(line); room < 0 {
			break
		}
		fmt.Fprintf(b, "   %s\n", line)
	}
}

// writeBody writes the lines with their numbers. Where they are too many, the
// middle is left out: two thirds of the room are for the head.
func (ev *evidence) writeBody(b *strings.Builder, lines []string) {
	each := max(minLineShown, maxBody/len(lines)-lineNumber)
	head, tail := keptLines(lines, each)
	for i, line := range lines {
		switch {
		case i == head && tail > head:
			fmt.Fprintf(b, "   … %d lines are left out here …\n", tail-head)
			continue
		case i > head && i < tail:
			continue
		}
		line = shown(line, each)
		ev.lines[i+1] = strings.ToLower(line)
		fmt.Fprintf(b, "%d| %s\n", i+1, line)
	}
}

// keptLines tells that lines[:head] and lines[tail:] have room.
func keptLines(lines []string, each int) (head, tail int) {
	size := func(i int) int { return min(len(lines[i]), each) + lineNumber }
	total := 0
	for i := range lines {
		total += size(i)
	}
	if total <= maxBody {
		return len(lines), len(lines)
	}
	tail = len(lines)
	for room := maxBody * 2 / 3; head < len(lines) && room >= size(head); head++ {
		room -= size(head)
	}
	for room := maxBody / 3; tail > head && room >= size(tail-1); tail-- {
		room -= size(tail - 1)
	}
	return head, tail
}

// shown makes a text fit for one line of the question: no control characters,
// at most limit bytes, its middle cut.
func shown(text string, limit int) string {
	text = printable(text, false)
	if len(text) > limit {
		text, _ = events.CutMiddle(text, limit)
		text = strings.ReplaceAll(text, "\n", " ")
	}
	return text
}

// printable drops control characters, which may steer a terminal or forge a
// line; newlines stay where they are wanted.
func printable(text string, newlines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && newlines:
			return r
		case r == '\t', r == '\n':
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
