package collector

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	events, errors   prometheus.Counter
	traces           prometheus.Counter
	traceSeverity    prometheus.Gauge
	linesRead, bytes prometheus.Counter
}

// newMetrics registers the collector's metrics; lag gives the bytes not read
// yet over all files.
func newMetrics(reg prometheus.Registerer, lag func() float64) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		events: counter("log_events_collected_total", "Events recognised and handed to the broker."),
		errors: counter("log_collect_errors_total", "Files that cannot be read, broken JSON lines, lines that had to be cut."),
		traces: counter("cell_trace_errors_total", "Kernel reports recognised."),
		traceSeverity: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cell_trace_error_severity", Help: "Severity of the last kernel report, 0 to 10.",
		}),
		linesRead: counter("tocsin_lines_read_total", "Lines read from log files."),
		bytes:     counter("tocsin_bytes_read_total", "Bytes read from log files."),
	}
	readLag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tocsin_read_lag_bytes", Help: "Bytes of the log files that are not read yet.",
	}, lag)
	reg.MustRegister(m.events, m.errors, m.traces, m.traceSeverity, m.linesRead, m.bytes, readLag)
	return m
}
