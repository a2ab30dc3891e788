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
		short = append(short, cutEnd(line, limit))
	}
	return short
}

// cutRest is the last resort: it shortens every text that a log can make long
// and leaves out what is no use when cut.
func cutRest(e *Event, limit int) {
	for _, s := range []*string{&e.Host, &e.Level, &e.SeverityReason, &e.Rule, &e.Language, &e.Class, &e.Message} {
		*s = cutEnd(*s, limit)
	}
	e.Tags = cutLines(e.Tags[:min(len(e.Tags), 20)], limit)
	e.Frames = nil
	if k := e.Kernel; k != nil {
		e.Kernel = &Kernel{Title: cutEnd(k.Title, limit), Type: cutEnd(k.Type, limit), Comm: cutEnd(k.Comm, limit),
			CPU: k.CPU, PID: k.PID, BlockedFor: k.BlockedFor, Corrupted: k.Corrupted}
	}
}

// cutEnd keeps the first limit bytes of s, less where a character would be cut.
func cutEnd(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:runeStart(s, max(limit, 0))]
}

// CutMiddle shortens text to at most limit bytes by taking out its middle: two
// thirds of what stays are the head, one third the tail, cut at line ends where
// one is near and never inside a character. The place of the cut says how many
// bytes are missing, the second result too.
func CutMiddle(text string, limit int) (string, int) {
	if len(text) <= limit {
		return text, 0
	}
	const room = 64 // for the mark
	if limit <= 2*room {
		short := cutEnd(text, limit)
		return short, len(text) - len(short)
	}
	keep := limit - room
	head := runeStart(text, keep*2/3)
	tail := len(text) - keep/3
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	if i := strings.LastIndexByte(text[:head], '\n'); i > head/2 {
		head = i + 1
	}
	if i := strings.IndexByte(text[tail:], '\n'); i >= 0 && i < (len(text)-tail)/2 {
		tail += i + 1
	}
	return text[:head] + fmt.Sprintf("… %d bytes cut …\n", tail-head) + text[tail:], tail - head
}

// runeStart gives the largest index ≤ i at which a character of s starts.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
