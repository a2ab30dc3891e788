package collector

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"tocsin/pkg/events"
)

// ScanOptions are for reading a stream once, without broker and offsets.
type ScanOptions struct {
	// Host of the events whose lines name none.
	Host string
	// Location of times that name no zone; nil = the machine's.
	Location *time.Location
	// CellTrace: kernel reports are recognised.
	CellTrace bool
	// All makes every line an event, without assembling.
	All bool
	// ModTime is the time of lines before the first that tells one.
	ModTime time.Time
	// Now is the clock of observed_at; nil = the machine's.
	Now func() time.Time
}

// Scan reads a whole stream named name and gives its events to emit, in the
// order of the stream. It ends with the error of ctx, of the stream or of emit.
func Scan(ctx context.Context, o ScanOptions, r io.Reader, name string, emit func(*events.Event) error) error {
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e, err := newEnv(o.Host, o.Location, o.CellTrace, o.Now)
	if err != nil {
		return fmt.Errorf("cannot scan %s: %w", name, err)
	}
	return scan(ctx, e, o, r, name, emit)
}

// scan is Scan with rules that are read already.
func scan(ctx context.Context, e *env, o ScanOptions, r io.Reader, name string, emit func(*events.Event) error) error {
	info := fileInfo{path: name, generation: mint(o.Host, name, "", 0, o.ModTime, nil), mod: o.ModTime, opened: math.MaxInt64}
	s := &scanner{env: e, info: info, emit: emit, asm: newAssembler(e, info, point{ContextLine: 1}, 0, 0)}
	in := bufio.NewReaderSize(r, chunk)
	for {
		l, err := s.next(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("cannot read %s at offset %d: %w", name, s.off, err)
		}
		if l != nil {
			if err := s.take(*l, o.All); err != nil {
				return err
			}
		}
		if err != nil {
			break
		}
		if s.num&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	s.asm.flush()
	return s.give()
}

// scanner cuts a stream into lines.
type scanner struct {
	env  *env
	info fileInfo
	emit func(*events.Event) error
	asm  *assembler
	off  int64
	num  int64
	buf  []byte
	last time.Time
}

// next reads a line; nil and io.EOF at the end. A line too long is cut.
func (s *scanner) next(in *bufio.Reader) (*line, error) {
	s.buf = s.buf[:0]
	size := int64(0)
	for {
		part, err := in.ReadSlice('\n')
		size += int64(len(part))
		s.buf = append(s.buf, part[:min(len(part), maxLine+1-min(len(s.buf), maxLine+1))]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if size == 0 {
			return nil, err
		}
		s.num++
		l := &line{off: s.off, next: s.off + size, num: s.num}
		s.off += size
		text := s.buf
		if err == nil {
			size--
			text = text[:min(int64(len(text)), size)]
		}
		text = text[:min(len(text), maxLine)]
		l.cut = size - int64(len(text))
		l.text = bytes.TrimSuffix(text, []byte{'\r'})
		return l, err
	}
}

func (s *scanner) take(l line, all bool) error {
	if all {
		return s.emit(s.single(l))
	}
	s.asm.feed(l)
	return s.give()
}

func (s *scanner) give() error {
	for _, e := range s.asm.unsent() {
		if err := s.emit(e); err != nil {
			return err
		}
	}
	s.asm.sent()
	return nil
}

// single makes an event of a line, whatever it is.
func (s *scanner) single(l line) *events.Event {
	ref := s.last
	if ref.IsZero() {
		ref = s.info.mod
	}
	d := decodeLine(l.text, yearReference(s.last, s.info.mod, true), s.env.location)
	r := &record{start: l.off, end: l.end(), first: l.num, last: l.num, head: d, time: d.time, cut: l.cut}
	if r.time.IsZero() {
		r.time = ref
	} else {
		s.last = r.time
	}
	if s.env.recogniser.Find(l.text, &s.asm.found) {
		r.match, r.hit = s.env.recogniser.Recognise(&s.asm.found, d)
	}
	if !r.hit {
		r.match.Reason = "no rule"
	}
	r.body.add(d.text)
	return r.event(s.env, s.info)
}
