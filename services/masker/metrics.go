package masker

import (
	"github.com/prometheus/client_golang/prometheus"

	"tocsin/services/masker/mask"
)

type metrics struct {
	masked *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{masked: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_masked_total",
		Help: "Values masked in events, by kind.",
	}, []string{"kind"})}
	for _, kind := range mask.Kinds() {
		m.masked.WithLabelValues(kind)
	}
	registerer.MustRegister(m.masked)
	return m
}

func (m *metrics) count(masked map[string]int) {
	for kind, n := range masked {
		m.masked.WithLabelValues(kind).Add(float64(n))
	}
}
