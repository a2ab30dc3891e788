package alerter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/pkg/events"
)

// Bounds of what a message shows.
const (
	shownRows    = 14 // rows in all
	shownLines   = 8  // decisive lines
	shownContext = 2  // lines before and after
	shownFix     = 5  // steps

	// In characters:
	shownLine = 160 // one line, also the title and the place
	shownHost = 80
	shownText = 1200 // cause and impact
)

// labels are the words of a message.
type labels struct {
	severity                               [tierCount]string
	where, count, note, cause, impact, fix string
	backlog, repeated, late, cutNote       string
	once, times                            string // the second is a format of the count
	cuts                                   map[string]string
}

var english = labels{
	severity: [tierCount]string{"CRITICAL", "ERROR", "WARNING"},
	where:    "where", count: "count", note: "note", cause: "cause", impact: "impact", fix: "fix",
	backlog:  "was in the log before start",
	repeated: "possibly repeated",
	late:     "the analysis of an earlier message",
	cutNote:  "shortened: %s",
	once:     "once, ",
	times:    "%d times, ",
	cuts:     map[string]string{cutContext: "context", cutFix: "fix", cutLines: "lines", cutImpact: "impact", cutCause: "cause"},
}

var chinese = labels{
	severity: [tierCount]string{"严重", "错误", "警告"},
	where:    "位置", count: "次数", note: "说明", cause: "原因", impact: "影响", fix: "修复",
	backlog:  "启动前已有",
	repeated: "可能重复",
	late:     "此前消息的分析结果",
	cutNote:  "已省略：%s",
	once:     "1 次，",
	times:    "%d 次，",
	cuts:     map[string]string{cutContext: "上下文", cutFix: "修复", cutLines: "日志行", cutImpact: "影响", cutCause: "原因"},
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
	sure                      int // so many of the lines tell more than a step of the fix
	cause, impact             string
	fix                       []string
}

func newView(n *Notification, l labels) view {
	at := tierOf(n.Severity)
	e := n.Event
	v := view{
		tier:     at,
		severity: fmt.Sprintf("%.1f %s", n.Severity, l.severity[at]),
		host:     line(n.Host, shownHost),
		title:    line(shownTitle(n), shownLine),
		place:    placeOf(e),
		count:    countOf(n, l),
	}
	v.lines, v.sure = decisive(e, v.title)
	if n.Backlog {
		v.notes = append(v.notes, l.backlog)
	}
	if n.Reason == ReasonAnalysis {
		v.notes = append(v.notes, l.late)
	}
	if n.Repeated {
		v.notes = append(v.notes, l.repeated)
	}
	if e.Kind != events.KindStack && e.Kind != events.KindKernel {
		v.before = texts(e.Before[max(0, len(e.Before)-shownContext):])
		v.after = texts(e.After[:min(len(e.After), shownContext)])
	}
	if a := n.Analysis; a != nil {
		v.cause, v.impact = line(a.RootCause, shownText), line(a.Impact, shownText)
		v.fix = texts(a.Fix[:min(len(a.Fix), shownFix)])
	}
	v.bound()
	return v
}

// placeOf is file:line.
func placeOf(e *events.Event) string {
	place := line(e.File, shownLine)
	if e.FirstLine > 0 {
		place += fmt.Sprintf(":%d", e.FirstLine)
	}
	return place
}

// countOf is how often and from when to when, in the time zone of the reader.
func countOf(n *Notification, l labels) string {
	first, last := n.FirstTime.Local(), n.LastTime.Local()
	from, to := first.Format(time.DateTime), last.Format(time.DateTime)
	if n.Count == 1 {
		return l.once + from
	}
	text := fmt.Sprintf(l.times, n.Count) + from
	switch {
	case to == from || n.LastTime.Before(n.FirstTime):
		return text
	case first.Format(time.DateOnly) == last.Format(time.DateOnly):
		to = last.Format(time.TimeOnly)
	}
	return text + " – " + to
}

// bound keeps the view within shownRows: context goes first, then the frames,
// then all but two steps of the fix, then the middle of the lines.
func (v *view) bound() {
	rows := func() int {
		n := 3 + len(v.notes) + len(v.before) + len(v.lines) + len(v.after) + len(v.fix)
		for _, text := range []string{v.cause, v.impact} {
			if text != "" {
				n++
			}
		}
		return n
	}
	for rows() > shownRows {
		middle := len(v.lines) / 2
		switch {
		case len(v.before)+len(v.after) > 0:
			v.shrink()
		case len(v.lines) > v.sure:
			v.lines = v.lines[:len(v.lines)-1]
		case len(v.fix) > 2:
			v.fix = v.fix[:len(v.fix)-1]
		default:
			v.lines = slices.Delete(v.lines, middle, middle+1)
		}
	}
}

// texts makes log lines safe to show, without the empty ones.
func texts(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s = line(s, shownLine); strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

// line makes log text safe to show: one line, valid UTF-8, no control
// characters that a terminal would obey and none that turn the direction of
// writing, at most limit characters.
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
	return shorten(strings.TrimRight(s, " "), limit)
}

// shorten cuts text to at most limit characters.
func shorten(text string, limit int) string {
	end := 0 // of what stays beside the mark
	for i := range text {
		if limit--; limit == 0 {
			end = i
		} else if limit < 0 {
			return strings.TrimRight(text[:end], " ") + "…"
		}
	}
	return text
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
