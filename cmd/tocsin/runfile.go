package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// runFile is DATA_DIR/run.json: where the other commands find a running `up`.
type runFile struct {
	PID     int    `json:"pid"`
	NatsURL string `json:"nats_url"`
	// Token opens the embedded broker; empty for a broker of one's own.
	Token string `json:"token,omitempty"`
	// Embedded tells that the broker runs in that process.
	Embedded bool      `json:"embedded,omitempty"`
	Metrics  string    `json:"metrics"`
	Started  time.Time `json:"started"`
}

func runFilePath(dataDir string) string { return filepath.Join(dataDir, "run.json") }

// writeRunFile puts the file there whole, readable by its owner alone.
func writeRunFile(dataDir string, r runFile) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cannot encode run.json: %w", err)
	}
	return writeFileAtomic(runFilePath(dataDir), append(data, '\n'))
}

// readRunFile gives fs.ErrNotExist where no `up` has left one. It does not tell
// whether that `up` still lives: see lockHeld.
func readRunFile(dataDir string) (runFile, error) {
	var r runFile
	data, err := os.ReadFile(runFilePath(dataDir))
	if err != nil {
		return r, fmt.Errorf("cannot read run.json: %w", err)
	}
	// The file holds a token, so an error must not quote it.
	if json.Unmarshal(data, &r) != nil {
		return r, fmt.Errorf("cannot read %s: it is not the JSON that `up` writes", runFilePath(dataDir))
	}
	return r, nil
}

func removeRunFile(dataDir string) error {
	if err := os.Remove(runFilePath(dataDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove run.json: %w", err)
	}
	return nil
}

// writeFileAtomic writes a file of mode 0600 so that it is there whole or not
// at all, whatever happens to the machine.
func writeFileAtomic(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("cannot write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// randomHex gives n random bytes as hexadecimal characters.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
