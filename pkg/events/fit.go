package events

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Fit shortens the event until its encoding has at most limit bytes and gives
// that encoding. It cuts the middle of the body and of a long list of frames,
// then context, further kernel traces, fields, the message and at last whatever
// else the log wrote. TruncatedBytes grows by what was cut from the body, and
// the cut is marked in the text. Fingerprint, masked counts and analysis stay:
// who makes them bounds them.
func Fit(e *Event, limit int) ([]byte, error) {
	data, err := Encode(e)
	if err != nil || len(data) <= limit {
		return data, err
	}
	whole, before := e.Body, e.TruncatedBytes
	cutBody := func(limit int) {
		body, cut := CutMiddle(whole, limit)
		e.Body, e.TruncatedBytes = body, before+int64(cut)
	}
	steps := []func(){
		func() { cutBody(limit / 2) },
		func() { e.Frames = cutFrames(e.Frames, 200) },
		func() { e.Before, e.After = cutLines(e.Before, 1<<10), cutLines(e.After, 1<<10) },
		func() { e.Before, e.After = nil, nil },
		func() { cutBody(limit / 8) }, // a body of control characters grows sixfold in JSON
		func() {
			if e.Kernel != nil {
				e.Kernel.Traces, e.Kernel.Locks = nil, nil
			}
		},
		func() { e.Fields = nil },
		func() { e.Message, _ = CutMiddle(e.Message, 4<<10) },
		func() { cutBody(4 << 10); e.Frames = cutFrames(e.Frames, 20) },
		func() { cutRest(e, 256) },
	}
	for _, step := range steps {
		step()
		if data, err = Encode(e); err != nil || len(data) <= limit {
			return data, err
		}
	}
	return nil, fmt.Errorf("cannot fit event %s into %d bytes: %d are left after every cut", e.ID, limit, len(data))
}

// cutFrames keeps the first three quarters and the last quarter of n frames.
func cutFrames(frames []Frame, n int) []Frame {
	if len(frames) <= n {
		return frames
	}
	head := n * 3 / 4
	return append(append([]Frame{}, frames[:head]...), frames[len(frames)-(n-head):]...)
}

// cutLines shortens each line to limit bytes.
func cutLines(lines []string, limit int) []string {
	var short []string
	for _, line := range lines {
		short = append(short, CutEnd(line, limit))
	}
	return short
}

// cutRest is the last resort: it shortens every text that a log can make long
// and leaves out what is no use when cut.
func cutRest(e *Event, limit int) {
	for _, s := range []*string{&e.Host, &e.Level, &e.SeverityReason, &e.Rule, &e.Language, &e.Class, &e.Message} {
		*s = CutEnd(*s, limit)
	}
	e.Tags = cutLines(e.Tags[:min(len(e.Tags), 20)], limit)
	e.Frames = nil
	if k := e.Kernel; k != nil {
		e.Kernel = &Kernel{Title: CutEnd(k.Title, limit), Type: CutEnd(k.Type, limit), Comm: CutEnd(k.Comm, limit),
			CPU: k.CPU, PID: k.PID, BlockedFor: k.BlockedFor, Corrupted: k.Corrupted}
	}
}

// CutEnd keeps at most the first limit bytes of text, cut where no word is
// halved: what is cut may not be masked yet, and half a password, or one
// without the "@" behind it, is no longer recognised as one. It cuts behind the
// last blank, character outside ASCII or end of a JSON value, and before a
// quotation that the cut would leave open. Nothing stays of a text that has no
// such place.
func CutEnd(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	head := text[:runeStart(text, max(limit, 0))]
	line := head[strings.LastIndexByte(head, '\n')+1:]
	if open := openQuote(line); open >= 0 {
		head = head[:len(head)-len(line)+open]
	}
	for end := len(head); end > 0; end-- {
		switch c := head[end-1]; {
		case c == ' ', c == '\t', c == '\n', c >= utf8.RuneSelf:
			return head[:end]
		case c == ',' && end > 1 && strings.IndexByte(`"}]`, head[end-2]) >= 0:
			return head[:end]
		}
	}
	return ""
}

// openQuote gives where a quotation begins that line does not close, else -1.
func openQuote(line string) int {
	open := -1
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '"' && open < 0:
			open = i
		case line[i] == '"':
			open = -1
		}
	}
	return open
}

// CutMiddle shortens text to at most limit bytes by taking out its middle: two
// thirds of what stays are the head, cut as CutEnd does, one third the tail,
// which begins at a line's start (a text of one line has none). The place of
// the cut says how many bytes are missing, the second result too.
func CutMiddle(text string, limit int) (string, int) {
	if len(text) <= limit {
		return text, 0
	}
	const room = 64 // for the mark
	if limit <= 2*room {
		short := CutEnd(text, limit)
		return short, len(text) - len(short)
	}
	keep := limit - room
	head := CutEnd(text, keep*2/3)
	if i := strings.LastIndexByte(head, '\n'); i > len(head)/2 {
		head = head[:i+1]
	}
	tail := ""
	if i := strings.IndexByte(text[len(text)-keep/3:], '\n'); i >= 0 {
		tail = text[len(text)-keep/3+i+1:]
	}
	cut := len(text) - len(head) - len(tail)
	return head + fmt.Sprintf("… %d bytes cut …\n", cut) + tail, cut
}

// runeStart gives the largest index ≤ i at which a character of s starts.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
