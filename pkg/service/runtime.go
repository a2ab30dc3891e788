// Package service is what every service has in common: settings, logging,
// metrics, health, start and stop.
package service

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tocsin/pkg/bus"
)

// Runtime is what a service is given to run with.
type Runtime struct {
	// Name of the service, such as "masker".
	Name     string
	Settings Settings
	Log      *slog.Logger
	// Secrets knows the secret values of the settings; everything that is
	// logged or shown passes through it.
	Secrets *Redactor
	// Registry holds the metrics shown on /metrics.
	Registry *prometheus.Registry
	// Metrics are those that all services share.
	Metrics *Metrics
	Health  *Health
	Bus     *bus.Conn
}

// NewRuntime makes a Runtime without its Bus for a process that runs the given
// services, with a fresh registry that holds the metrics of Go, of the process
// and those that all services share.
func NewRuntime(name string, s Settings, log *slog.Logger, secrets *Redactor, services ...string) *Runtime {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &Runtime{
		Name:     name,
		Settings: s,
		Log:      log,
		Secrets:  secrets,
		Registry: registry,
		Metrics:  NewMetrics(registry, services...),
		Health:   NewHealth(services...),
	}
}

// For gives the Runtime of one service among several in one process: it shares
// everything but the name, which its log lines carry too.
func (rt *Runtime) For(name string) *Runtime {
	one := *rt
	one.Name = name
	one.Log = rt.Log.With("service", name)
	return &one
}
