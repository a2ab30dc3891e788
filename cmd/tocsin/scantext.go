package main

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"tocsin/pkg/events"
)

const (
	// terminalWidth is how wide a summary may get, in columns.
	terminalWidth = 80
	// summaryLines is how many lines of a problem's first event are shown.
	summaryLines = 5
	// summaryProblems is how many problems are shown; jsonl has them all.
	summaryProblems = 100
	// keptLine is how much of a line is kept for showing, in bytes.
	keptLine = 400
)

// problem is what a summary tells of all events of one group.
type problem struct {
	severity    float64
	kind        events.Kind
	message     string
	count       int
	first, last time.Time
	// where the first event stands, and in how many files there are more.
	file                string
	firstLine, lastLine int64
	files               map[string]bool
	hosts               map[string]bool
	lines               []string
	moreLines           int
}

// summary gathers the events of a scan by problem.
type summary struct {
	byGroup map[string]*problem
	events  int
}

func newSummary() *summary { return &summary{byGroup: map[string]*problem{}} }

func (s *summary) add(e *events.Event) {
	s.events++
	p := s.byGroup[e.Group]
	if p == nil {
		p = &problem{
			kind: e.Kind, message: cutText(e.Message, keptLine),
			file: e.File, firstLine: e.FirstLine, lastLine: e.LastLine,
			files: map[string]bool{}, hosts: map[string]bool{},
		}
		p.lines, p.moreLines = firstLines(e)
		s.byGroup[e.Group] = p
	}
	p.count++
	p.severity = max(p.severity, e.Severity)
	p.files[e.File] = true
	if e.Host != "" {
		p.hosts[e.Host] = true
	}
	if e.Time.IsZero() {
		return
	}
	if p.first.IsZero() || e.Time.Before(p.first) {
		p.first = e.Time
	}
	if e.Time.After(p.last) {
		p.last = e.Time
	}
}

// firstLines gives the lines worth showing below the headline: none where the
// event is one line that the headline already tells.
func firstLines(e *events.Event) (lines []string, more int) {
	all := strings.Split(strings.TrimRight(e.Body, "\n"), "\n")
	if len(all) == 1 && (all[0] == "" || strings.Contains(all[0], e.Message)) {
		return nil, 0
	}
	shown := min(len(all), summaryLines)
	for _, l := range all[:shown] {
		lines = append(lines, cutText(l, keptLine))
	}
	return lines, len(all) - shown
}

// cutText keeps the head of s as far as it may be shown. It copies, so that a
// problem does not hold the whole event in memory.
func cutText(s string, limit int) string {
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strings.Clone(s)
}

// sorted gives the worst first, then the most frequent, then the oldest.
func (s *summary) sorted() []*problem {
	list := make([]*problem, 0, len(s.byGroup))
	for _, p := range s.byGroup {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.severity != b.severity:
			return a.severity > b.severity
		case a.count != b.count:
			return a.count > b.count
		case !a.first.Equal(b.first):
			return a.first.Before(b.first)
		case a.file != b.file:
			return a.file < b.file
		}
		return a.firstLine < b.firstLine
	})
	return list
}

// write tells the problems, worst first, each line at most terminalWidth wide.
func (s *summary) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	list := s.sorted()
	for i, p := range list {
		if i == summaryProblems {
			fmt.Fprintf(out, "… and %s less severe; --format jsonl shows them all\n\n", counted(len(list)-i, "problem"))
			break
		}
		p.write(out)
	}
	fmt.Fprintf(out, "%s in %s\n", counted(len(list), "problem"), counted(s.events, "event"))
	return out.Flush()
}

func (p *problem) write(w io.Writer) {
	const indent = "      "
	line := func(text string) { fmt.Fprintln(w, fitWidth(text, terminalWidth)) }
	line(fmt.Sprintf("%4.1f  %s", p.severity, plain(p.message)))
	often := indent + counted(p.count, "time")
	if !p.first.IsZero() {
		often += "  " + timeSpan(p.first, p.last)
	}
	line(often + "  " + plain(someOf(p.hosts, "hosts")))
	place := indent + plain(p.file)
	if p.firstLine > 0 {
		place += fmt.Sprintf(":%d", p.firstLine)
		if p.lastLine > p.firstLine {
			place += fmt.Sprintf("-%d", p.lastLine)
		}
	}
	if n := len(p.files) - 1; n > 0 {
		place += " and " + counted(n, "more file")
	}
	line(place)
	for _, l := range p.lines {
		line(indent + "│ " + plain(l))
	}
	if p.moreLines > 0 {
		line(indent + "│ … " + counted(p.moreLines, "more line"))
	}
	fmt.Fprintln(w)
}

// timeSpan names the day once where both are of the same.
func timeSpan(first, last time.Time) string {
	const day, clock = "2006-01-02", "15:04:05"
	switch {
	case first.Equal(last):
		return first.Format(day + " " + clock)
	case first.Format(day) == last.Format(day):
		return first.Format(day+" "+clock) + " – " + last.Format(clock)
	}
	return first.Format(day+" "+clock) + " – " + last.Format(day+" "+clock)
}

// someOf names the one member, or says how many there are.
func someOf(set map[string]bool, plural string) string {
	if len(set) == 1 {
		for one := range set {
			return one
		}
	}
	if len(set) == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", len(set), plural)
}

// counted writes "1 time" and "1,234 times".
func counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands sets commas into a number that is not negative.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plain makes text of a log safe for a terminal: a tab becomes blanks, any
// other control character (an escape sequence would be obeyed) a dot.
func plain(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// fitWidth cuts text to at most limit columns and marks the cut. A Chinese
// character takes two columns.
func fitWidth(s string, limit int) string {
	s = strings.TrimRight(s, " ")
	columns, cut := 0, -1
	for i, r := range s {
		w := columnsOf(r)
		if columns+w > limit-1 && cut < 0 {
			cut = i // room for the mark ends here
		}
		columns += w
		if columns > limit {
			return s[:cut] + "…"
		}
	}
	return s
}

func columnsOf(r rune) int {
	if unicode.Is(unicode.Mn, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
