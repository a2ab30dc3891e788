package collector

import (
	"fmt"
	"strings"

	"tocsin/pkg/events"
)

// Limits of an event's text while it is put together, in bytes. What is over
// is cut from the middle; the lines that name causes are kept.
const (
	maxHead  = 256 << 10
	maxTail  = 96 << 10
	maxCause = 32 << 10
	// maxBodyLine is the most one line may fill of the body.
	maxBodyLine = 64 << 10
)

// body collects the lines of one event in bounded memory.
type body struct {
	head, causes, tail []string
	headBytes          int
	causeBytes         int
	tailBytes          int
	// cut counts the bytes left out.
	cut int64
}

func (b *body) add(text string) {
	if len(text) > maxBodyLine {
		kept := events.CutEnd(text, maxBodyLine)
		cut := len(text) - len(kept)
		b.cut += int64(cut)
		text = kept + fmt.Sprintf("… %d bytes cut …", cut)
	}
	size := len(text) + 1
	if len(b.tail) == 0 && b.headBytes+size <= maxHead {
		b.head = append(b.head, text)
		b.headBytes += size
		return
	}
	b.tail = append(b.tail, text)
	b.tailBytes += size
	for b.tailBytes > maxTail && len(b.tail) > 1 {
		b.drop(b.tail[0])
		b.tailBytes -= len(b.tail[0]) + 1
		b.tail[0] = ""
		b.tail = b.tail[1:]
	}
}

// drop leaves a line of the middle out, unless it names a cause.
func (b *body) drop(text string) {
	t := strings.TrimLeft(text, " \t")
	if strings.HasPrefix(t, "Caused by: ") || strings.HasPrefix(t, "Suppressed: ") {
		if b.causeBytes+len(text) < maxCause {
			b.causes = append(b.causes, text)
			b.causeBytes += len(text) + 1
			return
		}
	}
	b.cut += int64(len(text) + 1)
}

// lines gives what was kept, in order.
func (b *body) lines() []string {
	if len(b.tail) == 0 {
		return b.head
	}
	out := append([]string{}, b.head...)
	out = append(out, b.causes...)
	return append(out, b.tail...)
}

// text gives the lines with the cut marked, and how many bytes are missing.
func (b *body) text() (string, int64) {
	if len(b.tail) == 0 || b.cut == 0 {
		return strings.Join(b.lines(), "\n"), b.cut
	}
	out := append([]string{}, b.head...)
	out = append(out, fmt.Sprintf("… %d bytes cut …", b.cut))
	out = append(out, b.causes...)
	out = append(out, b.tail...)
	return strings.Join(out, "\n"), b.cut
}
