package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"tocsin/pkg/service"
	"tocsin/pkg/store/sqlite"
	"tocsin/services/alerter"
	"tocsin/services/collector"
)

// shownFiles is how many files the start block names.
const shownFiles = 10

// startBlock tells at the start what was found, what is on or off and why, and
// where everything is.
func (u *up) startBlock(found collector.Overview, server *service.Server) {
	if u.command.Quiet {
		return
	}
	s := u.rt.Settings
	u.explain("tocsin %s", service.Version())
	if len(found.Files) == 0 {
		u.explain("  files    none yet; waiting for %s", s.LogFilePaths)
	} else {
		u.explain("  files    %s, %s to read, from %s", counted(len(found.Files), "file"), bytesText(found.Bytes), s.LogFilePaths)
	}
	for i, file := range found.Files {
		if i == shownFiles {
			u.explain("           … and %d more", len(found.Files)-i)
			break
		}
		u.explain("           %s  %s", plain(file.Path), bytesText(file.Bytes))
	}
	u.explain("  rules    %d built in", found.Rules)
	states := s.States()
	for _, name := range service.Services() {
		state, known := states[name]
		if known && !state.Attached {
			u.explain("  %-8s off: %s", name, state.Reason)
		}
	}
	if states[service.Analyzer].Attached {
		u.explain("  analyzer %s at %s, for severity %g and above", s.AIModelName, hostOf(s.AIAPIURL), s.AIMinSeverity)
	}
	if states[service.Indexer].Attached {
		u.explain("  store    %s", sqlite.Path(absolute(s.DataDir)))
	}
	if states[service.Alerter].Attached {
		u.explain("  alerts   to %s", strings.Join(alerter.ChannelNames(s), ", "))
	}
	u.explain("  masking  %s, as %s", s.MaskLevels, s.MaskMode)
	u.explain("  data     %s", absolute(s.DataDir))
	u.explain("  metrics  %s", server.URL())
}

// explain writes one line of what people read on standard error.
func (u *up) explain(format string, args ...any) {
	fmt.Fprintf(u.stderr, format+"\n", args...)
}

// hostOf names the model's server without what else an address may hold.
func hostOf(address string) string {
	if parsed, err := url.Parse(address); err == nil && parsed.Host != "" {
		return parsed.Host
	}
	return "AI_API_URL"
}

// absolute gives the path itself where the working directory is gone.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
