// Package mask replaces secrets, personal data and, where asked for, addresses
// in log text by tokens that stay the same for the same value. Every detector
// is a literal that triggers it and a validator that decides: the literals of
// all detectors are found in one pass, and a text that holds none costs no more
// than that pass.
package mask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Options of a Masker.
type Options struct {
	// Levels are what is masked: LevelSecrets, LevelPersonal, LevelNetwork.
	Levels []string
	// Mode is ModeToken or ModeRedact; empty is ModeToken.
	Mode string
	// Key is what the tokens are made with. It must not be empty in ModeToken.
	Key []byte
}

func (o Options) validate() error {
	var errs []error
	for _, l := range o.Levels {
		if l != LevelSecrets && l != LevelPersonal && l != LevelNetwork {
			errs = append(errs, fmt.Errorf("MASK_LEVELS: unknown level %q, known are %s, %s and %s", l, LevelSecrets, LevelPersonal, LevelNetwork))
		}
	}
	switch o.Mode {
	case "", ModeToken:
		if len(o.Key) == 0 {
			errs = append(errs, errors.New("MASK_KEY: the key is empty, tokens need one"))
		}
	case ModeRedact:
	default:
		errs = append(errs, fmt.Errorf("MASK_MODE: unknown mode %q, known are %s and %s", o.Mode, ModeToken, ModeRedact))
	}
	return errors.Join(errs...)
}

// ParseLevels reads the value of MASK_LEVELS, names separated by commas.
func ParseLevels(s string) ([]string, error) {
	var levels []string
	for l := range strings.SplitSeq(s, ",") {
		if l = strings.ToLower(strings.TrimSpace(l)); l != "" {
			levels = append(levels, l)
		}
	}
	if err := (Options{Levels: levels, Mode: ModeRedact}).validate(); err != nil {
		return nil, err
	}
	return levels, nil
}

// Span is one masked value: bytes [Start, End) of the input.
type Span struct {
	Start, End int
	Kind       string
}

// Masker masks texts and events. It may be used by several goroutines.
type Masker struct {
	mode     string
	key      []byte
	personal bool
	network  bool
	triggers []trigger
	// secretNames are the names whose fields are masked whole.
	secretNames []name
	literals    *automaton
}

// New makes a Masker.
func New(o Options) (*Masker, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m := &Masker{
		mode:     o.Mode,
		key:      slices.Clone(o.Key),
		personal: slices.Contains(o.Levels, LevelPersonal),
		network:  slices.Contains(o.Levels, LevelNetwork),
	}
	if slices.Contains(o.Levels, LevelSecrets) {
		m.triggers, m.secretNames = secretTriggers(), names()
	}
	if m.personal {
		m.triggers = append(m.triggers, trigger{"@", (*finder).email})
	}
	literals := make([]string, len(m.triggers))
	for i, t := range m.triggers {
		literals[i] = strings.ToLower(t.literal)
	}
	m.literals = newAutomaton(literals)
	return m, nil
}

// Text masks a text of any number of lines and tells what it replaced, in
// order, as places in s. Valid UTF-8 stays valid, valid JSON stays valid, and
// masking the result again changes nothing.
func (m *Masker) Text(s string) (string, []Span) {
	out, spans, err := m.text(context.Background(), s)
	if err != nil { // cannot be: the context has no end
		return "", nil
	}
	return out, spans
}

// maxRounds bounds how often a masked text is looked at again. A value can come
// into sight only when its neighbour is masked; two rounds are the rule.
const maxRounds = 8

// text masks s until nothing more is found. Its only error is that of ctx.
func (m *Masker) text(ctx context.Context, s string) (string, []Span, error) {
	var spans []Span
	out, kept := s, []copied{{length: len(s)}}
	for range maxRounds {
		found, err := m.find(ctx, out)
		if err != nil {
			return "", nil, err
		}
		if len(found) == 0 {
			break
		}
		var next []copied
		for _, f := range found {
			if start, ok := source(kept, f.start); ok {
				spans = append(spans, Span{Start: start, End: start + f.end - f.start, Kind: f.kind})
			}
		}
		out, next = m.replace(out, found)
		kept = compose(kept, next)
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	return out, spans, nil
}

// replace puts tokens in the place of what was found.
func (m *Masker) replace(s string, found []finding) (string, []copied) {
	var b strings.Builder
	var kept []copied
	b.Grow(len(s) + 8*len(found))
	at := 0
	for _, f := range found {
		kept = append(kept, copied{out: b.Len(), in: at, length: f.start - at})
		b.WriteString(s[at:f.start])
		b.WriteString(f.quote)
		b.WriteString(m.token(f.kind, s[f.start:f.end]))
		b.WriteString(f.quote)
		at = f.end
	}
	kept = append(kept, copied{out: b.Len(), in: at, length: len(s) - at})
	b.WriteString(s[at:])
	return b.String(), kept
}

// copied is a stretch of text that a masked text has in common with its input.
type copied struct{ out, in, length int }

// source gives the place in the input of a place in the output.
func source(kept []copied, out int) (int, bool) {
	i, exact := slices.BinarySearchFunc(kept, out, func(c copied, at int) int { return c.out - at })
	if !exact {
		i--
	}
	// Of stretches that begin at the same place all but the last are empty.
	for i >= 0 && i+1 < len(kept) && kept[i+1].out == out {
		i++
	}
	if i < 0 || out >= kept[i].out+kept[i].length {
		return 0, false
	}
	return kept[i].in + out - kept[i].out, true
}

// compose gives what a text masked twice has in common with the first input.
func compose(first, second []copied) []copied {
	all := make([]copied, 0, len(first)+len(second))
	i := 0
	for _, s := range second {
		for i < len(first) && first[i].out+first[i].length <= s.in {
			i++
		}
		for j := i; j < len(first) && first[j].out < s.in+s.length; j++ {
			start := max(first[j].out, s.in)
			end := min(first[j].out+first[j].length, s.in+s.length)
			if start < end {
				all = append(all, copied{out: s.out + start - s.in, in: first[j].in + start - first[j].out, length: end - start})
			}
		}
	}
	return all
}
