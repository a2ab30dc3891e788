package llm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxEvent bounds one server-sent event in bytes.
const maxEvent = 8 << 20

var (
	errEventTooLong = errors.New("an event of the stream is over 8 MiB")
	doneMark        = []byte("[DONE]")
)

// eventReader reads server-sent events (WHATWG HTML, 9.2.6) as servers really
// send them: LF or CRLF, "data:" with or without a space, comments as
// keep-alives, events without a blank line between them, a plain JSON body
// where a stream was asked for.
type eventReader struct {
	r     *bufio.Reader
	line  []byte
	data  []byte
	begun bool
	// bare: the data being collected came without "data:", as a JSON body that
	// a server prints over several lines does.
	bare bool
}

func newEventReader(r io.Reader) *eventReader {
	return &eventReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next gives the data of the next event, valid until the following call, and
// io.EOF at the end. Data that is not complete JSON when the event or the
// stream ends is given as it is.
func (e *eventReader) next() ([]byte, error) {
	e.data, e.bare = e.data[:0], false
	for {
		line, err := e.readLine()
		if err != nil {
			if errors.Is(err, io.EOF) && len(e.data) > 0 {
				return e.data, nil
			}
			return nil, err
		}
		payload, isData := bytes.CutPrefix(line, []byte("data:"))
		switch {
		case len(line) == 0:
			if len(e.data) > 0 && !e.bare {
				return e.data, nil
			}
			continue
		case isData:
			payload = bytes.TrimPrefix(payload, []byte(" "))
		case e.bare, line[0] == '{', line[0] == '<':
			e.bare = true
		default:
			continue // a comment, or a field that means nothing here
		}
		if len(e.data) > 0 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, payload...)
		switch {
		case len(e.data) > maxEvent:
			return nil, errEventTooLong
		case bytes.Equal(e.data, doneMark), bytes.HasPrefix(e.data, []byte("<")), json.Valid(e.data):
			return e.data, nil
		}
	}
}

// readLine gives a line without its ending; the last may lack one.
func (e *eventReader) readLine() ([]byte, error) {
	e.line = e.line[:0]
	for {
		part, err := e.r.ReadSlice('\n')
		e.line = append(e.line, part...)
		if len(e.line) > maxEvent {
			return nil, errEventTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(e.line) == 0) {
			return nil, err
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(e.line, []byte("\n")), []byte("\r"))
		if !e.begun {
			e.begun = true
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		return line, nil
	}
}
