// Package service is what every service has in common: settings, logging,
// metrics, health, start and stop.
package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/pkg/bus"
)

// Runtime is what a service is given to run with.
type Runtime struct {
	// Name of the service, such as "masker".
	Name     string
	Settings Settings
	Log      *slog.Logger
	// Registry holds the metrics shown on /metrics.
	Registry *prometheus.Registry
	// Metrics are those that all services share.
	Metrics *Metrics
	Health  *Health
	Bus     *bus.Conn
}

// Main is the whole main of a service: it reads the settings, starts logging,
// metrics and health, connects to the broker, runs the service until SIGINT or
// SIGTERM and gives the exit code: 0 stopped in order, 1 failed, 2 settings.
func Main(name string, run func(context.Context, *Runtime) error) int { return 1 }

// Metrics are shared by all services; in one process they are registered once.
type Metrics struct{}

// Observe counts a handled delivery: event_process_success_total or
// event_process_errors_total, and tocsin_processing_seconds{service}. It is
// made for bus.ConsumeOptions.Observe.
func (m *Metrics) Observe(service string) func(result string, took time.Duration) { return nil }

// Health is what /healthz and /readyz tell.
type Health struct{}

// Set notes the state of a part ("broker", "model", "store"): nil = well. A
// part that is not well makes /readyz fail with its error.
func (h *Health) Set(part string, err error) {}

// Ready notes that a service has started all it needs.
func (h *Health) Ready(service string) {}
