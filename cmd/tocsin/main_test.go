package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tocsin/pkg/service"
)

func TestExitCode(t *testing.T) {
	broken := errors.New("the disk is gone")
	f := func(err error, code int, said string) {
		t.Helper()
		var stderr bytes.Buffer
		if got := exitCode(err, &stderr); got != code || stderr.String() != said {
			t.Errorf("exitCode(%v) = %d and says %q, want %d and %q", err, got, stderr.String(), code, said)
		}
	}
	f(nil, 0, "")
	f(broken, 1, "tocsin: the disk is gone\n")
	f(usage(broken), 2, "tocsin: the disk is gone\n")
	f(fmt.Errorf("up: %w", usage(broken)), 2, "tocsin: up: the disk is gone\n")
	f(&exitError{code: service.ExitFailed}, 1, "")
	f(&service.SettingsError{Problems: []service.Problem{{Name: "METRICS_PORT", Want: "free"}}}, 2, "tocsin: METRICS_PORT: free\n")
}

func TestLastErrorHoldsNoSecret(t *testing.T) {
	settings := service.Defaults()
	secrets := service.NewRedactor(settings)
	secrets.Add("s3cr3t-token")
	if err := redactedError(secrets, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	bad := &service.SettingsError{Problems: []service.Problem{{Name: "NATS_URL", Want: "it must not be s3cr3t-token"}}}
	err := redactedError(secrets, bad)
	if err == nil || strings.Contains(err.Error(), "s3cr3t-token") {
		t.Errorf("got %v", err)
	}
	var stderr bytes.Buffer
	if code := exitCode(err, &stderr); code != 2 {
		t.Errorf("the code became %d", code)
	}
}
