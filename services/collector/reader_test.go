package collector

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func readAll(t *testing.T, data string, off, num int64) ([]line, *lineReader) {
	t.Helper()
	r, err := newLineReader(bytes.NewReader([]byte(data)), newBuffers(), off, num)
	if err != nil {
		t.Fatal(err)
	}
	var out []line
	for {
		n, err := r.read(func(l line) {
			l.text = bytes.Clone(l.text)
			out = append(out, l)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return out, r
		}
	}
}

func TestReader(t *testing.T) {
	lines, r := readAll(t, "a\r\n\n  b\nrest", 0, 1)
	if len(lines) != 3 || string(lines[0].text) != "a" || string(lines[1].text) != "" || string(lines[2].text) != "  b" || lines[2].off != 4 || lines[2].num != 3 || r.off != 8 {
		t.Errorf("lines %+v, offset %d", lines, r.off)
	}
	lines, _ = readAll(t, "a\nb\n", 2, 2)
	if len(lines) != 1 || lines[0].num != 2 || lines[0].off != 2 {
		t.Errorf("resumed %+v", lines)
	}
	var last line
	if err := r.rest(12, func(l line) { last = l }); err != nil || string(last.text) != "rest" || last.next != 12 || r.off != 12 {
		t.Errorf("rest %+v, error %v", last, err)
	}
}

func TestReaderLongLines(t *testing.T) {
	for _, n := range []int{chunk - 1, chunk, chunk + 1, 3 * chunk, maxLine - 1, maxLine, maxLine + 1, 3*maxLine + 7} {
		lines, _ := readAll(t, "a\n"+strings.Repeat("x", n)+"\nb\n", 0, 1)
		if len(lines) != 3 || string(lines[2].text) != "b" || lines[2].num != 3 || lines[2].off != int64(n)+3 {
			t.Fatalf("%d: %d lines", n, len(lines))
		}
		if got := int64(len(lines[1].text)) + lines[1].cut; got != int64(n) || len(lines[1].text) > maxLine {
			t.Errorf("%d: %d bytes kept, %d cut", n, len(lines[1].text), lines[1].cut)
		}
	}
}

func TestReaderSeesRewriting(t *testing.T) {
	_, r := readAll(t, "one\ntwo\n", 0, 1)
	r.f = strings.NewReader("ONE\nTWO\nthree\n")
	if _, err := r.read(func(line) { t.Error("a line came") }); !errors.Is(err, errTruncated) {
		t.Errorf("error %v", err)
	}
}

// badFile fails at every read.
type badFile struct{ err error }

func (b badFile) ReadAt([]byte, int64) (int, error) { return 0, b.err }

func TestReaderErrors(t *testing.T) {
	bad := badFile{errors.New("disk broken")}
	if _, err := newLineReader(bad, newBuffers(), 5, 1); !errors.Is(err, bad.err) {
		t.Errorf("error %v", err)
	}
	r, err := newLineReader(badFile{io.EOF}, newBuffers(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.f = bad
	if _, err := r.read(nil); !errors.Is(err, bad.err) {
		t.Errorf("read: error %v", err)
	}
	if err := r.rest(9, nil); !errors.Is(err, bad.err) {
		t.Errorf("rest: error %v", err)
	}
	r.head, r.seen = []byte("x"), 1
	if _, err := r.read(nil); !errors.Is(err, bad.err) {
		t.Errorf("long line: error %v", err)
	}
}
