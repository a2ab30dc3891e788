package service

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"tocsin/pkg/bus"
)

// role is what a service is for, as its --help tells it.
type role struct {
	does          string
	reads, writes []string
}

func roleOf(name string) role {
	switch name {
	case Collector:
		return role{"follows log files and recognises what is wrong in them", nil, []string{bus.SubjectRaw}}
	case Masker:
		return role{"masks secrets and personal data in events and tells which of them are the same problem",
			[]string{bus.SubjectRaw, bus.SubjectReplay(name)}, []string{bus.SubjectMasked}}
	case Analyzer:
		return role{"asks a language model for the cause of each problem",
			[]string{bus.SubjectMasked, bus.SubjectReplay(name)}, []string{bus.SubjectAnalyzed}}
	case Indexer:
		return role{"stores events so that they can be found",
			[]string{bus.SubjectMasked, bus.SubjectAnalyzed, bus.SubjectReplay(name)}, nil}
	case Alerter:
		return role{"merges events that are the same problem and sends the alerts",
			[]string{bus.SubjectMasked, bus.SubjectAnalyzed, bus.SubjectReplay(name), bus.SubjectNotify("<channel>")},
			[]string{bus.SubjectNotify("<channel>")}}
	default:
		return role{does: "is a service of Tocsin"}
	}
}

// answer handles the arguments of a service's process, of which there are only
// two: --help and --version.
func (p process) answer() int {
	switch p.args[0] {
	case "-h", "-help", "--help", "help":
		Help(p.stdout, p.name)
		return ExitOK
	case "-version", "--version", "version":
		fmt.Fprintf(p.stdout, "tocsin %s %s\n", p.name, Version())
		return ExitOK
	default:
		fmt.Fprintf(p.stderr, "%s takes no argument %q: it is set up by the environment and .env; see %s --help\n",
			p.name, p.args[0], p.name)
		return ExitSettings
	}
}

// Help writes what a service does, its subjects on the broker and the settings
// it reads.
func Help(w io.Writer, name string) {
	r := roleOf(name)
	fmt.Fprintf(w, "%s %s.\n\nUsage: %s [--help | --version]\n\n", name, r.does, name)
	if len(r.reads) > 0 {
		fmt.Fprintf(w, "Reads   %s\n", strings.Join(r.reads, ", "))
	}
	if len(r.reads) > 0 {
		r.writes = append(r.writes, bus.SubjectDead(name)+" (what it gave up on)")
	}
	fmt.Fprintf(w, "Writes  %s\n", strings.Join(r.writes, ", "))
	fmt.Fprintf(w, "Serves  /metrics, /healthz, /readyz on port %d\n\n", defaultPort(name))
	fmt.Fprint(w, "Settings, from the environment, else from .env in the working directory:\n\n")
	for _, row := range table() {
		if !row.readBy(name) {
			continue
		}
		shown := row.shown
		if row.name == "METRICS_PORT" {
			shown = fmt.Sprint(defaultPort(name))
		}
		if shown == "" {
			shown = "empty"
		}
		fmt.Fprintf(w, "  %-22s %s (default %s).\n", row.name, strings.TrimSuffix(row.doc, "."), shown)
		if row.secret {
			fmt.Fprintf(w, "  %-22s The path of a file that holds it.\n", row.name+"_FILE")
		}
	}
}

// Version is the version this program was built from: a release, else the
// commit, else "(devel)", and that of Go.
func Version() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && version == "(devel)" && len(s.Value) >= 12 {
				version = s.Value[:12]
			}
		}
	}
	return version + " " + runtime.Version()
}
