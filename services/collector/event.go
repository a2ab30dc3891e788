package collector

import (
	"slices"
	"strings"

	"tocsin/pkg/events"
)

// Severities of what the form of an event tells, whatever the rules say.
const (
	stackSeverity   = 6
	goPanicSeverity = 8
)

// event makes the event of a closed record.
func (r *record) event(e *env, info fileInfo) *events.Event {
	ev := &events.Event{
		ID: events.NewID(info.generation, r.start), Host: e.host, Time: r.time, ObservedAt: e.now().UTC(),
		File: info.path, Generation: info.generation, Offset: r.start, Length: r.end - r.start,
		FirstLine: r.first, LastLine: r.last, Kind: events.KindLog, Backlog: r.start < info.backlog,
		Level: r.match.Level, Severity: r.match.Severity, SeverityReason: r.match.Reason, Rule: r.match.Rule,
		Tags: slices.Clone(r.match.Tags), Message: r.head.message, Before: r.before, After: r.after, Fields: r.fields(),
	}
	if ev.Level == "" {
		ev.Level = r.head.level
	}
	if r.head.host != "" {
		ev.Host = r.head.host
	}
	text, cut := r.body.text()
	ev.Body, ev.TruncatedBytes = text, cut+r.cut
	lines := r.body.lines()
	switch b := r.block.(type) {
	case *kernelBlock:
		if b.sure {
			setKernel(ev, b, lines)
		}
	case *oomBlock:
	case nil:
		if r.head.stack != "" {
			setStack(ev, parseStack(nil, strings.Split(r.head.stack, "\n")), r.head)
		}
	default:
		if b.certain() {
			setStack(ev, parseStack(b, r.contents(lines)), r.head)
		}
	}
	ev.Message = shorten(ev.Message, maxMessage)
	return ev
}

// contents gives the lines behind a header of syslog.
func (r *record) contents(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = withoutHeader(l)
	}
	return out
}

// fields joins those of JSON with the named groups of the rule.
func (r *record) fields() map[string]string {
	if len(r.head.fields) == 0 && len(r.match.Fields) == 0 {
		return nil
	}
	out := map[string]string{}
	for k, v := range r.head.fields {
		out[k] = v
	}
	for k, v := range r.match.Fields {
		out[k] = v
	}
	return out
}

func setStack(ev *events.Event, s stackInfo, head *decoded) {
	ev.Kind = events.KindStack
	ev.Language, ev.Class = s.language, s.class
	ev.Frames = s.frames[:min(len(s.frames), maxFrames)]
	if head.class != "" {
		ev.Class = head.class
	}
	if s.headline != "" && !head.json {
		ev.Message = s.headline
	}
	if ev.Level == "" {
		ev.Level = "error"
	}
	severity, why := float64(stackSeverity), "a stack"
	if s.language == "go" && s.class != "" {
		severity, why = goPanicSeverity, "the death of a Go program"
	}
	raise(ev, severity, why)
	addTags(ev, "stack", s.language)
}

func setKernel(ev *events.Event, b *kernelBlock, lines []string) {
	stripped := make([]string, len(lines))
	for i, l := range lines {
		stripped[i], _ = kernelText(l)
	}
	info := parseKernel(stripped)
	ev.Kind, ev.Kernel, ev.Frames = events.KindKernel, info.kernel, info.frames
	ev.Message = info.kernel.Title
	ev.Kernel.Corrupted = b.inTrace && !b.traced
	ev.Level = "critical"
	ev.Severity, ev.SeverityReason = info.severity, "kernel report: "+info.kernel.Type
	ev.Rule = "kernel." + info.kernel.Type
	addTags(ev, "kernel", info.kernel.Type)
}

// raise sets a severity that is higher than the rule's.
func raise(ev *events.Event, severity float64, why string) {
	if severity > ev.Severity {
		ev.Severity, ev.SeverityReason = severity, why
	}
}

func addTags(ev *events.Event, tags ...string) {
	for _, t := range tags {
		if t != "" && !slices.Contains(ev.Tags, t) {
			ev.Tags = append(ev.Tags, t)
		}
	}
}
