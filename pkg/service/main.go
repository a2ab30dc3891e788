package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"tocsin/pkg/bus"
)

// Exit codes of every process.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitSettings = 2
)

// Times an orderly stop may take: what runs has RunStops to hand back what it
// works on, the rest of StopWithin is for the steps of the stop stack.
const (
	RunStops   = 3500 * time.Millisecond
	StopWithin = 4800 * time.Millisecond
)

// StopTime gives, when it is called after the run, the context for the stop
// stack: it ends StopWithin after ctx has ended, but leaves at least what
// RunStops leaves.
func StopTime(ctx context.Context) func() (context.Context, context.CancelFunc) {
	var asked atomic.Pointer[time.Time]
	context.AfterFunc(ctx, func() { now := time.Now(); asked.Store(&now) })
	return func() (context.Context, context.CancelFunc) {
		left := StopWithin
		if at := asked.Load(); at != nil {
			left = max(StopWithin-time.Since(*at), StopWithin-RunStops)
		}
		return context.WithTimeout(context.WithoutCancel(ctx), left)
	}
}

// ExitCode is the exit code for an error: 2 for a *SettingsError, 1 for any
// other, 0 for none.
func ExitCode(err error) int {
	var settings *SettingsError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &settings):
		return ExitSettings
	default:
		return ExitFailed
	}
}

// Main is the whole main of a service: it reads the settings, starts logging,
// metrics and health, connects to the broker, runs the service until SIGINT or
// SIGTERM and gives the exit code: 0 stopped in order, 1 failed, 2 settings.
func Main(name string, run func(context.Context, *Runtime) error) int {
	p := process{name: name, run: run, args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	return p.main()
}

// process is one service's process, with what belongs to the system in fields.
type process struct {
	name           string
	run            func(context.Context, *Runtime) error
	args, environ  []string
	stdout, stderr io.Writer
}

func (p process) main() int {
	if len(p.args) > 0 {
		return p.answer()
	}
	settings, err := Load(p.environ, ".env")
	needs := []string{"NATS_URL"}
	if p.name == Collector {
		needs = append(needs, "LOG_FILE_PATHS")
	}
	if err := JoinSettings(err, settings.Require(needs...)); err != nil {
		fmt.Fprintf(p.stderr, "%s cannot start: %v\n", p.name, err)
		return ExitCode(err)
	}
	log, secrets := NewLogger(p.stderr, settings)
	rt := NewRuntime(p.name, settings, log.With("service", p.name), secrets, p.name)
	for _, warning := range settings.Warnings() {
		rt.Log.Warn(warning)
	}
	ctx, stop := Signals(context.Background(), rt.Log)
	defer stop()
	return p.supervise(ctx, rt)
}

// supervise starts what the service needs, runs it and stops all in reverse.
func (p process) supervise(ctx context.Context, rt *Runtime) int {
	var stack StopStack
	stopTime := StopTime(ctx)
	err := p.serve(ctx, rt, &stack)
	stopping, cancel := stopTime()
	defer cancel()
	stopped := stack.Stop(stopping)
	var settings *SettingsError
	switch {
	case errors.As(err, &settings):
		fmt.Fprintf(rt.Secrets.Writer(p.stderr), "%s cannot start: %v\n", p.name, err)
	case err != nil:
		rt.Log.Error("failed", "error", err)
	}
	if stopped != nil {
		rt.Log.Error("not stopped in order", "error", stopped)
	}
	if err == nil {
		err = stopped
	}
	if err == nil {
		rt.Log.Info("stopped")
	}
	return ExitCode(err)
}

// serve runs until the service ends or ctx does.
func (p process) serve(ctx context.Context, rt *Runtime, stack *StopStack) error {
	rt.Health.Set("broker", errors.New("not connected yet"))
	server, err := ServeHTTP(rt)
	if err != nil {
		return err
	}
	stack.Push("metrics and health", server.Stop)
	rt.Log.Info("starting", "version", Version(), "metrics", server.URL())

	conn, err := bus.Connect(ctx, bus.Options{
		URL: rt.Settings.NatsURL, Creds: rt.Settings.NatsCreds, Token: rt.Settings.NatsToken,
		Name: p.name, Log: rt.Log,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before the broker was there
		}
		return err
	}
	stack.Push("broker connection", func(context.Context) error { conn.Close(); return nil })
	rt.Bus = conn
	rt.Health.Check("broker", BrokerState(conn))
	rt.Health.Set("broker", nil)

	go func() {
		if rt.Health.WaitReady(ctx, p.name) == nil {
			PrintReady(rt.Secrets.Writer(p.stderr), p.name, "metrics "+server.URL())
		}
	}()
	return Run(ctx, func(ctx context.Context) error { return p.run(ctx, rt) })
}

// Run calls run and gives its error. After ctx has ended it waits RunStops at
// most, and takes an error that only says so as none.
func Run(ctx context.Context, run func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		late := time.NewTimer(RunStops)
		defer late.Stop()
		select {
		case err = <-done:
		case <-late.C:
			return fmt.Errorf("it did not stop within %s", RunStops)
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// BrokerState is the state of the connection, for Health.Check.
func BrokerState(conn *bus.Conn) func() error {
	return func() error {
		if conn.Connected() {
			return nil
		}
		return errors.New("out of reach, trying again")
	}
}

// PrintReady writes the line that scripts wait for: "ready", the name of what
// is ready and the addresses, whatever LOG_LEVEL and LOG_FORMAT.
func PrintReady(w io.Writer, name string, addresses ...string) {
	line := "ready " + name
	for _, address := range addresses {
		line += ", " + address
	}
	_, _ = io.WriteString(w, line+"\n") // nobody can be told that stderr is gone
}
