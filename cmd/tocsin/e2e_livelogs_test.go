package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// place is where an event stands: a file's name and the offset of its first
// byte. It is what tells the events of a test apart, since their ids hang on
// the file's generation.
type place struct {
	file   string
	offset int64
}

// liveLogs writes events into several files as programs do: each event in one
// write, normal lines in between. What it writes depends on the number of
// steps alone, so that two of them can be compared.
type liveLogs struct {
	dir     string
	files   []*os.File
	offsets []int64
	events  []place
	step    int
}

const liveFiles = 4

func newLiveLogs(t testing.TB, dir string) *liveLogs {
	t.Helper()
	l := &liveLogs{dir: dir, offsets: make([]int64, liveFiles)}
	for i := range liveFiles {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("live%d.log", i)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		l.files = append(l.files, f)
	}
	return l
}

// glob is LOG_FILE_PATHS for these files.
func (l *liveLogs) glob() string { return filepath.Join(l.dir, "live*.log") }

// next writes one step: a normal line or an event.
func (l *liveLogs) next() error {
	n := l.step
	l.step++
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(n) * 10 * time.Millisecond).Format("2006-01-02 15:04:05.000")
	// The file changes with every round of kinds, so that each problem comes
	// from each file.
	file := n / 6 % liveFiles
	switch n % 6 {
	case 0:
		return l.write(file, false, at+" INFO gateway: request served in "+fmt.Sprint(n%97)+" ms\n")
	case 1:
		return l.write(file, true, at+" ERROR orders: cannot save order "+fmt.Sprint(n)+": connection refused\n")
	case 2:
		return l.write(file, true, fmt.Sprintf("%s ERROR %s: %s %s %s %s\n", at, word(7*n), word(7*n+1), word(7*n+2), word(7*n+3), word(7*n+4)))
	case 3:
		return l.write(file, true, at+" FATAL scheduler: worker pool exhausted, "+fmt.Sprint(n)+" jobs are waiting\n")
	case 4:
		return l.write(file, true, at+" ERROR billing - payment failed\n"+
			"java.lang.IllegalStateException: ledger is locked\n"+
			"\tat com.example.billing.Ledger.post(Ledger.java:88)\n"+
			"\tat com.example.billing.Payment.settle(Payment.java:41)\n"+
			"\tat com.example.web.Server.handle(Server.java:17)\n")
	default:
		return l.write(file, false, at+" INFO gateway: health check passed\n")
	}
}

func (l *liveLogs) write(file int, event bool, text string) error {
	if _, err := l.files[file].WriteString(text); err != nil {
		return err
	}
	if event {
		l.events = append(l.events, place{filepath.Base(l.files[file].Name()), l.offsets[file]})
	}
	l.offsets[file] += int64(len(text))
	return nil
}

// writeUntil writes a step every so often until ctx is done.
func (l *liveLogs) writeUntil(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.next(); err != nil {
				return err
			}
		}
	}
}

// word makes a word of twelve letters that no other number has, so that lines
// made of them are different problems however digits are normalised.
func word(n int) string {
	const consonants, vowels = "lmnprtvk", "oiu"
	var b strings.Builder
	x := uint64(n)*0x9E3779B97F4A7C15 + 0x1234567
	x ^= x >> 29
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 32
	for range 6 {
		b.WriteByte(consonants[x%8])
		x /= 8
		b.WriteByte(vowels[x%3])
		x /= 3
	}
	return b.String()
}
