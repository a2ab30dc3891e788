package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRunFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := readRunFile(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	want := runFile{PID: 4711, NatsURL: "nats://127.0.0.1:4222", Token: "t0ken", Metrics: "127.0.0.1:2112", Started: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)}
	if err := writeRunFile(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := readRunFile(dir)
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if info, err := os.Stat(runFilePath(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside run.json, %v", len(entries)-1, err)
	}
	for range 2 {
		if err := removeRunFile(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestBrokenRunFileIsNotQuoted(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(runFilePath(dir), []byte(`{"token":"s3cr3t`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readRunFile(dir)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
}

func TestWriteRunFileWithoutFolder(t *testing.T) {
	if err := writeRunFile(filepath.Join(t.TempDir(), "missing"), runFile{}); err == nil {
		t.Error("writing into a missing folder gave no error")
	}
}

func TestDataDirIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	lock, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v; want 0700", info.Mode(), err)
	}
	if _, err := openDataDir(dir); err == nil || !strings.Contains(err.Error(), "in use by a running `tocsin up`;") {
		t.Errorf("second lock before run.json: %v", err)
	}
	if err := writeRunFile(dir, runFile{PID: 4711}); err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(dir); err == nil || !strings.Contains(err.Error(), "(pid 4711)") {
		t.Errorf("second lock: %v", err)
	}
	if held, err := lockHeld(dir); !held || err != nil {
		t.Errorf("lockHeld = %v, %v while it is held", held, err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := lockHeld(dir); held || err != nil {
		t.Errorf("lockHeld = %v, %v after it was let go", held, err)
	}
	again, err := openDataDir(dir)
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	_ = again.Close()
}

func TestDataDirIsClosedToOthers(t *testing.T) {
	mode := func(dir string) os.FileMode {
		t.Helper()
		lock, err := openDataDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	empty, full := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "full")
	for _, dir := range []string{empty, full} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(full, "of-somebody-else"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mode(empty); got != 0o700 {
		t.Errorf("an empty folder has mode %o, want 700", got)
	}
	for start := range 2 { // the second finds the lock of the first
		if got := mode(full); got != 0o755 {
			t.Errorf("start %d: a folder with files of others has mode %o, want 755 as before", start+1, got)
		}
	}
}

func TestLockHeldWithoutLock(t *testing.T) {
	if held, err := lockHeld(t.TempDir()); held || err != nil {
		t.Errorf("lockHeld = %v, %v in an empty folder", held, err)
	}
}

func TestDataDirThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(path); err == nil || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestMaskKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	if key, err := readMaskKey(dir); key != "" || err != nil {
		t.Errorf("readMaskKey = %q, %v before there is one", key, err)
	}
	first, err := loadOrMakeMaskKey(dir)
	if err != nil || len(first) != 64 {
		t.Fatalf("a key of %d characters, %v", len(first), err)
	}
	if again, err := loadOrMakeMaskKey(dir); again != first || err != nil {
		t.Errorf("another key at the second start, %v", err)
	}
	if read, err := readMaskKey(dir); read != first || err != nil {
		t.Errorf("readMaskKey gives another key, %v", err)
	}
	if info, err := os.Stat(maskKeyPath(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := os.WriteFile(maskKeyPath(dir), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadOrMakeMaskKey(dir); err == nil {
		t.Error("an empty key file is used")
	}
}
