package fingerprint

import "strings"

// What a byte may be.
const (
	digit = 1 << iota
	upper
	lower
	hexLetter
	word
	joint
)

// kinds tells of each byte what it is.
var kinds = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = digit | word
		case 'A' <= c && c <= 'Z':
			t[c] = upper | word
		case 'a' <= c && c <= 'z':
			t[c] = lower | word
		case c == '_':
			t[c] = word
		}
		if 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' {
			t[c] |= hexLetter
		}
	}
	for _, c := range []byte(`.-/\@~$%+&#:`) {
		t[c] = joint
	}
	return t
}()

func isDigit(c byte) bool  { return kinds[c]&digit != 0 }
func isUpper(c byte) bool  { return kinds[c]&upper != 0 }
func isLower(c byte) bool  { return kinds[c]&lower != 0 }
func isLetter(c byte) bool { return kinds[c]&(upper|lower) != 0 }
func isWord(c byte) bool   { return kinds[c]&word != 0 }
func isHex(c byte) bool    { return kinds[c]&(digit|hexLetter) != 0 }

// joins tells the marks inside of names, paths and numbers.
func joins(c byte) bool { return kinds[c]&joint != 0 }

// leads tells what a path may begin with, leadsTo what then follows.
func leads(c byte) bool   { return c == '/' || c == '\\' || c == '.' || c == '~' }
func leadsTo(c byte) bool { return isWord(c) || c == '/' || c == '\\' || c == '.' }

// atomEnd gives the end of the name, path or number that begins at i: words
// with marks between them. A colon belongs to it between digits, in :: and in ://.
func atomEnd(s string, i int) int {
	end := i
	for end < len(s) && !isWord(s[end]) && joins(s[end]) {
		end++
	}
	for end < len(s) {
		if isWord(s[end]) {
			end++
			continue
		}
		j := end
		for j < len(s) && j-end < 4 && joins(s[j]) {
			j++
		}
		if j == end || j >= len(s) || !isWord(s[j]) {
			break
		}
		if colon := strings.IndexByte(s[end:j], ':'); colon >= 0 {
			marks := s[end:j]
			between := marks == ":" && isDigit(s[j]) && end > i && isDigit(s[end-1])
			if !between && marks != "::" && marks != "://" && marks != ":\\" && marks != ":\\\\" {
				end += colon
				break
			}
		}
		end = j
	}
	return end
}

// shape counts what an atom is made of.
type shape struct {
	letters, digits, groups, dots, slashes int
	at, backslash                          bool
}

func shapeOf(a string) shape {
	var s shape
	for i := range len(a) {
		c := a[i]
		switch {
		case isDigit(c):
			s.digits++
			if i == 0 || !isDigit(a[i-1]) {
				s.groups++
			}
		case isLetter(c):
			s.letters++
		case c == '.':
			s.dots++
		case c == '/':
			s.slashes++
		case c == '\\':
			s.backslash = true
		case c == '@':
			s.at = i > 0
		}
	}
	return s
}

// atom writes the name, path or number at n.i: as it is, with its numbers
// folded, or as #.
func (n *normaliser) atom() {
	start := n.i
	if end := colons(n.in, start); end > 0 {
		n.value(end)
		return
	}
	end := atomEnd(n.in, start)
	a := n.in[start:end]
	s := shapeOf(a)
	switch {
	case s.letters+s.digits == 0:
		n.out = append(n.out, a...)
		n.i = end
	case n.names(end):
		if a == "from" { // the name is empty
			n.out = append(n.out, "# "...)
			n.keep(a, end)
			return
		}
		n.value(end)
	case strings.HasPrefix(a, "HTTP/"):
		n.out = append(n.out, "HTTP/#"...)
		n.i = end
		n.keepWord("HTTP", end)
	case len(a) > len("/dev/") && strings.HasPrefix(a, "/dev/") && device(a[len("/dev/"):]):
		n.keep(a, end)
	case s.slashes == 1 && isDigit(a[0]) && s.digits < 4 && decidesNumber(n.last, n.prev): // status=9/KILL
		n.keep(a, end)
	case s.backslash || s.slashes > 0 && (leads(a[0]) || s.digits+s.dots > 0 || s.slashes > 1):
		if sourceFile(a) && !leads(a[0]) {
			n.fold(a, end)
			return
		}
		n.value(locatorEnd(n.in, end))
	case s.at:
		n.value(end)
	case s.dots > 0 && s.letters > 0:
		n.dotted(a, s, end)
	case s.digits == 0:
		n.word(a, end)
	case s.letters == 0 && n.keepsNumber(a, start, end):
		n.keep(a, end)
	case s.letters == 0 || isDigit(a[0]):
		n.value(end)
	case device(a) || errorCode(a):
		n.keep(a, end)
	case s.groups > 1 || len(a) >= 6 && hexOnly(a) || n.inHeader(end):
		n.value(end)
	default:
		n.fold(a, end)
	}
}

func (n *normaliser) keep(a string, end int) {
	n.out = append(n.out, a...)
	n.i = end
	n.keepWord(a, end)
}

// inHeader tells a name with a number between the other values ahead of the
// first word: the host of a header.
func (n *normaliser) inHeader(end int) bool {
	l := len(n.out)
	return !n.said && l > 1 && n.out[l-1] == ' ' && n.out[l-2] == '#' && end < len(n.in) && n.in[end] == ' '
}

// fold writes # for each number in a name.
func (n *normaliser) fold(a string, end int) {
	for i := range len(a) {
		switch {
		case isDigit(a[i]):
			if i == 0 || !isDigit(a[i-1]) {
				n.out = append(n.out, '#')
			}
		case a[i] == '-' && i > 0 && a[i-1] == '_' && i+1 < len(a) && isDigit(a[i+1]): // blk_-12
		default:
			n.out = append(n.out, a[i])
		}
	}
	n.i = end
	n.keepWord(a, end)
}

// word writes a word without digits.
func (n *normaliser) word(w string, end int) {
	switch {
	case n.month(w, end) || len(w) >= 8 && hexOnly(w) || n.leadingHost(w, end):
		n.value(end)
	default:
		n.keep(w, end)
	}
}

// leadingHost tells a host without dots by its port, where both stand ahead of
// the first word.
func (n *normaliser) leadingHost(w string, end int) bool {
	if n.said || end >= len(n.in) || n.in[end] != ':' || isLevel(w) || strings.ToLower(w) != w {
		return false
	}
	rest := strings.TrimLeft(n.in[end+1:], "0123456789")
	return len(rest) < len(n.in)-end-1 && strings.HasPrefix(rest, " ")
}

// names tells a name by the words before it: for user X, by client X, and X in
// "for X from".
func (n *normaliser) names(end int) bool {
	if n.last == "" || n.lastEnd < 0 || strings.Trim(n.in[n.lastEnd:n.i], " ") != "" {
		return false
	}
	if n.last == "for" && strings.HasPrefix(n.in[end:], " from ") {
		return true
	}
	return isHolder(n.last) && introduces(n.prev)
}

// dotted writes a name with dots: of an exception, a source file and a logger as
// it is; hosts, files, packages and versions are values.
func (n *normaliser) dotted(a string, s shape, end int) {
	last := a[strings.LastIndexByte(a, '.')+1:]
	switch {
	case isException(last), sourceFile(a):
		n.fold(a, end)
	case !n.said && n.logger(last, end):
		n.fold(a, end)
		n.said = false
	case s.groups > 1 || a[0] == '.' || isDomain(last) || isFileType(last) || s.dots > 1 && !isSetting(a), hasPort(a, n.in[end:]):
		n.value(end)
	default:
		n.fold(a, end)
	}
}

// isSetting tells the name of a setting (mapred.job.id) from that of a package
// or a class: it has no capitals and begins with no domain.
func isSetting(a string) bool {
	first, _, _ := strings.Cut(a, ".")
	for i := range len(a) {
		if isUpper(a[i]) {
			return false
		}
	}
	return !isDomain(first) && first != "www" && first != "mail" && first != "smtp"
}

// hasPort tells a host by the port behind it; a name with capitals may be one of
// code with its line.
func hasPort(a, rest string) bool {
	return len(rest) > 1 && rest[0] == ':' && isDigit(rest[1]) && strings.ToLower(a) == a
}

// logger tells the name of a class in front of a message.
func (n *normaliser) logger(last string, end int) bool {
	return last != "" && isUpper(last[0]) && end < len(n.in) && (n.in[end] == ':' || n.in[end] == ' ' || n.in[end] == ']')
}

// locatorEnd gives the end of a path or URL with its query.
func locatorEnd(s string, i int) int {
	for i < len(s) && s[i] > ' ' && strings.IndexByte("\"'`()[]{}<>,;|", s[i]) < 0 && s[i] < 0x80 {
		i++
	}
	for i > 0 && (s[i-1] == '.' || s[i-1] == ':') {
		i--
	}
	return i
}

// colons gives the end of a hardware or IPv6 address that begins at i: at least
// three colons between groups of up to four hexadecimal digits; 0 if there is none.
func colons(s string, i int) int {
	if i > 0 && isWord(s[i-1]) {
		return 0
	}
	count, group := 0, 0
	j := i
	for ; j < min(len(s), i+64); j++ {
		switch {
		case isHex(s[j]):
			if group++; group > 4 {
				return 0
			}
			continue
		case s[j] == ':' && j+1 < len(s) && (isHex(s[j+1]) || s[j+1] == ':'):
			count, group = count+1, 0
			continue
		}
		break
	}
	if count < 3 || j < len(s) && isWord(s[j]) {
		return 0
	}
	return j
}
