package alerter

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"tocsin/pkg/events"
)

// Bounds of what a message shows.
const (
	shownLines   = 8   // decisive lines
	shownContext = 2   // lines before and after
	shownFix     = 5   // steps
	shownLine    = 400 // bytes of one line
	shownText    = 1200
)

// labels are the words of a message.
type labels struct {
	severity                                [tierCount]string
	where, count, note, cause, impact, fix  string
	backlog, repeated, moved, late, cutNote string
	times                                   func(count int64, since string) string
	cuts                                    map[string]string
}

var english = labels{
	severity: [tierCount]string{"CRITICAL", "ERROR", "WARNING"},
	where:    "where", count: "count", note: "note", cause: "cause", impact: "impact", fix: "fix",
	backlog:  "was in the log before start",
	repeated: "possibly repeated",
	moved:    "meant for %s, which is switched off",
	late:     "the analysis of an earlier message",
	cutNote:  "shortened: %s",
	times: func(count int64, since string) string {
		if count == 1 {
			return "once, " + since
		}
		return fmt.Sprintf("%d times since %s", count, since)
	},
	cuts: map[string]string{cutContext: "context", cutFix: "fix", cutLines: "lines", cutImpact: "impact", cutCause: "cause"},
}

var chinese = labels{
	severity: [tierCount]string{"严重", "错误", "警告"},
	where:    "位置", count: "次数", note: "说明", cause: "原因", impact: "影响", fix: "修复",
	backlog:  "启动前已有",
	repeated: "可能重复",
	moved:    "原发往 %s，该通道已停用",
	late:     "此前消息的分析结果",
	cutNote:  "已省略：%s",
	times: func(count int64, since string) string {
		if count == 1 {
			return "1 次，" + since
		}
		return fmt.Sprintf("%d 次，自 %s 起", count, since)
	},
	cuts: map[string]string{cutContext: "上下文", cutFix: "修复", cutLines: "日志行", cutImpact: "影响", cutCause: "原因"},
}

// labelsFor chooses the words by AI_LANGUAGE.
func labelsFor(language string) labels {
	if strings.HasPrefix(strings.ToLower(language), "zh") {
		return chinese
	}
	return english
}

// view is what every channel shows of a notification, as plain text without
// control characters.
type view struct {
	tier                      int
	severity                  string // "9.0 CRITICAL"
	host, title, place, count string
	notes                     []string
	lines, before, after      []string
	cause, impact             string
	fix                       []string
}

func newView(n *Notification, l labels) view {
	at := tierOf(n.Severity)
	e := n.Event
	v := view{
		tier:     at,
		severity: fmt.Sprintf("%.1f %s", n.Severity, l.severity[at]),
		host:     line(n.Host, 200),
		title:    line(n.Title, maxTitle),
		place:    placeOf(e),
		count:    l.times(n.Count, n.FirstTime.Local().Format(time.DateTime)),
		lines:    decisive(e),
	}
	if n.Backlog {
		v.notes = append(v.notes, l.backlog)
	}
	if n.Reason == ReasonAnalysis {
		v.notes = append(v.notes, l.late)
	}
	if n.Repeated {
		v.notes = append(v.notes, l.repeated)
	}
	if n.MovedFrom != "" {
		v.notes = append(v.notes, fmt.Sprintf(l.moved, line(n.MovedFrom, 40)))
	}
	if e.Kind != events.KindStack && e.Kind != events.KindKernel {
		v.before = texts(e.Before[max(0, len(e.Before)-shownContext):], shownLine)
		v.after = texts(e.After[:min(len(e.After), shownContext)], shownLine)
	}
	if a := n.Analysis; a != nil {
		v.cause, v.impact = line(a.RootCause, shownText), line(a.Impact, shownText)
		v.fix = texts(a.Fix[:min(len(a.Fix), shownFix)], shownLine)
	}
	return v
}

// placeOf is file:line.
func placeOf(e *events.Event) string {
	place := line(e.File, 300)
	if e.FirstLine > 0 {
		place += fmt.Sprintf(":%d", e.FirstLine)
	}
	return place
}

// decisive gives the lines that tell most: of a log event its own, of a stack
// the lines of the exception and its causes, of a kernel report its head; then
// the top frames that are sure.
func decisive(e *events.Event) []string {
	body := strings.Split(strings.TrimRight(e.Body, "\n"), "\n")
	if e.Body == "" {
		body = nil
	}
	var lines []string
	switch e.Kind {
	case events.KindStack:
		lines = exceptionLines(body)
	case events.KindKernel:
		lines = kernelLines(body)
	default:
		return texts(body[:min(len(body), shownLines)], shownLine)
	}
	if len(e.Frames) == 0 {
		return texts(body[:min(len(body), shownLines)], shownLine)
	}
	lines = texts(lines, shownLine)
	for _, f := range e.Frames {
		if len(lines) == shownLines {
			break
		}
		if !f.Unreliable {
			lines = append(lines, "    at "+frameText(f))
		}
	}
	return lines
}

// exceptionLines gives the first line of a stack, its causes, and its last line
// where that is the exception, as in Python.
func exceptionLines(body []string) []string {
	const most = 4
	if len(body) == 0 {
		return nil
	}
	lines := body[:1:1]
	for _, text := range body[1:] {
		if strings.HasPrefix(strings.TrimSpace(text), "Caused by") && len(lines) < most-1 {
			lines = append(lines, text)
		}
	}
	last := body[len(body)-1]
	if len(body) > 1 && last != "" && !strings.HasPrefix(last, " ") && !strings.HasPrefix(last, "\t") &&
		!slices.Contains(lines, last) && strings.HasPrefix(strings.TrimSpace(body[0]), "Traceback") {
		lines = append(lines, last)
	}
	return lines
}

// kernelLines gives the first line of a kernel report, that of the process and
// that of the instruction.
func kernelLines(body []string) []string {
	if len(body) == 0 {
		return nil
	}
	lines := body[:1:1]
	for _, mark := range []string{" PID: ", "RIP: "} {
		i := slices.IndexFunc(body[1:], func(text string) bool { return strings.Contains(text, mark) })
		if i >= 0 && !slices.Contains(lines, body[1+i]) {
			lines = append(lines, body[1+i])
		}
	}
	return lines
}

func frameText(f events.Frame) string {
	text := f.Function
	if f.Offset != "" {
		text += "+" + f.Offset + "/" + f.Size
	}
	if f.File != "" {
		text += " (" + path.Base(f.File)
		if f.Line > 0 {
			text += fmt.Sprintf(":%d", f.Line)
		}
		text += ")"
	}
	if f.Module != "" {
		text += " [" + string(f.Module) + "]"
	}
	return line(text, shownLine)
}

func texts(list []string, limit int) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s = line(s, limit); strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

// line makes log text safe to show: one line, valid UTF-8, no control
// characters that a terminal would obey and none that turn the direction of
// writing, at most limit bytes.
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\u2028' || r == '\u2029':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return cut(strings.TrimRight(s, " "), limit)
}

// What fit takes away, in this order.
const (
	cutContext = "context"
	cutFix     = "fix"
	cutLines   = "lines"
	cutImpact  = "impact"
	cutCause   = "cause"
)

// shrink takes one piece away and names what it was; "" when only title, host,
// place and count are left.
func (v *view) shrink() string {
	drop := func(list *[]string) { *list = (*list)[:len(*list)-1] }
	halve := func(text *string) {
		if *text = cut(*text, len(*text)/2); len(*text) < 40 {
			*text = ""
		}
	}
	switch {
	case len(v.before) > 0 && len(v.before) >= len(v.after):
		v.before = v.before[1:]
		return cutContext
	case len(v.after) > 0:
		drop(&v.after)
		return cutContext
	case len(v.fix) > 0:
		drop(&v.fix)
		return cutFix
	case len(v.lines) > 0:
		drop(&v.lines)
		return cutLines
	case v.impact != "":
		halve(&v.impact)
		return cutImpact
	case v.cause != "":
		halve(&v.cause)
		return cutCause
	}
	return ""
}

// fit renders a view in at most limit bytes, by taking pieces away until it
// fits; the render function is told what was cut.
func fit(v view, l labels, limit int, render func(v view, shortened string) string) string {
	var names []string
	shortened := ""
	for {
		text := render(v, shortened)
		if len(text) <= limit {
			return text
		}
		what := v.shrink()
		if what == "" {
			return cut(text, limit)
		}
		if name := l.cuts[what]; !slices.Contains(names, name) {
			names = append(names, name)
			shortened = fmt.Sprintf(l.cutNote, strings.Join(names, ", "))
		}
	}
}
