package analyzer

import (
	"strings"
	"unicode"

	"tocsin/pkg/events"
)

// Limits of an answer, in bytes and items.
const (
	maxText   = 8 << 10
	maxItem   = 1 << 10
	maxItems  = 20
	maxClaims = 30
	maxCited  = 50
	maxWord   = 64
)

// decodeAnswer reads what the model wrote: the first JSON object that has one
// of the fields asked for, with text, list or object wherever one of them was
// asked. An answer without such an object is the root cause as it stands, with
// confidence 0.
func decodeAnswer(text string) events.Analysis {
	fields := findObject(text)
	if fields == nil {
		return events.Analysis{RootCause: bounded(unfenced(text), maxText)}
	}
	a := events.Analysis{
		RootCause:  bounded(fields.text("rootcause"), maxText),
		Impact:     bounded(fields.text("impact"), maxText),
		Fix:        boundedList(fields.list("fix")),
		Commands:   boundedList(fields.list("commands")),
		Category:   bounded(fields.text("category"), maxWord),
		Confidence: confidence(fields["confidence"]),
		Claims:     claims(fields["claims"]),
	}
	if a.RootCause == "" {
		a.RootCause, a.Confidence = bounded(unfenced(text), maxText), 0
	}
	return a
}

// unfenced takes the fence (```) off a text that stands in one.
func unfenced(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		if _, after, ok := strings.Cut(inner, "\n"); ok {
			inner = after
		}
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inner), "```"))
	}
	return text
}

func bounded(text string, limit int) string {
	text = strings.TrimSpace(printable(text, true))
	if len(text) > limit {
		text, _ = events.CutMiddle(text, limit)
	}
	return text
}

func boundedList(list []string) []string {
	var out []string
	for _, item := range list {
		if item = bounded(item, maxItem); item != "" && len(out) < maxItems {
			out = append(out, item)
		}
	}
	return out
}

// ground marks the claims that stand on lines of the evidence: all lines they
// cite are shown, and one of them shares a telling word with the claim.
func ground(claims []events.Claim, ev evidence) []events.Claim {
	var out []events.Claim
	for _, c := range claims {
		c.Grounded = grounded(c, ev)
		out = append(out, c)
	}
	return out
}

func grounded(c events.Claim, ev evidence) bool {
	words := tellingWords(c.Text)
	shares := false
	for _, n := range c.Lines {
		line, exists := ev.lines[n]
		if !exists {
			return false
		}
		for _, w := range words {
			shares = shares || strings.Contains(line, w)
		}
	}
	return shares
}

// plainWords are found in log lines and in claims of any kind.
var plainWords = map[string]bool{
	"error": true, "errors": true, "failed": true, "failure": true, "fail": true, "line": true, "lines": true, "with": true,
	"that": true, "this": true, "from": true, "because": true, "when": true, "after": true, "before": true, "which": true,
	"shows": true, "indicates": true, "caused": true, "cause": true, "problem": true, "warning": true, "exception": true,
	"have": true, "been": true, "there": true, "does": true, "than": true, "into": true, "while": true, "were": true,
}

// tellingWords gives the words of a claim that tell something, in small
// letters: those of four or more letters and digits, numbers of three or more,
// and pairs of Chinese characters.
func tellingWords(text string) []string {
	var words []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
	}) {
		runes := []rune(w)
		if unicode.Is(unicode.Han, runes[0]) {
			words = append(words, hanPairs(runes)...)
			continue
		}
		number := strings.Trim(w, "0123456789") == ""
		if len(runes) >= 4 && !plainWords[w] || number && len(runes) >= 3 {
			words = append(words, w)
		}
	}
	return words
}

// hanPairs gives each two neighbours of Chinese characters, and the Latin words
// that stand between them without a blank.
func hanPairs(runes []rune) []string {
	var words []string
	var latin []rune
	for i, r := range runes {
		if !unicode.Is(unicode.Han, r) {
			latin = append(latin, r)
			continue
		}
		if len(latin) >= 4 {
			words = append(words, string(latin))
		}
		latin = latin[:0]
		if i+1 < len(runes) && unicode.Is(unicode.Han, runes[i+1]) {
			words = append(words, string(runes[i:i+2]))
		}
	}
	if len(latin) >= 4 {
		words = append(words, string(latin))
	}
	return words
}
