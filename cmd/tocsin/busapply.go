package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
)

type busCommand struct {
	Apply busApplyCommand `cmd:"" help:"Make or change the streams, durables and buckets as the settings say."`
}

type busApplyCommand struct{}

// Help is shown by `tocsin bus apply --help`.
func (busApplyCommand) Help() string {
	return "Works on the broker of NATS_URL, else on that of the `tocsin up` that runs on DATA_DIR. Which services are attached follows from " +
		"AI_ENABLE, ENABLE_ES and ENABLE_ALERT. Safe to repeat; it refuses streams that a newer version has made.\n\n" +
		"Exit codes: 0 done; 1 the broker refused; 2 command line or settings, also when there is no broker to be found."
}

// Run applies the settings and tells what stands now.
func (busApplyCommand) Run(std stdio) error {
	settings, err := loadSettings(std)
	if err != nil {
		return err
	}
	broker, err := findBroker(settings)
	if err != nil {
		return err
	}
	log, secrets := service.NewLogger(std.err, settings)
	secrets.Add(broker.token)
	ctx, release := service.Signals(context.Background(), log)
	defer release()
	broker.apply.Log = log
	if err := apply(ctx, settings, broker); err != nil {
		return redactedError(secrets, err)
	}
	return tellApplied(std, broker.apply)
}

func apply(ctx context.Context, settings service.Settings, broker brokerAccess) error {
	conn, err := bus.Connect(ctx, bus.Options{URL: broker.url, Creds: settings.NatsCreds, Token: broker.token, Name: "bus apply", Log: broker.apply.Log})
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Apply(ctx, broker.apply)
}

// findBroker gives the broker of NATS_URL, else that of the running `up`.
func findBroker(settings service.Settings) (brokerAccess, error) {
	b := brokerAccess{url: settings.NatsURL, token: settings.NatsToken, apply: applyOptions(settings)}
	if b.url != "" {
		return b, nil
	}
	held, err := lockHeld(settings.DataDir)
	if err != nil {
		return b, err
	}
	r, err := readRunFile(settings.DataDir)
	if !held || err != nil {
		// A run.json without a lock was left by an `up` that was killed.
		return b, usage(fmt.Errorf("cannot find a broker: NATS_URL is not set and no `tocsin up` runs on DATA_DIR=%s; set for example NATS_URL=nats://127.0.0.1:4222", settings.DataDir))
	}
	b.url, b.token = r.NatsURL, r.Token
	if !r.Embedded {
		return b, nil
	}
	return b, fitDisk(&b.apply, brokerDir(settings.DataDir))
}

func tellApplied(std stdio, o bus.ApplyOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "streams   RAW (%s), EVENTS (%s), REPLAY, NOTIFY, DEAD\n", bytesText(o.RawMaxBytes), bytesText(o.EventsMaxBytes))
	fmt.Fprintf(&b, "channels  %s\n", strings.Join(o.Channels, ", "))
	for _, name := range slices.Sorted(maps.Keys(o.States)) {
		state := o.States[name]
		if state.Attached {
			fmt.Fprintf(&b, "%-9s attached\n", name)
		} else {
			fmt.Fprintf(&b, "%-9s detached: %s\n", name, state.Reason)
		}
	}
	_, err := fmt.Fprint(std.out, b.String())
	return err
}
