package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"tocsin/pkg/bus"
	"tocsin/pkg/bus/embedded"
	"tocsin/pkg/service"
	"tocsin/services/alerter"
	"tocsin/services/collector"
)

type upCommand struct {
	Alerts string `enum:"text,jsonl" default:"text" help:"What is written to standard output: text for people, or jsonl, one JSON object a notification."`
	Quiet  bool   `short:"q" help:"No start block and no line a minute on standard error."`
}

// Help is shown by `tocsin up --help`.
func (upCommand) Help() string {
	return "Follows LOG_FILE_PATHS. Alerts go to standard output, everything else to standard error: what was found at the start, " +
		"then a line that begins with \"ready\" when every service is attached and the files are open, then one line a minute. " +
		"Everything is kept in DATA_DIR, where one `tocsin up` may work at a time; with NATS_URL empty a broker of its own runs on a free loopback port. " +
		"SIGINT or SIGTERM stops it in order within 5 seconds, a second one at once.\n\n" +
		"Exit codes: 0 stopped in order; 1 a service failed; 2 command line, settings, or a DATA_DIR in use."
}

// upName is the process at the broker and in its ready line.
const upName = "up"

// Run runs all services until a signal.
func (c *upCommand) Run(std stdio) error {
	settings, err := service.Load(os.Environ(), ".env")
	if err := service.JoinSettings(err, settings.Require("LOG_FILE_PATHS")); err != nil {
		return err
	}
	lock, err := openDataDir(settings.DataDir)
	if err != nil {
		return usage(err)
	}
	defer lock.Close()
	if settings.MaskKey == "" && settings.NatsURL == "" {
		// Maskers on a broker of their own share a key that lies there.
		if settings.MaskKey, err = loadOrMakeMaskKey(settings.DataDir); err != nil {
			return err
		}
	}
	log, secrets := service.NewLogger(std.err, settings)
	for _, warning := range settings.Warnings() {
		log.Warn(warning)
	}
	ctx, release := service.Signals(context.Background(), log)
	defer release()

	rt := service.NewRuntime(upName, settings, log, secrets, service.Services()...)
	u := &up{command: c, rt: rt, stdout: std.out, stderr: secrets.Writer(std.err)}
	stopTime := service.StopTime(ctx)
	err = u.run(ctx)
	limit, cancel := stopTime()
	defer cancel()
	err = errors.Join(err, u.stack.Stop(limit))
	if err == nil {
		log.Info("stopped")
	}
	return redactedError(secrets, err)
}

// redactedError keeps the secrets of the settings out of what is said last.
func redactedError(secrets *service.Redactor, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{service.ExitCode(err), errors.New(secrets.String(err.Error()))}
}

// up is one run of all services in this process.
type up struct {
	command        *upCommand
	rt             *service.Runtime
	stdout, stderr io.Writer
	stack          service.StopStack
}

// run starts what the services share, then the services.
func (u *up) run(ctx context.Context) error {
	started := time.Now()
	server, err := service.ServeHTTP(u.rt)
	if err != nil {
		return err
	}
	u.stack.Push("metrics and health", server.Stop)
	broker, err := u.broker()
	if err != nil {
		return err
	}
	conn, err := bus.Connect(ctx, bus.Options{URL: broker.url, Creds: u.rt.Settings.NatsCreds, Token: broker.token, Name: upName, Log: u.rt.Log})
	if err != nil {
		return asked(ctx, err)
	}
	u.stack.Push("broker connection", func(context.Context) error { conn.Close(); return nil })
	u.rt.Bus = conn
	u.rt.Health.Check("broker", service.BrokerState(conn))

	dataDir := u.rt.Settings.DataDir
	if err := writeRunFile(dataDir, runFile{
		PID: os.Getpid(), NatsURL: broker.url, Token: broker.token, Embedded: broker.embedded, Metrics: server.Addr(), Started: started.UTC(),
	}); err != nil {
		return err
	}
	u.stack.Push("run.json", func(context.Context) error { return removeRunFile(dataDir) })
	if err := conn.Apply(ctx, broker.apply); err != nil {
		return asked(ctx, err)
	}
	return u.services(ctx, server)
}

// asked takes what fails because a signal ended the start as no error.
func asked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// brokerAccess is where the broker is and how its streams are to be.
type brokerAccess struct {
	url, token string
	embedded   bool
	apply      bus.ApplyOptions
}

// broker starts one in this process unless NATS_URL names one.
func (u *up) broker() (brokerAccess, error) {
	s := u.rt.Settings
	b := brokerAccess{url: s.NatsURL, token: s.NatsToken, apply: applyOptions(s)}
	b.apply.Log = u.rt.Log
	if b.url != "" {
		return b, nil
	}
	dir := brokerDir(s.DataDir)
	if err := fitDisk(&b.apply, dir); err != nil {
		return b, err
	}
	b.token = randomHex(24)
	u.rt.Secrets.Add(b.token)
	server, err := embedded.Start(embedded.Options{Dir: dir, Token: b.token, Log: u.brokerLog})
	if err != nil {
		return b, err
	}
	u.stack.Push("broker", func(context.Context) error { server.Stop(); return nil })
	b.url, b.embedded = server.URL(), true
	return b, nil
}

// brokerLog passes on what the embedded broker has to say.
func (u *up) brokerLog(level, message string) {
	if level == "error" {
		u.rt.Log.Error(message, "part", "broker")
		return
	}
	u.rt.Log.Warn(message, "part", "broker")
}

// applyOptions are the streams as the settings want them.
func applyOptions(s service.Settings) bus.ApplyOptions {
	return bus.ApplyOptions{
		RawMaxBytes:    int64(s.RawMaxBytes),
		EventsMaxBytes: int64(s.EventsMaxBytes),
		States:         s.States(),
		AttachBacklog:  s.AttachBacklog,
		Channels:       alerter.ChannelNames(s),
	}
}

// brokerDir is where the embedded broker keeps its streams.
func brokerDir(dataDir string) string { return filepath.Join(dataDir, "broker") }

// fitDisk makes the streams of a broker on this machine so small that they fit
// its disk.
func fitDisk(o *bus.ApplyOptions, dir string) error {
	raw, events, err := service.FitDisk(dir, service.Bytes(o.RawMaxBytes), service.Bytes(o.EventsMaxBytes))
	if err != nil {
		return err
	}
	o.RawMaxBytes, o.EventsMaxBytes = int64(raw), int64(events)
	return nil
}

// services makes the five services, tells what they found, runs them and says
// when all are ready.
func (u *up) services(ctx context.Context, server *service.Server) error {
	parts, err := u.parts(ctx, func(found collector.Overview) { u.startBlock(found, server) })
	if err != nil {
		return asked(ctx, err)
	}
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if u.rt.Health.WaitReady(own, service.Services()...) == nil {
			service.PrintReady(u.stderr, upName, "metrics "+server.URL())
		}
	}()
	if !u.command.Quiet {
		go u.minutes(own)
	}
	return runParts(ctx, parts)
}

// minutes writes the line a minute until ctx is done.
func (u *up) minutes(ctx context.Context) {
	if err := writeMinutes(ctx, u.stderr, u.rt.Registry); err != nil {
		u.rt.Log.Error("there is no line a minute any more", "error", err)
	}
}
