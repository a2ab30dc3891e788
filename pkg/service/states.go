package service

import (
	"net/url"
	"os"
	"strings"
	"time"

	"tocsin/pkg/bus"
)

// Names of the services, in the order of the data.
const (
	Collector = "collector"
	Masker    = "masker"
	Analyzer  = "analyzer"
	Indexer   = "indexer"
	Alerter   = "alerter"
)

// Services are the names of all services, in the order of the data.
func Services() []string { return []string{Collector, Masker, Analyzer, Indexer, Alerter} }

// States tells which services are attached by these settings, for bus.Apply,
// and for the others why not and how to switch them on.
func (s Settings) States() map[string]bus.State {
	states := map[string]bus.State{
		Masker:   {Attached: true},
		Analyzer: s.analyzerState(),
		Indexer:  {Attached: s.EnableES},
		Alerter:  {Attached: s.EnableAlert},
	}
	if !s.EnableES {
		states[Indexer] = bus.State{Reason: "ENABLE_ES is false: set ENABLE_ES=true to store events"}
	}
	if !s.EnableAlert {
		states[Alerter] = bus.State{Reason: "ENABLE_ALERT is false: set ENABLE_ALERT=true to get alerts"}
	}
	return states
}

func (s Settings) analyzerState() bus.State {
	off := ""
	switch {
	case !s.AIEnable:
		off = "AI_ENABLE is false: set AI_ENABLE=true to have problems analysed"
	case s.AIAPIURL == "":
		off = "AI_API_URL is empty: set it to the address of a model to have problems analysed"
	case s.AIAPIKey == "" && isOpenAI(s.AIAPIURL):
		off = "no AI_API_KEY: set it, or AI_API_URL to a model of your own, to have problems analysed"
	}
	return bus.State{Attached: off == "", Reason: off, MinSeverity: s.AIMinSeverity}
}

// isOpenAI tells whether an address is the default AI_API_URL, in whatever
// spelling: without a key nothing can be asked there.
func isOpenAI(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.EqualFold(u.Hostname(), "api.openai.com")
}

// Hostname is the host of events whose lines name none: HOST_NAME, else the
// machine's name, else "localhost".
func (s Settings) Hostname() string {
	if s.HostName != "" {
		return s.HostName
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// Location is the zone of times without one: TZ, else the machine's. Keep it:
// every call reads the zone database.
func (s Settings) Location() *time.Location {
	location, err := loadLocation(s.TZ)
	if err != nil {
		return time.Local
	}
	return location
}

// Port is the port of a process's metrics and health: METRICS_PORT where it is
// set, else the default of that service ("up" for the process that runs all).
func (s Settings) Port(service string) int {
	if s.MetricsPort >= 0 {
		return s.MetricsPort
	}
	return defaultPort(service)
}

func defaultPort(service string) int {
	switch service {
	case Masker:
		return 2113
	case Analyzer:
		return 2114
	case Indexer:
		return 2115
	case Alerter:
		return 2116
	default:
		return 2112
	}
}
