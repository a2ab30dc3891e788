package alerter

import "github.com/prometheus/client_golang/prometheus"

// metrics of the alerter; channels and results are bounded.
type metrics struct {
	sent, sendErrors, merged, skipped prometheus.Counter
	notifications                     *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		sent:       counter("alerts_sent_total", "Notifications that a channel took."),
		sendErrors: counter("alert_send_errors_total", "Attempts to send a notification that failed."),
		merged:     counter("alerts_merged_total", "Events that joined a group that was open."),
		skipped:    counter("alerts_skip_total", "Events that were counted and did not ring."),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tocsin_notifications_total",
			Help: "Attempts to send a notification, by channel and result."}, []string{"channel", "result"}),
	}
	r.MustRegister(m.sent, m.sendErrors, m.merged, m.skipped, m.notifications)
	for _, channel := range []string{channelTerminal, channelWecom} {
		for _, result := range results {
			m.notifications.WithLabelValues(channel, result)
		}
	}
	return m
}
