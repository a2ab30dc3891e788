package mask

import "unicode/utf8"

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isAlpha(c byte) bool { return isLower(c) || isUpper(c) }
func isWord(c byte) bool  { return isAlpha(c) || isDigit(c) || c == '_' }
func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isSpace(c byte) bool { return isBlank(c) || c == '\n' || c == '\r' || c == '\v' || c == '\f' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isBase64 holds for both alphabets of base64, without the padding.
func isBase64(c byte) bool { return isWord(c) || c == '-' || c == '+' || c == '/' }

// isURLSafe holds for base64url.
func isURLSafe(c byte) bool { return isWord(c) || c == '-' }

// isName holds for what names of settings are made of.
func isName(c byte) bool { return isWord(c) || c == '.' || c == '-' }

// run gives the end of the bytes from start on that are in set, at most limit.
func (f *finder) run(start, limit int, set func(byte) bool) int {
	i := start
	for i < len(f.s) && i-start < limit && set(f.s[i]) {
		i++
	}
	return i
}

// runBack gives the start of the bytes before end that are in set, at most limit.
func (f *finder) runBack(end, limit int, set func(byte) bool) int {
	i := end
	for i > 0 && end-i < limit && set(f.s[i-1]) {
		i--
	}
	return i
}

// at gives the byte at i, NUL outside the text.
func (f *finder) at(i int) byte {
	if i < 0 || i >= len(f.s) {
		return 0
	}
	return f.s[i]
}

// has tells whether the text goes on with literal at i.
func (f *finder) has(i int, literal string) bool {
	return i >= 0 && len(f.s)-i >= len(literal) && f.s[i:i+len(literal)] == literal
}

// hasFold is has for a literal in lower case, ASCII letters in either case.
func (f *finder) hasFold(i int, literal string) bool {
	return i >= 0 && len(f.s)-i >= len(literal) && equalFold(f.s[i:i+len(literal)], literal)
}

// equalFold compares s with a text in lower case.
func equalFold(s, low string) bool {
	if len(s) != len(low) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != low[i] {
			return false
		}
	}
	return true
}

// maxSlashes bounds how far an escape is looked back at: log text is rarely
// JSON in JSON in JSON, and a million backslashes must stay cheap.
const maxSlashes = 64

// slashesBefore counts the backslashes right before i.
func (f *finder) slashesBefore(i int) int {
	return i - f.runBack(i, maxSlashes, func(c byte) bool { return c == '\\' })
}

// afterEscape moves a place that lies inside an escape (\n, \t, \u00e9) behind it.
func (f *finder) afterEscape(i int) int {
	if f.at(i-1) == '\\' && f.slashesBefore(i)%2 == 1 {
		switch f.at(i) {
		case 'n', 'r', 't', 'b', 'f', '"', '\\', '/':
			return i + 1
		case 'u':
			if end := f.run(i+1, 4, isHex); end == i+5 {
				return end
			}
		}
		return i
	}
	// \u00e9 may also have been entered farther on.
	for back := 1; back <= 4; back++ {
		if f.at(i-back) == 'u' && f.at(i-back-1) == '\\' && f.slashesBefore(i-back)%2 == 1 {
			if end := f.run(i-back+1, 4, isHex); end == i-back+5 {
				return max(end, i)
			}
		}
	}
	return i
}

// startsWord tells whether a word can begin at i: what stands before is no part
// of it, or is the end of an escape.
func (f *finder) startsWord(i int) bool {
	if !isWord(f.at(i - 1)) {
		return true
	}
	return f.afterEscape(i-1) == i || f.afterUnicodeEscape(i)
}

func (f *finder) afterUnicodeEscape(i int) bool {
	return f.at(i-5) == 'u' && f.at(i-6) == '\\' && f.slashesBefore(i-5)%2 == 1 && f.run(i-4, 4, isHex) == i
}

// endsWord tells whether no word goes on at i.
func (f *finder) endsWord(i int) bool { return !isWord(f.at(i)) }

// isHan tells whether r is a character or a mark of Chinese, Japanese or Korean
// text, full-width forms included.
func isHan(r rune) bool {
	return 0x2e80 <= r && r <= 0x9fff || 0xac00 <= r && r <= 0xd7af || 0xf900 <= r && r <= 0xfaff ||
		0xff00 <= r && r <= 0xffef || 0x20000 <= r && r <= 0x3ffff
}

// rune gives the character at i and its length.
func (f *finder) rune(i int) (rune, int) { return utf8.DecodeRuneInString(f.s[i:]) }
