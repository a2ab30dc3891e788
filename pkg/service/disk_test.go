package service

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestFit(t *testing.T) {
	f := func(free int64, raw, events, wantRaw, wantEvents Bytes) {
		t.Helper()
		gotRaw, gotEvents := fit(free, raw, events)
		if gotRaw != wantRaw || gotEvents != wantEvents {
			t.Errorf("free %d: got %s and %s, want %s and %s", free, gotRaw, gotEvents, wantRaw, wantEvents)
		}
		if int64(gotRaw)+int64(gotEvents) > max(free/2, 0) {
			t.Errorf("free %d: %s and %s are over half", free, gotRaw, gotEvents)
		}
	}
	const gib = 1 << 30
	f(18*gib, gib, 8*gib, gib, 8*gib)
	f(9*gib, gib, 8*gib, gib/2, 4*gib)
	f(1<<40, gib, 8*gib, gib, 8*gib)
	f(0, gib, 8*gib, 0, 0)
	f(2*gib, math.MaxInt64, math.MaxInt64, gib/2, gib/2)
}

func TestFitDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	raw, events, err := FitDisk(dir, minStream, minStream)
	if err != nil || raw != minStream || events != minStream {
		t.Errorf("small limits: got %s, %s, %v", raw, events, err)
	}
	raw, events, err = FitDisk(dir, math.MaxInt64/2, math.MaxInt64/2)
	free, freeErr := freeBytes(t.TempDir())
	if err != nil || freeErr != nil || float64(raw+events) > float64(free)*0.6 || raw == 0 {
		t.Errorf("of %d free: got %s, %s, %v, %v", free, raw, events, err, freeErr)
	}
	// A share below 1 MiB is no room for events.
	if _, _, err = FitDisk(dir, 1, math.MaxInt64); err == nil {
		t.Error("a stream of no bytes")
	}
}

func TestUsedBytes(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "one"), "12345")
	write(t, filepath.Join(dir, "a", "b", "two"), "678")
	if n, err := usedBytes(dir); n != 8 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := usedBytes(filepath.Join(dir, "missing")); n != 0 || err != nil {
		t.Errorf("a folder that is not there: got %d, %v", n, err)
	}
}
