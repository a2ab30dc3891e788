package mask

import (
	"cmp"
	"context"
	"slices"
)

// trigger is a literal and what looks at the place [start, end) where it was
// found, ASCII letters in either case.
type trigger struct {
	literal string
	look    func(f *finder, start, end int)
}

// finding is a value to be masked. Where quote is not empty, the token must be
// put in quotes, or JSON would not be valid any more.
type finding struct {
	start, end int
	kind       string
	quote      string
}

// finder looks through one text.
type finder struct {
	s string
	// tokens are the values masked already.
	tokens []Span
	found  []finding
	// covered is the end of the found value that reaches farthest.
	covered int
	// keyEnd is the end of the last name whose value was found.
	keyEnd int
	// nextAt is where the next @ stands.
	nextAt int
	json   jsonPart
}

// chunk is how many bytes are looked at between two looks at the time.
const chunk = 64 << 10

// find gives what is to be masked in s, in order and without overlap.
func (m *Masker) find(ctx context.Context, s string) ([]finding, error) {
	f := finder{s: s, tokens: tokensIn(s)}
	state := uint32(0)
	a := m.literals
	for from := 0; from < len(s); from += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := from; i < min(from+chunk, len(s)); i++ {
			state = a.next[state&^hitFlag+uint32(a.class[s[i]])]
			if state&hitFlag != 0 {
				m.look(&f, state&^hitFlag/a.width, i+1)
			}
		}
	}
	if m.personal || m.network {
		for from := 0; from < len(s); {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			from = f.digits(from, min(from+chunk, len(s)), m)
		}
	}
	if m.network {
		f.colonAddresses()
	}
	if len(f.found) == 0 {
		return nil, nil
	}
	return f.settle(), nil
}

// look hands a place to the detectors whose literals end there.
func (m *Masker) look(f *finder, state uint32, end int) {
	for _, n := range m.literals.hits[state] {
		t := &m.triggers[n]
		start := end - len(t.literal)
		if !f.inToken(start) {
			t.look(f, start, end)
		}
	}
}

// inToken tells whether at lies inside a value masked already.
func (f *finder) inToken(at int) bool {
	if len(f.tokens) == 0 {
		return false
	}
	i, exact := slices.BinarySearchFunc(f.tokens, at, func(t Span, at int) int { return t.Start - at })
	return exact || i > 0 && at < f.tokens[i-1].End
}

// add notes a value. A value never begins or ends inside an escape such as \n,
// which JSON text may hold.
func (f *finder) add(kind string, start, end int) {
	f.addQuoted(kind, start, end, "")
}

// addNumber notes a number, which JSON may hold without quotes.
func (f *finder) addNumber(kind string, start, end int) {
	quote := f.quoteNumber(start)
	if quote == "" && f.at(start-1) == '-' {
		if quote = f.quoteNumber(start - 1); quote != "" {
			start--
		}
	}
	f.addQuoted(kind, start, end, quote)
}

// addQuoted notes a value whose token must stand in these quotes.
func (f *finder) addQuoted(kind string, start, end int, quote string) {
	start = f.afterEscape(start)
	if end < len(f.s) && f.slashesBefore(end)%2 == 1 {
		end--
	}
	if start >= end {
		return
	}
	f.found = append(f.found, finding{start, end, kind, quote})
	f.covered = max(f.covered, end)
}

// settle sorts what was found, makes one value of those that overlap, and
// takes out what is masked already.
func (f *finder) settle() []finding {
	slices.SortStableFunc(f.found, func(a, b finding) int {
		return cmp.Or(a.start-b.start, b.end-a.end)
	})
	merged := f.found[:0]
	for _, n := range f.found {
		last := len(merged) - 1
		if last >= 0 && n.start < merged[last].end {
			if n.end > merged[last].end {
				merged[last].end, merged[last].quote = n.end, ""
			} else if n.start == merged[last].start && n.end == merged[last].end && merged[last].quote == "" {
				merged[last].kind = narrower(merged[last].kind, n.kind)
			}
			continue
		}
		merged = append(merged, n)
	}
	if len(f.tokens) == 0 {
		return merged
	}
	return f.withoutTokens(merged)
}

// narrower chooses between two names of the same value the one that says more.
func narrower(a, b string) string {
	switch a {
	case kindPassword, kindSecret, kindToken, kindCookie, kindAuth:
		if b == kindKey || b == kindJWT || b == kindWebhook {
			return b
		}
	}
	return a
}

func (f *finder) withoutTokens(found []finding) []finding {
	var out []finding
	i := 0
	for _, n := range found {
		for i < len(f.tokens) && f.tokens[i].End <= n.start {
			i++
		}
		at := n.start
		for j := i; j < len(f.tokens) && f.tokens[j].Start < n.end; j++ {
			if at < f.tokens[j].Start {
				out = append(out, finding{at, f.tokens[j].Start, n.kind, ""})
			}
			at = f.tokens[j].End
		}
		if at == n.start {
			out = append(out, n)
		} else if at < n.end {
			out = append(out, finding{at, n.end, n.kind, ""})
		}
	}
	return out
}
