package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries builds each program at most once a test run, as users get them:
// without cgo.
type binaries struct {
	dir  string
	mu   sync.Mutex
	made map[string]error
}

var built = binaries{made: map[string]error{}}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tocsin-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// binary gives the path of the program that the import path pkg builds.
func binary(t testing.TB, pkg string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	path := filepath.Join(built.dir, filepath.Base(strings.TrimSuffix(pkg, "/v2")))
	err, done := built.made[pkg]
	if !done {
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, buildErr := cmd.CombinedOutput(); buildErr != nil {
			err = fmt.Errorf("cannot build %s: %w\n%s", pkg, buildErr, out)
		}
		built.made[pkg] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func tocsinBinary(t testing.TB) string { return binary(t, "tocsin/cmd/tocsin") }

// output is what a process has written so far; somebody may wait for more.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// waitFor waits until the output satisfies a condition.
func (o *output) waitFor(ctx context.Context, condition func(text string) bool) error {
	for {
		o.mu.Lock()
		text, changed := o.buf.String(), o.changed
		o.mu.Unlock()
		if condition(text) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// process is a program of ours that runs.
type process struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr *output
	exited         chan struct{}
	err            error // valid once exited is closed
}

// startProcess runs a program with these settings alone: of the environment of the
// test only what programs need to run at all is passed on.
func startProcess(t testing.TB, dir string, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{
		name: filepath.Base(path), cmd: exec.Command(path, args...),
		stdout: newOutput(), stderr: newOutput(), exited: make(chan struct{}),
	}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %s", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// interrupt sends SIGINT and gives the exit code and how long the end took.
func (p *process) interrupt(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("cannot interrupt %s: %s\n%s", p.name, err, p.stderr)
	}
	return p.wait(t, 15*time.Second), time.Since(start)
}

// wait gives the exit code.
func (p *process) wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		p.kill()
		t.Fatalf("%s did not end within %s\n%s", p.name, limit, p.stderr)
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatalf("%s: %s", p.name, p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// waitOutput waits until a stream of the process satisfies a condition; it
// fails when the process ends before.
func (p *process) waitOutput(t testing.TB, what string, o *output, limit time.Duration, condition func(string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	go func() {
		select {
		case <-p.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := o.waitFor(ctx, condition); err != nil && !condition(o.String()) {
		t.Fatalf("%s: %s was not seen within %s (%s)\nstdout:\n%s\nstderr:\n%s", p.name, what, limit, err, tail(p.stdout.String()), tail(p.stderr.String()))
	}
}

// waitReady waits for the line that scripts wait for.
func (p *process) waitReady(t testing.TB) {
	t.Helper()
	p.waitOutput(t, "ready", p.stderr, 30*time.Second, isReady)
}

func isReady(stderr string) bool {
	return strings.HasPrefix(stderr, "ready ") || strings.Contains(stderr, "\nready ")
}

// tail keeps a failure readable.
func tail(s string) string {
	const limit = 8000
	if len(s) > limit {
		return "…" + s[len(s)-limit:]
	}
	return s
}

// eventually asks for a condition again and again until it holds.
func eventually(t testing.TB, what string, limit time.Duration, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
