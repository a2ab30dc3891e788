package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestUnpacked(t *testing.T) {
	const text = "2026-11-20 10:00:00 ERROR app: broken\n"
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	zst := func(s string) string {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	f := func(name, in, want string) {
		t.Helper()
		r, release, err := unpacked(strings.NewReader(in))
		if err != nil {
			t.Errorf("%s: %s", name, err)
			return
		}
		defer release()
		if got, err := io.ReadAll(r); string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	f("plain", text, text)
	f("empty", "", "")
	f("short", "ab", "ab")
	f("gzip", gz(text), text)
	f("two members of gzip, as logs are appended", gz(text)+gz(text), text+text)
	f("zstd", zst(text), text)

	bad := func(name, in string) {
		t.Helper()
		r, release, err := unpacked(strings.NewReader(in))
		if err == nil {
			defer release()
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("%s was read without an error", name)
		}
	}
	bad("a gzip that is cut off", gz(text)[:20])
	bad("a gzip header alone", "\x1f\x8b\x08")
	bad("a zstd that is cut off", zst(text)[:12])

	broken := errors.New("the disk is gone")
	if _, _, err := unpacked(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
