package collector

import (
	"fmt"
	"regexp"
	"slices"

	"tocsin/pkg/matcher"
	"tocsin/rules"
)

// Recogniser says what a line is. Find is asked for every line and must cost
// next to nothing for one that is no event; Recognise only where Find hit.
type Recogniser interface {
	// Find notes in f what the line may be, and tells whether it may be
	// anything. It allocates nothing.
	Find(line []byte, f *Found) bool
	// Recognise decides which rule the line hits, after Find.
	Recognise(f *Found, d *decoded) (Match, bool)
}

// Found is what Find saw in a line; reuse it, by one goroutine.
type Found struct {
	literals matcher.Set
	rules    []int
	// heads are the kinds of block the line may begin.
	heads headSet
}

// headSet is a set of kinds of multi-line block.
type headSet uint8

const (
	headJava headSet = 1 << iota
	headPython
	headGo
	headKernel
)

// headLiterals are what the first line of a block must hold.
var headLiterals = []struct {
	text string
	head headSet
}{
	{"exception", headJava}, {"error", headJava}, {"throwable", headJava}, {"failure", headJava},
	{"Traceback (most recent call last)", headPython},
	{"panic: ", headGo}, {"fatal error: ", headGo}, {"goroutine ", headGo},
	{"cut here", headKernel}, {"=============", headKernel}, {"BUG: ", headKernel}, {"WARNING: ", headKernel}, {"BUG at ", headKernel},
	{"INFO: ", headKernel}, {"Oops", headKernel}, {"Kernel panic", headKernel}, {"protection fault", headKernel}, {"unable to handle", headKernel},
	{"Internal error: ", headKernel}, {"soft lockup", headKernel}, {"hard lockup", headKernel}, {"invalid opcode", headKernel}, {"divide error", headKernel}, {"divide_error", headKernel},
	{"KASAN", headKernel}, {"UBSAN", headKernel}, {"unreferenced object", headKernel}, {"page allocation", headKernel},
	{"double fault", headKernel}, {"unhandled fault", headKernel}, {"unaligned access", headKernel}, {"stack segment: ", headKernel},
	{"detected stall", headKernel}, {"self-detected stall", headKernel}, {"detected expedited stalls", headKernel}, {"oom-killer", headKernel},
	{"bad page", headKernel}, {"bad mode in", headKernel}, {"kernel access of bad area", headKernel}, {"unrecoverable exception", headKernel}, {"machine check in kernel", headKernel},
	{"stack-protector", headKernel}, {"KFENCE", headKernel},
}

// Match is the rule a line hits and what follows from it.
type Match struct {
	Rule          string
	Level         string
	Severity      float64
	Reason        string
	Tags          []string
	Fields        map[string]string
	Before, After int
}

// compiledRule is a rule ready to be tried.
type compiledRule struct {
	*rules.Rule
	re      *regexp.Regexp
	exclude []*regexp.Regexp
	levels  map[string]bool
}

// target is what a literal leads to: a rule, or a block's head.
type target struct {
	rule int
	head headSet
}

type ruleRecogniser struct {
	rules   []compiledRule
	matcher *matcher.Matcher
	targets [][]target
	// always are the rules without keywords, tried on every line.
	always []int
	// maxBefore is the most context a rule asks for.
	maxBefore int
}

// newRecogniser compiles rules, which rules.Load has checked.
func newRecogniser(list []rules.Rule) (*ruleRecogniser, error) {
	r := &ruleRecogniser{}
	var literals []string
	number := map[string]int{}
	link := func(text string, t target) {
		n, ok := number[text]
		if !ok {
			n = len(literals)
			number[text] = n
			literals = append(literals, text)
			r.targets = append(r.targets, nil)
		}
		r.targets[n] = append(r.targets[n], t)
	}
	for i := range list {
		c, err := compileRule(&list[i])
		if err != nil {
			return nil, err
		}
		r.rules = append(r.rules, c)
		r.maxBefore = max(r.maxBefore, contextLines(c.Before))
		for _, k := range c.Keywords {
			link(k, target{rule: i})
		}
		if len(c.Keywords) == 0 {
			r.always = append(r.always, i)
		}
	}
	for _, h := range headLiterals {
		link(h.text, target{rule: -1, head: h.head})
	}
	r.matcher = matcher.New(literals)
	return r, nil
}

func contextLines(n *int) int {
	if n == nil {
		return 0
	}
	return min(*n, rules.MaxContext)
}

func compileRule(r *rules.Rule) (compiledRule, error) {
	c := compiledRule{Rule: r, levels: map[string]bool{}}
	var err error
	if r.Regex != "" {
		if c.re, err = regexp.Compile(r.Regex); err != nil {
			return c, fmt.Errorf("cannot compile the regex of rule %q: %w", r.ID, err)
		}
	}
	for _, e := range r.Exclude {
		re, err := regexp.Compile(e)
		if err != nil {
			return c, fmt.Errorf("cannot compile an exclusion of rule %q: %w", r.ID, err)
		}
		c.exclude = append(c.exclude, re)
	}
	levels := r.Levels
	if len(levels) == 0 {
		levels = []string{"none", "warn", "error", "critical", "fatal"}
	}
	for _, l := range levels {
		if l == "none" {
			l = ""
		}
		c.levels[l] = true
	}
	return c, nil
}

func (r *ruleRecogniser) Find(line []byte, f *Found) bool {
	f.rules, f.heads = f.rules[:0], 0
	hit := r.matcher.Find(line, &f.literals)
	if len(r.always) > 0 {
		f.rules = append(f.rules, r.always...)
	}
	if !hit {
		return len(f.rules) > 0
	}
	for _, lit := range f.literals.Literals() {
		for _, t := range r.targets[lit] {
			f.heads |= t.head
			if t.rule >= 0 && !slices.Contains(f.rules, t.rule) {
				f.rules = append(f.rules, t.rule)
			}
		}
	}
	return true
}

// Recognise takes the rule of the highest severity, the earlier one of equals;
// tags are those of all rules that hit.
func (r *ruleRecogniser) Recognise(f *Found, d *decoded) (Match, bool) {
	slices.Sort(f.rules)
	best := -1
	var hits []int
	for _, i := range f.rules {
		if r.rules[i].hits(d) {
			hits = append(hits, i)
			if best < 0 || r.rules[i].Severity > r.rules[best].Severity {
				best = i
			}
		}
	}
	if best < 0 {
		return Match{}, false
	}
	c := &r.rules[best]
	m := Match{Rule: c.ID, Level: d.level, Severity: c.Severity, Before: contextLines(c.Before), After: contextLines(c.After), Fields: c.fields(d)}
	m.Reason = "rule " + c.ID
	if m.Level == "" {
		m.Level = c.Level
	} else {
		m.Reason += ", level " + m.Level
	}
	for _, i := range append([]int{best}, hits...) {
		for _, tag := range r.rules[i].Tags {
			if !slices.Contains(m.Tags, tag) {
				m.Tags = append(m.Tags, tag)
			}
		}
	}
	return m, true
}

// hits decides on the whole line, or on the message of JSON where the keyword
// of a level alone would stand anywhere in the object.
func (c *compiledRule) hits(d *decoded) bool {
	if !c.levels[d.level] {
		return false
	}
	text := d.text
	if c.re != nil && !c.re.MatchString(text) {
		return false
	}
	if d.json {
		text = d.message
	}
	for _, e := range c.exclude {
		if e.MatchString(text) {
			return false
		}
	}
	return true
}

// fields gives the named groups of the regex.
func (c *compiledRule) fields(d *decoded) map[string]string {
	if c.re == nil || c.re.NumSubexp() == 0 {
		return nil
	}
	m := c.re.FindStringSubmatch(d.text)
	var out map[string]string
	for i, name := range c.re.SubexpNames() {
		if name != "" && i < len(m) && m[i] != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = m[i]
		}
	}
	return out
}
