package service

import (
	"testing"

	"pgregory.net/rapid"
)

func TestBytes(t *testing.T) {
	f := func(text string, want Bytes, shown string) {
		t.Helper()
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want || b.String() != shown {
			t.Errorf("%q: got %d, shown as %s, %v", text, b, b, err)
		}
	}
	f("0", 0, "0B")
	f("1", 1, "1B")
	f("1048576", 1<<20, "1MiB")
	f("1B", 1, "1B")
	f("1KB", 1000, "1000B")
	f("1KiB", 1024, "1KiB")
	f("512 MiB", 512<<20, "512MiB")
	f("8gib", 8<<30, "8GiB")
	f("2TB", 2e12, "1953125000KiB")
	f("2TiB", 2<<40, "2TiB")
	f("1.5GiB", 3<<29, "1536MiB")
	f("9223372036854775807", 1<<63-1, "9223372036854775807B")
}

func TestBytesRefuses(t *testing.T) {
	for _, text := range []string{"", " ", "B", "GiB", "-1", "-1GiB", "1 GG", "one", "NaN", "Inf", "9223372036854775808", "8388608TiB", "1e30"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %d", text, b)
		}
	}
}

func TestBytesAreReadBackAsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Bytes(rapid.Int64Min(0).Draw(t, "bytes"))
		var got Bytes
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%d is shown as %s and read as %d, %v", want, want, got, err)
		}
	})
}
