package fingerprint

import (
	"bytes"
	"strings"
)

// Normalise takes out of a line what differs from one time to the next. Times,
// numbers, addresses, hosts, paths, ids, quoted names, the values of key=value
// and lists of these become one #, a masked value its kind. What decides the
// meaning stays: words, names of errors and devices, HTTP status, exit codes
// and signals.
func Normalise(s string) string { return normalise("", s) }

// maxInput is how much of a line is read.
const maxInput = 16 << 10

// normalise is Normalise behind a prefix, which counts for the length.
func normalise(prefix, s string) string {
	s = cut(s, maxInput)
	var room [MaxLen / 2]byte
	n := normaliser{in: s, out: append(room[:0], prefix...), lastEnd: -1}
	for n.i < len(s) && len(n.out) <= MaxLen {
		n.step()
	}
	n.blank()
	return cut(string(bytes.TrimRight(n.out, " ")), MaxLen)
}

type normaliser struct {
	in  string
	i   int
	out []byte
	// last is the word before, which ends at lastEnd, prev the one before it:
	// they tell what a name or a number behind them is.
	last, prev string
	lastEnd    int
	// said tells that a word was written that is no level: the header is over.
	said bool
}

func (n *normaliser) step() {
	switch c := n.in[n.i]; {
	case c <= ' ':
		n.blank()
	case isWord(c) || leads(c) && n.i+1 < len(n.in) && leadsTo(n.in[n.i+1]):
		n.atom()
	case c == '"' || c == '\'' || c == '`':
		n.quoted(c)
	case c == '=':
		n.equals()
	case strings.IndexByte("-+<>~*", c) >= 0 && n.signs():
		n.i++
	case c == '(' || c == '[' || c == '{':
		n.open(c)
	case c == ')' || c == ']' || c == '}':
		n.closing(c)
	case strings.HasPrefix(n.in[n.i:], openMask):
		n.masked()
	default:
		n.out = append(n.out, c)
		n.i++
	}
}

// blank ends a word. Ids of the same sort in a row, however many, are one.
func (n *normaliser) blank() {
	n.i++
	l := len(n.out)
	if l == 0 || n.out[l-1] == ' ' {
		return
	}
	at, numbered := l, false
	for ; at > 0 && n.out[at-1] != ' '; at-- {
		numbered = numbered || n.out[at-1] == '#'
	}
	if at > 0 && numbered {
		before := n.out[bytes.LastIndexByte(n.out[:at-1], ' ')+1 : at-1]
		if bytes.Equal(bytes.TrimRight(n.out[at:], ",;"), bytes.TrimRight(before, ",;")) {
			n.out = n.out[:at]
			return
		}
	}
	n.out = append(n.out, ' ')
}

const openMask, closeMask = "‹", "›"

// masked writes ‹kind› for ‹kind:…›.
func (n *normaliser) masked() {
	rest := n.in[n.i:]
	if end := strings.Index(rest[:min(len(rest), 48)], closeMask); end > 0 {
		kind, _, _ := strings.Cut(rest[len(openMask):end], ":")
		n.out = append(append(append(n.out, openMask...), kind...), closeMask...)
		n.i += end + len(closeMask)
		n.forget()
		return
	}
	n.out = append(n.out, openMask...)
	n.i += len(openMask)
}

// signs tells a sign or a comparison: it stands in front of a number and behind
// no word.
func (n *normaliser) signs() bool {
	if n.i+1 >= len(n.in) || !isDigit(n.in[n.i+1]) {
		return false
	}
	return n.i == 0 || !isWord(n.in[n.i-1]) && n.in[n.i-1] != ')' && n.in[n.i-1] != '#'
}

// open writes an opening bracket. A group in brackets ahead of the first word,
// with numbers in it, is part of a header: a thread, a request, a client.
func (n *normaliser) open(c byte) {
	if c == '[' && !n.said && !decides(firstWord(n.in[n.i+1:])) {
		if end := groupEnd(n.in, n.i); end > 0 && strings.ContainsAny(n.in[n.i:end], "0123456789") {
			n.value(end)
			return
		}
	}
	n.out = append(n.out, c)
	n.i++
}

func firstWord(s string) string {
	end := 0
	for end < len(s) && isLetter(s[end]) {
		end++
	}
	return s[:end]
}

// closing writes a closing bracket. What only says a value again, as in
// "1536 bytes (1.5 KB)", goes.
func (n *normaliser) closing(c byte) {
	n.i++
	if c == ')' {
		l := len(bytes.TrimRight(n.out, "# "))
		if l > 0 && n.out[l-1] == '(' {
			if before := bytes.TrimRight(n.out[:l-1], " "); bytes.HasSuffix(before, []byte{'#'}) {
				n.out = before
				return
			}
		}
	}
	n.out = append(n.out, c)
}

// quoted takes out a name in quotes. Several words in quotes are a text, read
// like all others, and so is what says a state or an error.
func (n *normaliser) quoted(quote byte) {
	start := n.i
	end := quoteEnd(n.in, start)
	if end < 0 || start > 0 && isWord(n.in[start-1]) {
		n.out = append(n.out, quote)
		n.i++
		return
	}
	name := n.in[start+1 : end-1]
	switch {
	case end < len(n.in) && n.in[end] == ':' && name != "": // a key of JSON
		n.out = append(append(n.out, name...), ':')
		n.i = end + 1
		n.keepWord(name, end)
	case decides(n.last) || isPart(n.last) || strings.IndexByte(name, ' ') >= 0:
		n.out = append(n.out, quote)
		n.i++
	default:
		n.value(end)
	}
}

// equals takes out the value of key=value, if the key is not one that decides
// what happened.
func (n *normaliser) equals() {
	n.out = append(n.out, '=')
	start := n.i
	n.i++
	if n.lastEnd != start || decides(n.last) || n.i < len(n.in) && (n.in[n.i] == '=' || n.in[n.i] == '>') {
		return
	}
	if truth(n.in[n.i:]) || sentence(n.in, n.i) {
		return
	}
	end := n.i
	if dotted := strings.IndexByte(n.last, '.') > 0 && bytes.HasSuffix(n.out, []byte(n.last+"=")); dotted {
		// A list of settings: the name is as much a value, and alone in its line
		// it has the rest of it.
		n.out = append(n.out[:len(n.out)-len(n.last)-1], '#', '=')
		if strings.IndexByte(n.in[end:], '=') < 0 {
			end = len(n.in)
		}
	}
	if end < len(n.in) && n.in[end] > ' ' {
		end = n.valueEnd(end)
	}
	n.out = append(n.out, '#')
	n.i = end
	n.forget()
}

// truth tells a value that is true or false: a switch says what happened.
func truth(s string) bool {
	for _, w := range []string{"true", "false"} {
		if strings.HasPrefix(s, w) && (len(s) == len(w) || !isWord(s[len(w)])) {
			return true
		}
	}
	return false
}

// sentence tells a value in quotes of three words or more: a text like any other.
func sentence(s string, i int) bool {
	if i >= len(s) || s[i] != '"' && s[i] != '\'' {
		return false
	}
	end := quoteEnd(s, i)
	return end > 0 && strings.Count(s[i:end], " ") > 1
}

// valueEnd gives the end of the value that begins at i.
func (n *normaliser) valueEnd(i int) int {
	for i < len(n.in) {
		switch c := n.in[i]; {
		case c == '"' || c == '\'':
			if end := quoteEnd(n.in, i); end > 0 {
				i = end
				continue
			}
			return i
		case c == '(' || c == '[' || c == '{':
			if end := groupEnd(n.in, i); end > 0 {
				i = end
				continue
			}
			return i
		case c == ')' || c == ']' || c == '}' || c == ';' || c == '|':
			return i
		case c == ',':
			next := i + 1
			for next < len(n.in) && strings.IndexByte(" ,;=:", n.in[next]) < 0 {
				next++
			}
			if next == i+1 || next < len(n.in) && (n.in[next] == '=' || n.in[next] == ':') {
				return i // what follows is no item of a list but the next key
			}
		case c <= ' ':
			return i
		}
		i++
	}
	return i
}

// value writes # for what ends at end. Several in a row are one.
func (n *normaliser) value(end int) {
	n.i = end
	n.forget()
	if list := bytes.TrimRight(n.out, " ,;:|/-&+"); len(n.out)-len(list) <= 3 && standsAlone(list) {
		n.out = list
	} else {
		n.out = append(n.out, '#')
	}
	n.unit()
}

// standsAlone tells an output that ends in a # which is no part of a word.
func standsAlone(out []byte) bool {
	l := len(out)
	return l > 0 && out[l-1] == '#' && (l == 1 || strings.IndexByte(" ([{\"'`:,|<", out[l-2]) >= 0)
}

// unit passes over what belongs to a value: a port, a unit of time or size.
func (n *normaliser) unit() {
	for n.i+1 < len(n.in) && n.in[n.i] == ':' && isDigit(n.in[n.i+1]) {
		n.i++
		for n.i < len(n.in) && isDigit(n.in[n.i]) {
			n.i++
		}
	}
	if n.i == 0 || !isDigit(n.in[n.i-1]) {
		return
	}
	start := n.i
	if start < len(n.in) && n.in[start] == ' ' {
		start++
	}
	if start < len(n.in) && n.in[start] == '%' {
		n.i = start + 1
		return
	}
	if strings.HasPrefix(n.in[start:], "µs") {
		n.i = start + len("µs")
		return
	}
	end := start
	for end < len(n.in) && isLetter(n.in[end]) {
		end++
	}
	if isUnit(n.in[start:end]) && (end == len(n.in) || !isWord(n.in[end])) {
		n.i = end
	}
}

func (n *normaliser) forget() { n.last, n.prev, n.lastEnd = "", "", -1 }

func (n *normaliser) keepWord(w string, end int) {
	n.prev, n.last, n.lastEnd = n.last, w, end
	if !isLevel(w) {
		n.said = true
	}
}

// maxGroup is how far the end of a quotation or a bracket is looked for.
const maxGroup = 512

// quoteEnd gives the end of the quotation that begins at i, -1 if there is none.
func quoteEnd(s string, i int) int {
	rest := s[i+1 : min(len(s), i+1+maxGroup)]
	end := strings.IndexByte(rest, s[i])
	if end < 0 {
		return -1
	}
	end += i + 2
	if end < len(s) && isWord(s[end]) {
		return -1
	}
	return end
}

// groupEnd gives the end of the group in brackets that begins at i, -1 if there
// is none.
func groupEnd(s string, i int) int {
	depth := 0
	for j := i; j < min(len(s), i+maxGroup); j++ {
		switch s[j] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return -1
}
