package service

import (
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // TZ works on machines without a zone database too
)

// normalise brings values that may be written in several ways to one.
func (s *Settings) normalise() {
	s.StartAt = strings.ToLower(s.StartAt)
	s.LogLevel = strings.ToLower(s.LogLevel)
	if s.LogLevel == "warning" {
		s.LogLevel = "warn"
	}
	s.LogFormat = strings.ToLower(s.LogFormat)
	s.MaskMode = strings.ToLower(s.MaskMode)
	s.MaskLevels = strings.Join(list(strings.ToLower(s.MaskLevels)), ",")
	s.NatsURL = withScheme("nats://", s.NatsURL)
	s.ESNodes = withScheme("http://", s.ESNodes) // the original took host:port
	if s.LogFilePaths == "" {
		if dir, err := os.Stat("testLog"); err == nil && dir.IsDir() {
			s.LogFilePaths = "./testLog/*"
		}
	}
}

// withScheme completes the addresses of a list that are only host:port.
func withScheme(scheme, addresses string) string {
	all := list(addresses)
	for i, address := range all {
		if !strings.Contains(address, "://") {
			all[i] = scheme + address
		}
	}
	return strings.Join(all, ",")
}

// validate notes every value that parsed but cannot be right.
func (l *loader) validate(s Settings) {
	checks := []struct {
		name string
		ok   bool
		want string
	}{
		{"LOG_FILE_PATHS", all(list(s.LogFilePaths), validGlob), "paths and globs separated by commas, each [ closed by a ]"},
		{"START_AT", validStart(s.StartAt), "beginning, end, or a duration such as 24h"},
		{"TZ", validZone(s.TZ), "the name of a time zone such as Asia/Shanghai or UTC"},
		{"HOST_NAME", !strings.ContainsAny(s.HostName, " \t\r\n/"), "a host name without blanks"},
		{"NATS_URL", all(list(s.NatsURL), validBroker), "addresses such as nats://127.0.0.1:4222, separated by commas"},
		{"NATS_CREDS", readable(s.NatsCreds), "the path of a readable file"},
		{"AI_API_URL", s.AIAPIURL == "" || validHTTP(s.AIAPIURL), "an address such as https://api.openai.com/v1"},
		{"AI_LANGUAGE", s.AILanguage == "auto" || languageTag.MatchString(s.AILanguage), "auto, or a language such as en or zh"},
		{"AI_TIMEOUT", s.AITimeout > 0, "a duration above 0 such as 120s"},
		{"AI_IDLE_TIMEOUT", s.AIIdleTimeout > 0, "a duration above 0 such as 30s"},
		{"AI_MIN_SEVERITY", s.AIMinSeverity >= 0 && s.AIMinSeverity <= 10, "a number from 0 to 10"},
		{"AI_MAX_AGE", s.AIMaxAge > 0, "a duration above 0 such as 1h"},
		{"AI_BACKLOG_MAX", s.AIBacklogMax >= 0, "a whole number, 0 or more"},
		{"AI_WECHAT_WEBHOOK", s.AIWechatWebhook == "" || validHTTP(s.AIWechatWebhook),
			"the whole address of the robot, https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"},
		{"ATTACH_BACKLOG", s.AttachBacklog >= 0, "a duration such as 0 or 1h"},
		{"ALERT_TTL", s.AlertTTL > 0, "a duration above 0 such as 5m"},
		{"ALERT_WAIT_ANALYSIS", s.AlertWaitAnalysis >= 0, "a duration such as 0 or 15s"},
		{"ES_NODES", all(list(s.ESNodes), validHTTP), "addresses such as http://localhost:9200, separated by commas"},
		{"ES_INDEX", indexName.MatchString(s.ESIndex), "a name of small letters, digits, dots, - and _ that starts with a letter or digit"},
		{"MASK_LEVELS", s.MaskLevels != "" && all(list(s.MaskLevels), oneOf("secrets", "personal", "network")),
			"one or more of secrets, personal, network, separated by commas"},
		{"MASK_MODE", oneOf("token", "redact")(s.MaskMode), "token or redact"},
		{"MAX_WORKERS", s.MaxWorkers >= 1 && s.MaxWorkers <= 1000, "a whole number from 1 to 1000"},
		{"EVENT_QUIET", s.EventQuiet > 0 && s.EventQuiet <= time.Minute, "a duration above 0, at most 1m, such as 300ms"},
		{"ROTATED_WAIT", s.RotatedWait >= 0, "a duration such as 0 or 10m"},
		{"METRICS_HOST", validHost(s.MetricsHost), "a host name or address without port, such as 127.0.0.1"},
		{"METRICS_PORT", l.validPort(s.MetricsPort), "a port from 0 to 65535, 0 for any free one"},
		{"RAW_KEEP", s.RawKeep >= 0, "a duration such as 0 or 1h"},
		{"EVENTS_KEEP", s.EventsKeep >= 0, "a duration such as 0 or 168h"},
		{"RAW_MAX_BYTES", s.RawMaxBytes >= minStream, "a size of at least 1MiB, such as 1GiB"},
		{"EVENTS_MAX_BYTES", s.EventsMaxBytes >= minStream, "a size of at least 1MiB, such as 8GiB"},
		{"LOG_LEVEL", oneOf("debug", "info", "warn", "error")(s.LogLevel), "debug, info, warn or error"},
		{"LOG_FORMAT", oneOf("text", "json")(s.LogFormat), "text or json"},
	}
	rows := table()
	for _, check := range checks {
		if !check.ok {
			row := rows[slices.IndexFunc(rows, func(r setting) bool { return r.name == check.name })]
			l.wrong(row, check.want)
		}
	}
}

// minStream is the least room of a stream: a few events of the largest size.
const minStream = 1 << 20

// validPort also refuses the mark of an unset port when somebody sets it.
func (l *loader) validPort(port int) bool {
	if _, set := l.environment["METRICS_PORT"]; !set {
		return true
	}
	return port >= 0 && port <= 65535
}

// Require gives a *SettingsError that names those of the settings that are
// needed and empty, with the line to set. It knows LOG_FILE_PATHS and NATS_URL.
func (s Settings) Require(names ...string) error {
	var problems []Problem
	for _, name := range names {
		switch {
		case name == "LOG_FILE_PATHS" && len(list(s.LogFilePaths)) == 0:
			problems = append(problems, Problem{Name: name,
				Want: "it is not set and there is no folder testLog here; set for example LOG_FILE_PATHS=/var/log/syslog,/var/log/app/*.log"})
		case name == "NATS_URL" && s.NatsURL == "":
			problems = append(problems, Problem{Name: name,
				Want: "it is not set and a single service needs a broker; set for example NATS_URL=nats://127.0.0.1:4222"})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &SettingsError{problems}
}

// JoinSettings makes one error of several: all problems of those that are a
// *SettingsError in one; the first other error as it is.
func JoinSettings(errs ...error) error {
	var joined SettingsError
	for _, err := range errs {
		var e *SettingsError
		switch {
		case errors.As(err, &e):
			joined.Problems = append(joined.Problems, e.Problems...)
		case err != nil:
			return err
		}
	}
	if len(joined.Problems) == 0 {
		return nil
	}
	return &joined
}

var (
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$`)
	indexName   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,200}$`)
)

// list gives the parts of a comma-separated value without blanks and empty ones.
func list(value string) []string {
	var parts []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func all(values []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
}

func oneOf(allowed ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(allowed, v) }
}

func validGlob(pattern string) bool {
	_, err := filepath.Match(pattern, "")
	return err == nil
}

func validStart(value string) bool {
	if value == "beginning" || value == "end" {
		return true
	}
	d, err := time.ParseDuration(value)
	return err == nil && d >= 0
}

func validZone(name string) bool {
	_, err := loadLocation(name)
	return err == nil
}

// loadLocation reads TZ as Go and the C library do: a name, or the path of a
// zone file, after an optional colon; empty is the machine's zone.
func loadLocation(name string) (*time.Location, error) {
	name = strings.TrimPrefix(name, ":")
	if name == "" {
		return time.Local, nil
	}
	if !filepath.IsAbs(name) {
		return time.LoadLocation(name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return time.LoadLocationFromTZData(name, data)
}

func validHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

func validBroker(address string) bool {
	u, err := url.Parse(address)
	return err == nil && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) && u.Hostname() != ""
}

func validHost(host string) bool {
	if strings.Contains(host, ":") {
		return net.ParseIP(strings.Trim(host, "[]")) != nil
	}
	return !strings.ContainsAny(host, " \t/")
}

func readable(path string) bool {
	if path == "" {
		return true
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	return err == nil && !info.IsDir()
}
