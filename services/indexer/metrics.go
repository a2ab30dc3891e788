package indexer

import "github.com/prometheus/client_golang/prometheus"

// metrics count the store, whichever it is; their names come from a time when
// there was one only.
type metrics struct {
	success, errors prometheus.Counter
	seconds         prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		success: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "es_write_success_total",
			Help: "Events that are in the store, a second delivery of the same one included.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "es_write_errors_total",
			Help: "Events that could not be written, each try counted: the store was out of reach or refused them.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "es_write_duration_seconds",
			Help:    "Time of one write to the store, which holds up to MAX_WORKERS events.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	registerer.MustRegister(m.success, m.errors, m.seconds)
	return m
}
