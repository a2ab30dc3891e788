package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Encode gives the event as one line of JSON without a newline. Markup
// characters stay as they are ("<TASK>" is not escaped); invalid UTF-8 becomes
// U+FFFD, severity is held between 0 and 10 and rounded to one decimal, and a
// time that JSON cannot hold counts as not known.
func Encode(e *Event) ([]byte, error) {
	out := *e
	out.Severity = roundSeverity(out.Severity)
	out.Time, out.ObservedAt = encodable(out.Time), encodable(out.ObservedAt)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&out); err != nil {
		return nil, fmt.Errorf("cannot encode event %s: %w", e.ID, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

func roundSeverity(s float64) float64 {
	if math.IsNaN(s) {
		return 0
	}
	return math.Round(min(max(s, 0), 10)*10) / 10
}

// encodable gives the zero time for one outside RFC 3339: a number in a log
// that was taken for seconds since 1970 may lie in the year 50,000.
func encodable(t time.Time) time.Time {
	_, offset := t.Zone()
	if y := t.Year(); y < 0 || y > 9999 || offset <= -24*3600 || offset >= 24*3600 {
		return time.Time{}
	}
	return t
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
