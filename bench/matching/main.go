// Command matching compares pkg/matcher with ripgrep, GNU grep and Go's regexp
// on the same log and the same patterns, in megabytes a CPU second:
//
//	go run ./bench/matching [-size 1024]
//
// Each runs as often as -rounds says, alone, over a file in the page cache; the
// best round counts. All count lines, and must agree.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"tocsin/pkg/matcher"
)

// patterns are literals as rules have them: words of trouble of many systems.
var patterns = []string{
	"out of memory", "segfault at", "kernel panic", "call trace:", "i/o error", "ext4-fs error",
	"soft lockup", "blocked for more than", "connection refused", "connection reset by peer",
	"permission denied", "no space left on device", "too many open files", "traceback (most recent",
	"nullpointerexception", "deadlock detected", "authentication failure", "certificate has expired",
	"failed with result", "unable to mount root",
}

func main() {
	size := flag.Int("size", 1024, "megabytes of log")
	rounds := flag.Int("rounds", 3, "rounds of each")
	flag.Parse()
	if err := run(*size, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "matching:", err)
		os.Exit(1)
	}
}

func run(megabytes, rounds int) error {
	dir, err := os.MkdirTemp("", "tocsin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := logText(megabytes << 20)
	log, list := filepath.Join(dir, "log"), filepath.Join(dir, "patterns")
	if err := os.WriteFile(log, data, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(list, []byte(strings.Join(patterns, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	m := matcher.New(patterns)
	contenders := []struct {
		name  string
		short int // takes only the first megabytes: it is that slow
		count func(data []byte) (lines int, cpu time.Duration, err error)
	}{
		{"rg -j1 -c -i -F -f", 0, command("rg", "-j1", "-c", "-i", "-F", "-f", list, log)},
		{"grep -c -i -F -f", 0, command("grep", "-c", "-i", "-F", "-f", list, log)},
		{"pkg/matcher, line by line", 0, own(func(data []byte) int { return byLine(m, data) })},
		{"Go's regexp, line by line", 4 << 20, own(byRegexp)},
	}
	fmt.Printf("%d MB, %d lines, %d patterns, best of %d\n", len(data)>>20, bytes.Count(data, []byte{'\n'}), len(patterns), rounds)
	var reference float64
	for _, c := range contenders {
		text := data
		if c.short > 0 {
			text = data[:min(c.short, len(data))]
		}
		best, lines := time.Duration(0), 0
		for range rounds {
			n, cpu, err := c.count(text)
			if err != nil {
				return fmt.Errorf("cannot run %s: %w", c.name, err)
			}
			if lines = n; best == 0 || cpu < best {
				best = cpu
			}
		}
		speed := float64(len(text)) / 1e6 / best.Seconds()
		if reference == 0 {
			reference = speed
		}
		fmt.Printf("%-28s %9.1f MB/s  %5.3f of rg  %8d lines\n", c.name, speed, speed/reference, lines)
	}
	return nil
}

// logText makes lines of about 130 bytes, one in a hundred with trouble.
func logText(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("request handled session opened cache worker queue user payment order shipped GET POST index table replica " +
		"checkpoint complete duration latency upstream backend frontend metrics scraped sent received bytes from to for with status ok")
	out := make([]byte, 0, size+256)
	for len(out) < size {
		out = fmt.Appendf(out, "2026-11-20T10:%02d:%02d.%03dZ host-%d app[%d]: INFO ", r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(50), r.IntN(30000))
		for range 10 {
			out = append(append(out, words[r.IntN(len(words))]...), ' ')
		}
		if r.IntN(100) == 0 {
			out = append(out, patterns[r.IntN(len(patterns))]...)
		}
		out = append(out, '\n')
	}
	return out
}

func byLine(m *matcher.Matcher, data []byte) (lines int) {
	var found matcher.Set
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		if m.Find(line, &found) {
			lines++
		}
	}
	return lines
}

func byRegexp(data []byte) (lines int) {
	var quoted []string
	for _, p := range patterns {
		quoted = append(quoted, regexp.QuoteMeta(p))
	}
	re := regexp.MustCompile("(?i)" + strings.Join(quoted, "|"))
	for line := range bytes.Lines(data) {
		if re.Match(line) {
			lines++
		}
	}
	return lines
}

// own measures a function of this process.
func own(count func([]byte) int) func([]byte) (int, time.Duration, error) {
	return func(data []byte) (int, time.Duration, error) {
		before := cpuTime()
		lines := count(data)
		return lines, cpuTime() - before, nil
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// command measures another program, which prints the number of lines.
func command(name string, args ...string) func([]byte) (int, time.Duration, error) {
	return func([]byte) (int, time.Duration, error) {
		cmd := exec.Command(name, args...)
		out, err := cmd.Output()
		if err != nil {
			return 0, 0, err
		}
		var lines int
		if _, err := fmt.Sscan(string(out), &lines); err != nil {
			return 0, 0, err
		}
		return lines, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
	}
}
