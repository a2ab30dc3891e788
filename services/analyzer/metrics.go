package analyzer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/services/analyzer/llm"
)

// Why an event leaves without an analysis: the values of the label "reason".
const (
	reasonBacklog     = "backlog"
	reasonMaxAge      = "max_age"
	reasonRefused     = "refused"
	reasonSwitchedOff = "switched_off"
)

type metrics struct {
	errors     prometheus.Counter
	seconds    prometheus.Histogram
	calls      *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	unanalysed *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ai_analysis_errors_total",
			Help: "Calls of the model that failed.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ai_analysis_duration_seconds",
			Help:    "Time of one call of the model, failed ones included.",
			Buckets: []float64{.1, .25, .5, 1, 2, 4, 8, 15, 30, 60, 120, 240},
		}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_ai_calls_total",
			Help: "Calls of the model by result: ok, refused (this question), temporary (out of reach), permanent (switched off), cancelled.",
		}, []string{"result"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_ai_tokens_total",
			Help: "Tokens as the provider counts them.",
		}, []string{"kind"}),
		unanalysed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_unanalysed_total",
			Help: "Events that were passed on without an analysis, by reason.",
		}, []string{"reason"}),
	}
	registerer.MustRegister(m.errors, m.seconds, m.calls, m.tokens, m.unanalysed)
	for _, result := range []string{"ok", string(llm.Refused), string(llm.Temporary), string(llm.Permanent), "cancelled"} {
		m.calls.WithLabelValues(result)
	}
	for _, kind := range []string{"prompt", "completion"} {
		m.tokens.WithLabelValues(kind)
	}
	for _, reason := range []string{reasonBacklog, reasonMaxAge, reasonRefused, reasonSwitchedOff} {
		m.unanalysed.WithLabelValues(reason)
	}
	return m
}

// call counts one call of the model.
func (m *metrics) call(a llm.Answer, err error, took time.Duration) {
	result := "ok"
	if err != nil {
		if result = string(llm.ClassOf(err)); result == "" {
			m.calls.WithLabelValues("cancelled").Inc()
			return
		}
		m.errors.Inc()
	}
	m.calls.WithLabelValues(result).Inc()
	m.seconds.Observe(took.Seconds())
	m.tokens.WithLabelValues("prompt").Add(float64(a.PromptTokens))
	m.tokens.WithLabelValues("completion").Add(float64(a.CompletionTokens))
}
