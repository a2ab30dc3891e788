package alerter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

const channelTerminal = "terminal"

// Formats of the terminal channel.
const (
	// FormatText is a block for people.
	FormatText = "text"
	// FormatJSONL is one JSON object a notification.
	FormatJSONL = "jsonl"
)

// terminal writes notifications to a stream, one call of Write each.
type terminal struct {
	mu     sync.Mutex
	out    io.Writer
	format string
	colour bool
	labels labels
}

func newTerminal(out io.Writer, format string, l labels) *terminal {
	return &terminal{out: out, format: format, colour: colourful(out), labels: l}
}

// colourful tells whether out is a terminal whose user did not refuse colours
// (https://no-color.org).
func colourful(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

func (t *terminal) Name() string { return channelTerminal }

func (t *terminal) Send(_ context.Context, n *Notification) error {
	var data []byte
	if t.format == FormatJSONL {
		var err error
		if data, err = encodeJSON(n); err != nil {
			return fmt.Errorf("cannot encode it: %w", err)
		}
		data = append(data, '\n')
	} else {
		data = t.block(newView(n, t.labels))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	written, err := t.out.Write(data)
	switch {
	case err == nil:
		return nil
	case written > 0:
		return &UnknownError{Err: fmt.Errorf("only %d of %d bytes were written: %w", written, len(data), err)}
	default:
		return &RetryError{Err: err}
	}
}

// Colours of the tiers, and of what matters less.
var tierColours = [tierCount]string{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m"}

const dim, plain = "\x1b[2m", "\x1b[0m"

func (t *terminal) paint(colour, text string) string {
	if !t.colour {
		return text
	}
	return colour + text + plain
}

// block is a notification as a person wants to read it.
func (t *terminal) block(v view) []byte {
	var b bytes.Buffer
	head := "[" + v.severity + "]"
	fmt.Fprintf(&b, "%s %s: %s\n", t.paint(tierColours[v.tier], head), v.host, v.title)
	field := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %s %s\n", t.paint(dim, pad(label)), text)
		}
	}
	field(t.labels.where, v.place)
	field(t.labels.count, v.count)
	for _, note := range v.notes {
		field(t.labels.note, note)
	}
	for _, text := range v.before {
		fmt.Fprintf(&b, "    %s\n", t.paint(dim, "  "+text))
	}
	for _, text := range v.lines {
		fmt.Fprintf(&b, "    | %s\n", text)
	}
	for _, text := range v.after {
		fmt.Fprintf(&b, "    %s\n", t.paint(dim, "  "+text))
	}
	field(t.labels.cause, v.cause)
	field(t.labels.impact, v.impact)
	for i, step := range v.fix {
		label := ""
		if i == 0 {
			label = t.labels.fix
		}
		field(label, fmt.Sprintf("%d. %s", i+1, step))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// pad fills a label up to six columns; a Chinese character takes two.
func pad(label string) string {
	columns := 0
	for _, r := range label {
		columns++
		if r >= 0x2e80 {
			columns++
		}
	}
	for ; columns < 6; columns++ {
		label += " "
	}
	return label
}
