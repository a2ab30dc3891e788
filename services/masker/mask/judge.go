package mask

import "strings"

// judge masks the value [start, end) beside a name, unless it is none.
func (f *finder) judge(n name, start, end int, how form, quoted bool, wrap, key string) bool {
	if end <= start {
		return false
	}
	v := withoutMasked(f.s[start:end])
	if !f.isSecret(n, v, end, how, quoted, key) {
		return false
	}
	if wrap != "" && !number(v) {
		wrap = ""
	}
	f.addQuoted(n.kind, start, end, wrap)
	return true
}

// isSecret decides whether v, standing beside a name, is worth hiding.
func (f *finder) isSecret(n name, v string, end int, how form, quoted bool, key string) bool {
	switch {
	case placeholder(v), !quoted && state(v):
		return false
	case n.weak:
		return how != formFlag && looksRandom(v)
	case how == formComma:
		return looksSecret(v)
	case n.kind == kindPassword:
		return f.isPassword(n, v, end, how, quoted, key)
	case digitsOnly(v):
		return len(v) >= 6 && lower(key[len(key)-1]) != 's'
	case hasPrefixAny(v, "http://", "https://", "arn:", "/", "./"):
		return false
	case len(v) < 4, state(v), object(v):
		return false
	case quoted:
		return !strings.ContainsAny(v, " \t") || looksSecret(v)
	case how == formColon, how == formSpaced:
		return looksSecret(v) && f.at(end) != '('
	}
	return true
}

func (f *finder) isPassword(n name, v string, end int, how form, quoted bool, key string) bool {
	if strings.EqualFold(key, "pwd") && hasPrefixAny(v, "/", "~", `C:\`) {
		return false // the shell's working directory
	}
	if n.alone && (digitsOnly(v) || len(v) < 4 || !quoted && how != formEqual && !looksSecret(v)) {
		return false // pass=10 fail=2
	}
	if quoted {
		return true
	}
	if how == formFlag && strings.HasPrefix(v, "-") {
		return false
	}
	switch how {
	case formColon:
		return !f.prose(v, end)
	case formSpaced:
		return f.at(end) != '(' && !code(v) && !f.prose(v, end)
	}
	return true
}

// prose tells a sentence ("password: user not found") from a value: a plain
// word after which another one follows on the line.
func (f *finder) prose(v string, end int) bool {
	for i := range len(v) {
		if !isLower(v[i]) && (i > 0 || !isUpper(v[i])) {
			return false
		}
	}
	next := f.run(end, 4, isBlank)
	return next > end && isAlpha(f.at(next)) || f.at(end) == '('
}

// code tells a call or an index of source text, as stacks quote it: getToken(…),
// os.environ["X"].
func code(v string) bool {
	i := 0
	for i < len(v) && (isWord(v[i]) || v[i] == '.') {
		i++
	}
	return i > 0 && i < len(v) && !isDigit(v[0]) && (v[i] == '(' || v[i] == '[' && i+1 < len(v) && !isAlnum(v[i+1]))
}

// object tells what Java prints for one: Token{a64f992 …, android.os.Binder@2bd79ce.
func object(v string) bool {
	i := 0
	for i < len(v) && (isWord(v[i]) || v[i] == '.' || v[i] == '$') {
		i++
	}
	if i == 0 || i == len(v) {
		return false
	}
	if v[i] == '{' {
		return isUpper(v[strings.LastIndexByte(v[:i], '.')+1])
	}
	return v[i] == '@' && strings.IndexByte(v[:i], '.') > 0 && len(v)-i <= 9 && strings.Trim(v[i+1:], "0123456789abcdef") == ""
}

// state tells the words that stand where a secret would, in logs and code.
func state(v string) bool {
	switch strings.ToLower(strings.TrimRight(v, ".!:;")) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "undefined", "n/a", "na", "unset", "empty", "missing",
		"required", "invalid", "expired", "incorrect", "wrong", "not", "is", "was", "has", "string", "bool", "int", "str", "bytes", "optional",
		"basic", "bearer", "failed", "ok", "found", "unknown", "default", "the", "a", "an", "and", "or", "for", "from", "by", "in", "of", "to",
		"mismatch", "error", "denied", "rejected", "accepted", "success", "successful", "verified", "using", "with", "user", "unauthorized":
		return true
	}
	return false
}

// placeholderWords are what placeholders in brackets are made of.
var placeholderWords = map[string]bool{
	"your": true, "my": true, "the": true, "password": true, "passwd": true, "pwd": true, "secret": true, "token": true, "key": true, "api": true,
	"access": true, "redacted": true, "hidden": true, "masked": true, "filtered": true, "removed": true, "value": true, "placeholder": true,
	"none": true, "null": true, "nil": true, "empty": true, "user": true, "username": true, "name": true, "id": true, "here": true, "changeme": true,
	"change": true, "me": true, "example": true, "enter": true, "insert": true, "private": true, "credentials": true, "sensitive": true, "data": true,
	"omitted": true, "string": true, "auth": true, "client": true, "bearer": true, "db": true, "protected": true, "pass": true, "scrubbed": true,
}

// placeholder tells values that only stand for one: ***, <password>, ${DB_PASS}.
// Brackets alone make none, or a log line could hide a secret in them.
func placeholder(v string) bool {
	if v == "" || len(v) > 64 {
		return v == "" || distinct(v) == 1 && strings.IndexByte("*xX.-•", v[0]) >= 0
	}
	if strings.Trim(v, "*.-_•#= ") == "" || len(v) >= 3 && strings.Trim(strings.ToLower(v), "x") == "" {
		return true
	}
	inner := v
	if v[0] == '$' || v[0] == '%' {
		return variable(v)
	}
	if hasPrefixAny(v, "{{") && strings.HasSuffix(v, "}}") {
		return !strings.ContainsAny(v, `"'`) && variable("${"+strings.Trim(v, "{} ")+"}")
	}
	if open := strings.IndexByte("<[({", v[0]); open >= 0 {
		if v[len(v)-1] != ">])}"[open] {
			return false
		}
		inner = v[1 : len(v)-1]
		all := words(inner)
		for _, w := range all {
			if !placeholderWords[w] {
				return false
			}
		}
		return len(all) > 0
	}
	low := strings.ToLower(inner)
	return strings.HasPrefix(low, "your_") || strings.HasPrefix(low, "your-") || low == "changeme" || low == "redacted" || low == "(null)"
}

// variable tells ${NAME}, $NAME, $(command), %NAME%, %s and %(name)s.
func variable(v string) bool {
	body := v[1:]
	switch {
	case body == "":
		return true
	case v[0] == '%':
		return body == "s" || body == "v" || body == "d" || body == "q" || strings.HasSuffix(body, "%") && identifier(body[:len(body)-1], false) ||
			strings.HasPrefix(body, "(") && strings.HasSuffix(body, ")s")
	case body[0] == '{' && strings.HasSuffix(body, "}"), body[0] == '(' && strings.HasSuffix(body, ")"):
		name, _, _ := strings.Cut(body[1:len(body)-1], ":")
		return identifier(name, true)
	}
	return identifier(body, false) && allUpper(body) && !isDigit(body[0])
}

func identifier(s string, dots bool) bool {
	for i := range len(s) {
		if !isWord(s[i]) && !(dots && (s[i] == '.' || s[i] == '-' || s[i] == ' ')) {
			return false
		}
	}
	return s != ""
}

func digitsOnly(v string) bool {
	for i := range len(v) {
		if !isDigit(v[i]) {
			return false
		}
	}
	return v != ""
}

// number tells what JSON takes as a number, roughly: it must be put in quotes
// when it is replaced.
func number(v string) bool {
	return strings.Trim(v, "0123456789.eE+-") == ""
}

func hasPrefixAny(v string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}

// looksSecret tells a made-up value from a word, a path or a name of code: it
// is long enough and mixes letters with digits, or many capitals.
func looksSecret(v string) bool {
	if len(v) < 8 || strings.ContainsAny(v, " \t") || code(v) || hasPrefixAny(v, "/", "./", "0x", "http") {
		return false
	}
	digits, letters, marks, swaps := 0, 0, 0, 0
	for i := range len(v) {
		switch c := v[i]; {
		case isDigit(c):
			digits++
		case isAlpha(c):
			letters++
			if i > 0 && isUpper(c) && isLower(v[i-1]) {
				swaps++
			}
		case c != '_' && c != '-' && c != '.' && c != '/' && c != ':':
			marks++
		}
	}
	if letters == 0 {
		return digits >= 16 && marks == 0
	}
	return digits > 0 && (digits >= 2 || len(v) >= 12) || marks > 0 && letters > 3 || swaps*5 >= len(v)
}

// looksRandom is looksSecret for names that say little: hashes, ids and
// addresses, which keys of caches and databases hold, are not enough.
func looksRandom(v string) bool {
	if len(v) < 16 || len(v) > 4096 || isUUID(v) || !looksSecret(v) {
		return len(v) > 4096
	}
	hex, digits, uppers, lowers := true, 0, 0, 0
	for i := range len(v) {
		c := v[i]
		hex = hex && isHex(c)
		switch {
		case isDigit(c):
			digits++
		case isUpper(c):
			uppers++
		case isLower(c):
			lowers++
		case !isBase64(c) && c != '=' && c != '.':
			return false
		}
	}
	return !hex && digits >= 2 && lowers > 0 && (uppers > 0 || digits*8 >= len(v)) && distinct(v) >= 10
}

func isUUID(v string) bool {
	if len(v) != 36 {
		return false
	}
	for i := range len(v) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (v[i] == '-') || !dash && !isHex(v[i]) {
			return false
		}
	}
	return true
}

// withoutMasked gives what is left of a value beside what is masked already: a
// token before a secret must not hide it.
func withoutMasked(v string) string {
	tokens := tokensIn(v)
	for i := len(tokens) - 1; i >= 0; i-- {
		v = v[:tokens[i].Start] + v[tokens[i].End:]
	}
	return v
}
