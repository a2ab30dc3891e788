package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Encode gives the event as one line of JSON without a newline. Markup
// characters stay as they are ("<TASK>" is not escaped); invalid UTF-8 becomes
// U+FFFD, severity is rounded to one decimal.
func Encode(e *Event) ([]byte, error) {
	out := *e
	out.Severity = math.Round(out.Severity*10) / 10
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&out); err != nil {
		return nil, fmt.Errorf("cannot encode event %s: %w", e.ID, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// Decode reads what Encode wrote. Its errors never quote the text of the
// event, which may hold secrets.
func Decode(data []byte) (*Event, error) {
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("cannot decode event of %d bytes: %s", len(data), safeJSONError(err))
	}
	if e.ID == "" {
		return nil, fmt.Errorf("cannot decode event of %d bytes: it has no id", len(data))
	}
	return &e, nil
}

// safeJSONError tells what is wrong without the offending value.
func safeJSONError(err error) string {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Sprintf("not JSON at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("field %q at byte %d has another type", e.Field, e.Offset)
	default:
		return "not an event"
	}
}

func marshalText(s string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// Fit shortens the event until its encoding has at most limit bytes and gives
// that encoding. It cuts the middle of the body, then context, fields, the
// middle of the frames and the message; TruncatedBytes grows by what was cut
// from the body, and the cut is marked in the text.
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
		func() { cutBody(limit / 8) }, // a body of control characters grows sixfold in JSON
		func() { e.Before, e.After = nil, nil },
		func() { e.Frames = cutFrames(e.Frames, 200) },
		func() {
			if e.Kernel != nil {
				e.Kernel.Traces, e.Kernel.Locks = nil, nil
			}
		},
		func() { e.Fields = nil },
		func() { e.Message, _ = CutMiddle(e.Message, 4<<10) },
		func() { cutBody(4 << 10); e.Frames = cutFrames(e.Frames, 20) },
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
		short := text[:runeStart(text, max(limit, 0))]
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
