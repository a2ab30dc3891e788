// Package fingerprint tells which events are the same problem: a text made of
// an event's content alone, equal for the same problem whatever its time, host,
// file, process or address.
package fingerprint

import (
	"strings"
	"unicode/utf8"

	"tocsin/pkg/events"
)

// Version begins every fingerprint. It grows whenever the rules change, so that
// fingerprints of two versions are never taken for each other.
const Version = "2"

// MaxLen is the most bytes a fingerprint has.
const MaxLen = 1024

// maxFrames is how many frames of a stack count: what called them differs from one way
// into the same fault to the next.
const maxFrames = 5

// Of gives the fingerprint of a masked event: a pure function of its kind and
// message, for a stack of its class and frames, for a report of the kernel of
// its title, frames and body.
func Of(e *events.Event) string {
	switch e.Kind {
	case events.KindStack:
		return cut(Version+" stack "+stack(e), MaxLen)
	case events.KindKernel:
		return cut(Version+" kernel "+kernel(e), MaxLen)
	}
	return normalise(Version+" log ", headline(e))
}

// headline is the message, or the first line of the body where there is none.
func headline(e *events.Event) string {
	if e.Message != "" {
		return e.Message
	}
	line, _, _ := strings.Cut(strings.TrimLeft(e.Body, "\r\n"), "\n")
	return line
}

// cut shortens s to at most n bytes, never inside a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
