package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Waker ends the sleep between two looks at a file. The collector's own polls;
// tests drive one by hand.
type Waker interface {
	// Wait returns after at most d, or with the error of ctx.
	Wait(ctx context.Context, d time.Duration) error
}

// pollWaker wakes by time alone.
type pollWaker struct{}

func (pollWaker) Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// How often a file is looked at, from just after it grew to long idle. With
// EVENT_QUIET a line written to an idle file is published within a second.
const (
	minPoll = 50 * time.Millisecond
	maxPoll = 500 * time.Millisecond
	// sourcePoll is how often paths and globs are looked at.
	sourcePoll = time.Second
)

const (
	// maxLine is where a line is cut, in bytes.
	maxLine = 1 << 20
	// chunk is how much is read at once.
	chunk = 128 << 10
	// tailCheck is how many bytes before the offset tell that the file was not
	// truncated and written anew.
	tailCheck = 64
)

// errTruncated: the bytes before the offset are not those that were read.
var errTruncated = errors.New("the file was truncated or written anew")

// newBuffers makes the pool that all files share: only one that is being read
// holds a buffer.
func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, chunk+tailCheck); return &b }}
}

// lineReader cuts one open file into lines. A line is given only with its
// newline.
type lineReader struct {
	f       io.ReaderAt
	buffers *sync.Pool
	// off is where the next line starts, num its number.
	off, num int64
	// tail are the last bytes before pos.
	tail []byte
	// head is the kept part of a line that is too long, seen up to where it has
	// been looked through for its end.
	head []byte
	seen int64
}

// pos is up to where the file has been read.
func (r *lineReader) pos() int64 {
	if r.head != nil {
		return r.seen
	}
	return r.off
}

func newLineReader(f io.ReaderAt, buffers *sync.Pool, off, num int64) (*lineReader, error) {
	r := &lineReader{f: f, buffers: buffers, off: off, num: max(num, 1)}
	n := min(off, tailCheck)
	r.tail = make([]byte, n, tailCheck)
	if n == 0 {
		return r, nil
	}
	if _, err := f.ReadAt(r.tail, off-n); err != nil {
		return nil, fmt.Errorf("cannot read the %d bytes before offset %d: %w", n, off, err)
	}
	return r, nil
}

// read gives the complete lines of the next chunk to each and tells how many
// bytes it went on; 0 = there is no complete line, and no more of one, now.
func (r *lineReader) read(each func(line)) (int64, error) {
	p := r.buffers.Get().(*[]byte)
	defer r.buffers.Put(p)
	if r.head != nil {
		return r.readLong(*p, each)
	}
	buf := *p
	for {
		n, err := r.fill(buf)
		if err != nil || n == 0 {
			return 0, err
		}
		data := buf[len(r.tail) : len(r.tail)+n]
		if done := r.cut(data, each); done > 0 {
			return done, nil
		}
		switch {
		case len(r.tail)+n < len(buf):
			return 0, nil // the line is not finished
		case n < maxLine:
			buf = make([]byte, min(2*len(buf), maxLine+tailCheck))
		default:
			r.head = append([]byte(nil), data[:maxLine]...)
			r.seen = r.off + maxLine
			r.remember(r.head)
			return maxLine, nil
		}
	}
}

// fill reads the tail and what follows it, and checks the tail.
func (r *lineReader) fill(buf []byte) (int, error) {
	n, err := r.f.ReadAt(buf, r.pos()-int64(len(r.tail)))
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("cannot read at offset %d: %w", r.pos(), err)
	}
	if n < len(r.tail) || !bytes.Equal(buf[:len(r.tail)], r.tail) {
		return 0, errTruncated
	}
	return n - len(r.tail), nil
}

// intact tells whether the bytes before pos are still those that were read;
// also if that cannot be told.
func (r *lineReader) intact() bool {
	_, err := r.fill(make([]byte, len(r.tail)))
	return !errors.Is(err, errTruncated)
}

// cut gives out the complete lines of data.
func (r *lineReader) cut(data []byte, each func(line)) int64 {
	done := 0
	for {
		i := bytes.IndexByte(data[done:], '\n')
		if i < 0 {
			break
		}
		text := data[done : done+i]
		next := r.off + int64(i) + 1
		r.give(text, next, each)
		done += i + 1
	}
	if done > 0 {
		r.remember(data[:done])
	}
	return int64(done)
}

// give gives out one line and steps over it.
func (r *lineReader) give(text []byte, next int64, each func(line)) {
	l := line{off: r.off, next: next, num: r.num}
	if len(text) > maxLine {
		l.cut = int64(len(text) - maxLine)
		text = text[:maxLine]
	}
	l.text = bytes.TrimSuffix(text, []byte{'\r'})
	r.off, r.num = next, r.num+1
	each(l)
}

func (r *lineReader) remember(data []byte) {
	if len(data) >= tailCheck {
		r.tail = append(r.tail[:0], data[len(data)-tailCheck:]...)
		return
	}
	r.tail = append(r.tail, data...)
	if over := len(r.tail) - tailCheck; over > 0 {
		r.tail = append(r.tail[:0], r.tail[over:]...)
	}
}

// readLong looks for the end of a line that is too long.
func (r *lineReader) readLong(buf []byte, each func(line)) (int64, error) {
	n, err := r.fill(buf)
	if err != nil {
		return 0, err
	}
	data := buf[len(r.tail) : len(r.tail)+n]
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		r.seen += int64(n)
		r.remember(data)
		return int64(n), nil
	}
	next := r.seen + int64(i) + 1
	l := line{off: r.off, next: next, num: r.num, text: r.head, cut: next - 1 - r.off - int64(len(r.head))}
	r.head = nil
	r.off, r.num = next, r.num+1
	r.remember(data[:i+1])
	each(l)
	return int64(i) + 1, nil
}

// rest gives the line at the end of the file that has no newline, as it is.
func (r *lineReader) rest(size int64, each func(line)) error {
	if size <= r.off {
		return nil
	}
	n := min(size-r.off, maxLine)
	buf := make([]byte, n)
	if _, err := r.f.ReadAt(buf, r.off); err != nil && err != io.EOF {
		return fmt.Errorf("cannot read at offset %d: %w", r.off, err)
	}
	l := line{off: r.off, next: size, num: r.num, cut: size - r.off - n}
	l.text = bytes.TrimSuffix(buf, []byte{'\r'})
	r.head = nil
	r.off, r.num = size, r.num+1
	r.tail = nil
	each(l)
	return nil
}

// holeEnd gives where the first byte of a file stands that is not NUL: a writer
// that does not append goes on at its old offset after a truncation, and leaves
// a hole before it.
func holeEnd(ctx context.Context, f io.ReaderAt) (int64, error) {
	buf := make([]byte, chunk)
	for off := int64(0); ; off += chunk {
		n, err := f.ReadAt(buf, off)
		if i := bytes.IndexFunc(buf[:n], func(c rune) bool { return c != 0 }); i >= 0 {
			return off + int64(i), nil
		}
		if err == io.EOF {
			return off + int64(n), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("cannot read at offset %d: %w", off, err)
		}
	}
}

// sizeOf is the size of an open file, and when it was written to.
func sizeOf(f *os.File) (int64, time.Time, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("cannot stat %s: %w", f.Name(), err)
	}
	return info.Size(), info.ModTime(), nil
}
