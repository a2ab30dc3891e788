package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dataDirLock is held by the one `up` that works on a DATA_DIR. The kernel lets
// go of it when the process dies, however it dies.
type dataDirLock struct{ file *os.File }

func lockPath(dataDir string) string { return filepath.Join(dataDir, "lock") }

// openDataDir makes DATA_DIR for its owner alone and locks it. Where another
// `up` has it, the error names that process.
func openDataDir(dataDir string) (*dataDirLock, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make DATA_DIR=%s: %w; set DATA_DIR to a folder that can be written", dataDir, err)
	}
	if err := closeToOthers(dataDir); err != nil {
		return nil, fmt.Errorf("cannot close DATA_DIR=%s to others: %w; set DATA_DIR to a folder of your own", dataDir, err)
	}
	f, err := os.OpenFile(lockPath(dataDir), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock DATA_DIR=%s: %w", dataDir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock DATA_DIR=%s: %w", dataDir, err)
		}
		return nil, fmt.Errorf("DATA_DIR=%s is in use by a running `tocsin up`%s; stop it, or set another DATA_DIR",
			dataDir, holder(dataDir))
	}
	return &dataDirLock{f}, nil
}

// closeToOthers makes an empty folder, made by hand or as a container's volume,
// one of mode 0700. One that holds something is left as it is: it is closed
// already, or it is not ours alone (somebody has set DATA_DIR to /var/lib) and
// only what is made in it is closed.
func closeToOthers(dataDir string) error {
	entries, err := os.ReadDir(dataDir)
	if err != nil || len(entries) > 0 {
		return err
	}
	return os.Chmod(dataDir, 0o700)
}

// holder names the process that holds the lock as far as it is known: run.json
// is written a moment after the lock is taken.
func holder(dataDir string) string {
	r, err := readRunFile(dataDir)
	if err != nil || r.PID == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", r.PID)
}

func (l *dataDirLock) Close() error { return l.file.Close() }

// lockHeld tells whether an `up` works on dataDir right now.
func lockHeld(dataDir string) (bool, error) {
	f, err := os.Open(lockPath(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at the lock of DATA_DIR=%s: %w", dataDir, err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at the lock of DATA_DIR=%s: %w", dataDir, err)
	}
	return false, nil
}

func maskKeyPath(dataDir string) string { return filepath.Join(dataDir, "keys", "mask.key") }

// readMaskKey gives the key that `up` made in dataDir, "" where there is none.
func readMaskKey(dataDir string) (string, error) {
	path := maskKeyPath(dataDir)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot read the mask key: %w", err)
	}
	key := strings.TrimSpace(string(data))
	if key == "" {
		return "", fmt.Errorf("cannot use the mask key: %s is empty; remove it, and pseudonyms start anew", path)
	}
	return key, nil
}

// loadOrMakeMaskKey gives the key of dataDir, made once: the same value gets
// the same pseudonym in every run.
func loadOrMakeMaskKey(dataDir string) (string, error) {
	key, err := readMaskKey(dataDir)
	if key != "" || err != nil {
		return key, err
	}
	path := maskKeyPath(dataDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the mask key: %w", err)
	}
	key = randomHex(32)
	return key, writeFileAtomic(path, []byte(key+"\n"))
}
