package mask

import "strings"

// form is how a value stands beside its name.
type form int

const (
	formNone   form = iota
	formEqual       // name=value
	formSpaced      // name = value
	formColon       // name: value
	formComma       // ("name", "value")
	formFlag        // --name value
	formQuoted      // PASSWORD 'value'
	formXML         // <name>value</name>
)

// maxName is how long a name may be on each side of its word, maxGap how much
// blank space may stand around the mark between name and value.
const (
	maxName = 96
	maxGap  = 16
)

// assignment looks at a name whose word stands at [start, end) and masks the
// value that stands beside it.
func (n name) look(f *finder, start, end int) {
	if start < f.keyEnd || start < f.covered && f.inFound(start) {
		return
	}
	keyStart := f.afterEscape(f.runBack(start, maxName, isName))
	keyEnd := f.run(end, maxName, isName)
	for keyEnd > end && (f.s[keyEnd-1] == '.' || f.s[keyEnd-1] == '-') {
		keyEnd--
	}
	if keyStart > start || !n.names(f.s[keyStart:start], f.s[end:keyEnd]) {
		return
	}
	han := n.literal[0] >= 0x80
	at, how, keyQuote := f.separator(n, keyStart, keyEnd, &han)
	if how == formNone {
		return
	}
	if f.value(n, at, how, keyQuote, f.s[keyStart:keyEnd], han) {
		f.keyEnd = keyEnd
	}
}

// inFound tells whether a found value covers the place.
func (f *finder) inFound(at int) bool {
	for i := len(f.found) - 1; i >= 0 && i >= len(f.found)-8; i-- {
		if f.found[i].start <= at && at < f.found[i].end {
			return true
		}
	}
	return false
}

// separator finds where the value of a name begins and how it is joined to it.
// keyQuote is the quote that closes the name, with its backslashes.
func (f *finder) separator(n name, keyStart, keyEnd int, han *bool) (at int, how form, keyQuote string) {
	i := f.run(keyEnd, maxSlashes, func(c byte) bool { return c == '\\' })
	if c := f.at(i); c == '"' || c == '\'' || c == '`' {
		i++
		keyQuote = f.s[keyEnd:i]
	} else {
		i = keyEnd
	}
	if f.at(i) == '>' && (keyQuote != "" || f.at(keyStart-1) == '<') {
		return i + 1, formXML, keyQuote
	}
	if f.at(i) == '[' {
		if end := strings.IndexByte(f.s[i:min(i+maxGap, len(f.s))], ']'); end >= 0 {
			i += end + 1
		}
	} else if f.at(i) == ']' {
		i++
	}
	blank := isBlank
	if keyQuote != "" {
		blank = isSpace
	}
	j := f.run(i, maxGap, blank)
	if j > i && f.hasFold(j, "string ") {
		j = f.run(j+len("string "), maxGap, isBlank)
	}
	k := f.run(j, 5, func(c byte) bool { return c != 0 && strings.IndexByte("=:>!~|?.", c) >= 0 })
	if mark := f.s[j:k]; strings.ContainsAny(mark, "=:") && mark[0] != '>' {
		at = f.run(k, maxGap, blank)
		switch {
		case strings.ContainsAny(mark, "!~"):
			how = formComma // a comparison
		case mark == ":" || mark == "::":
			how = formColon
		case j > i || at > k:
			how = formSpaced
		default:
			how = formEqual
		}
		return at, how, keyQuote
	}
	for _, mark := range []string{"：", "＝", "为", "是"} {
		if f.has(j, mark) {
			*han = true
			return f.run(j+len(mark), maxGap, isBlank), formEqual, keyQuote
		}
	}
	switch {
	case keyQuote != "" && f.at(j) == ',':
		return f.run(j+1, maxGap, isBlank), formComma, keyQuote
	case n.kind == kindPassword && j > i && f.hasFold(j, "is "):
		return f.run(j+3, maxGap, isBlank), formColon, keyQuote
	case j == i+1 && f.at(keyStart) == '-' && f.at(j) != '-':
		return j, formFlag, keyQuote
	case n.kind == kindPassword && j > i && f.at(j) == '\'':
		return j, formQuoted, keyQuote
	}
	return 0, formNone, ""
}

// value masks the value at a place, if it is one.
func (f *finder) value(n name, at int, how form, keyQuote, key string, han bool) bool {
	if how == formXML {
		end := f.run(at, f.stringLimit(at)-at, func(c byte) bool { return c != '<' && c != '\n' })
		return f.judge(n, at, end, formXML, true, "", key)
	}
	if strings.IndexByte("bBrRuUfF@L", f.at(at)) >= 0 && (f.at(at+1) == '"' || f.at(at+1) == '\'') {
		at++
	}
	slashes := f.run(at, maxSlashes, func(c byte) bool { return c == '\\' }) - at
	if c := f.at(at + slashes); c == '"' || c == '\'' || c == '`' {
		if f.s[at:at+slashes+1] != keyQuote && !f.opensQuote(at+slashes, slashes) {
			return false
		}
		start := at + slashes + 1
		return f.judge(n, start, f.closing(start, c, slashes), how, true, "", key)
	}
	if how == formComma || how == formQuoted || slashes > 0 && f.at(at+slashes) == 0 {
		return false
	}
	c := f.at(at)
	if c == '[' && keyQuote != "" {
		return f.list(n, at+1, key)
	}
	if c == '{' && keyQuote != "" {
		return false
	}
	until := ""
	if i := strings.IndexByte("[({", c); i >= 0 && c != 0 {
		if end := f.bare(at+1, "])}", false); end < len(f.s) && placeholder(f.s[at:end+1]) {
			return false
		}
		at, until = at+1, "])}"
	}
	end := f.bare(at, until, han)
	quote := ""
	if strings.HasSuffix(keyQuote, `"`) || strings.HasSuffix(keyQuote, "'") {
		quote = keyQuote
		end = at + untilAny(f.s[at:end], "}]")
	}
	return f.judge(n, at, end, how, false, quote, key)
}

func untilAny(s, marks string) int {
	if i := strings.IndexAny(s, marks); i >= 0 {
		return i
	}
	return len(s)
}

// closing gives the end of a quoted text that begins at start after a quote
// with so many backslashes before it; without a closing quote, that of the line.
func (f *finder) closing(start int, quote byte, slashes int) int {
	seen, limit := 0, len(f.s)
	if quote != '"' {
		limit = f.stringLimit(start)
	}
	for i := start; i < limit; i++ {
		switch c := f.s[i]; c {
		case '\\':
			seen++
			continue
		case '\n':
			return i
		case quote:
			if seen < slashes || seen%(2*slashes+2) == slashes {
				return i - min(seen, slashes)
			}
		}
		seen = 0
	}
	return limit
}

// bare gives the end of a value without quotes.
func (f *finder) bare(start int, until string, han bool) int {
	ascii := start < len(f.s) && f.s[start] < 0x80
	i := start
	for i < len(f.s) {
		c := f.s[i]
		if c >= 0x80 {
			if n, ok := tokenLen(f.s[i:]); ok {
				i += n
				continue
			}
			r, n := f.rune(i)
			if isHan(r) && (ascii || han) || r == '，' || r == '。' || r == '；' || r == '、' || r == '）' {
				break
			}
			i += n
			continue
		}
		if c <= ' ' || c == 0x7f || strings.IndexByte("\"'`,;&<", c) >= 0 || strings.IndexByte(until, c) >= 0 {
			break
		}
		if c == '\\' {
			if next := f.at(i + 1); next != 0 && strings.IndexByte(`"'nrt`, next) >= 0 {
				break
			}
			if f.at(i+1) == '\\' {
				i++
			}
		}
		i++
	}
	return f.trim(start, min(i, len(f.s)))
}

// trim takes brackets without a partner off the end of a value.
func (f *finder) trim(start, end int) int {
	for end > start {
		open := strings.IndexByte(")]}>", f.s[end-1])
		if open < 0 {
			return end
		}
		if v := f.s[start:end]; strings.Count(v, string("([{<"[open])) >= strings.Count(v, string(f.s[end-1])) {
			return end
		}
		end--
	}
	return end
}

// list masks the quoted values of a JSON list.
func (f *finder) list(n name, at int, key string) bool {
	found := false
	for at < len(f.s) && f.s[at] != ']' {
		slashes := f.run(at, maxSlashes, func(c byte) bool { return c == '\\' }) - at
		if f.at(at+slashes) != '"' {
			if !isSpace(f.s[at]) && f.s[at] != ',' {
				return found
			}
			at++
			continue
		}
		start := at + slashes + 1
		end := f.closing(start, '"', slashes)
		found = f.judge(n, start, end, formColon, true, "", key) || found
		at = end + slashes + 1
	}
	return found
}
