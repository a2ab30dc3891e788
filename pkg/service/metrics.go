package service

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are shared by all services; in one process they are registered once.
type Metrics struct {
	success, errors prometheus.Counter
	seconds         *prometheus.HistogramVec
}

// NewMetrics registers the shared metrics. The services are the values of the
// label "service", each of which is exposed from the first scrape.
func NewMetrics(registerer prometheus.Registerer, services ...string) *Metrics {
	m := &Metrics{
		success: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "event_process_success_total",
			Help: "Messages that a service handled.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "event_process_errors_total",
			Help: "Tries to handle a message that failed, the last one before its dead letter included.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tocsin_processing_seconds",
			Help:    "Time a service worked on a message, failed tries included.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 120},
		}, []string{"service"}),
	}
	registerer.MustRegister(m.success, m.errors, m.seconds)
	for _, service := range services {
		m.seconds.WithLabelValues(service)
	}
	return m
}

// Observe counts the deliveries of a service: event_process_success_total for
// the result "ok", event_process_errors_total for "failed" and "dead", and
// tocsin_processing_seconds{service} for all three. "down" counts nowhere: the
// message is held, not handled. It is made for bus.ConsumeOptions.Observe.
func (m *Metrics) Observe(service string) func(result string, took time.Duration) {
	seconds := m.seconds.WithLabelValues(service)
	return func(result string, took time.Duration) {
		switch result {
		case "ok":
			m.success.Inc()
		case "failed", "dead":
			m.errors.Inc()
		default:
			return
		}
		seconds.Observe(took.Seconds())
	}
}
