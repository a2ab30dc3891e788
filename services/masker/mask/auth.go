package mask

import (
	"encoding/base64"
	"strings"
)

// secretTriggers are all detectors of LevelSecrets.
func secretTriggers() []trigger {
	var all []trigger
	for _, n := range names() {
		all = append(all, trigger{n.literal, n.look})
	}
	for _, k := range keyShapes() {
		all = append(all, trigger{k.prefix, k.look})
	}
	all = append(all,
		trigger{":AA", (*finder).telegramToken},
		trigger{".atlasv1.", (*finder).terraformToken},
		trigger{"authorization", (*finder).authorization},
		trigger{"bearer", (*finder).bearer},
		trigger{"basic ", (*finder).basic},
		trigger{"eyJ", (*finder).jwt},
		trigger{"cookie", (*finder).cookie},
		trigger{"-----begin ", (*finder).privateKey},
		trigger{"-----end ", (*finder).privateKeyTail},
		trigger{"identified by", (*finder).identifiedBy},
		trigger{"://", (*finder).userinfo},
		trigger{"@tcp(", (*finder).dataSource},
		trigger{"@unix(", (*finder).dataSource},
	)
	for _, w := range []string{"/webhook/send?key=", "/bot/v2/hook/", "/bot/hook/", "hooks.slack.com/", "/api/webhooks/", "/webhookb2/", "/robot/send?access_token="} {
		all = append(all, trigger{w, (*finder).webhook})
	}
	return all
}

// credentials gives the value that stands beside a header's name, up to its
// closing quote; without one, the limit is the end of the text.
func (f *finder) credentials(start, end int) (at, limit int, quoted, ok bool) {
	han := false
	at, how, keyQuote := f.separator(name{}, start, end, &han)
	if how != formEqual && how != formColon && how != formSpaced && how != formComma {
		return 0, 0, false, false
	}
	if f.at(at) == '[' {
		at++ // as in Java's and Go's prints of headers
	}
	slashes := f.run(at, maxSlashes, func(c byte) bool { return c == '\\' }) - at
	if c := f.at(at + slashes); c == '"' || c == '\'' {
		if f.s[at:at+slashes+1] != keyQuote && !f.opensQuote(at+slashes, slashes) {
			return 0, 0, false, false
		}
		at += slashes + 1
		return at, f.closing(at, c, slashes), true, true
	}
	return at, len(f.s), false, at < len(f.s)
}

// headerEnd gives the end of a header's value, which may itself stand in
// quotes, as in curl's -H "Name: value".
func (f *finder) headerEnd(at int) int {
	end := at
	for end < len(f.s) && strings.IndexByte("\"'\n\r", f.s[end]) < 0 {
		end++
	}
	return max(at, end-f.slashesBefore(end))
}

// authorization masks what follows "Authorization:", leaving the scheme.
func (f *finder) authorization(start, end int) {
	if start < f.covered && f.inFound(start) {
		return
	}
	at, limit, quoted, ok := f.credentials(start, end)
	if !ok || limit <= at {
		return
	}
	word := f.run(at, 32, func(c byte) bool { return isAlnum(c) || c == '-' })
	value := f.run(word, maxGap, isBlank)
	scheme := strings.ToLower(f.s[at:word])
	switch {
	case value == word:
		scheme = ""
	case scheme == "bearer", scheme == "basic", scheme == "token", scheme == "apikey", scheme == "negotiate":
		at = value
	case strings.HasPrefix(scheme, "aws4-"), scheme == "digest", scheme == "ntlm", scheme == "hawk", scheme == "oauth", scheme == "tc3-hmac-sha256":
		f.add(kindAuth, value, min(limit, f.headerEnd(value)))
		return
	default:
		scheme = ""
		if next := min(f.bare(value, "", false), limit); next > value && looksSecret(f.s[value:next]) {
			at, scheme = value, "unknown"
		}
	}
	end = limit
	if !quoted || scheme != "" {
		end = min(f.bare(at, "", false), limit)
	}
	v := withoutMasked(f.s[at:end])
	if len(v) < 4 || placeholder(v) || state(v) || f.prose(v, end) || scheme == "" && !looksSecret(v) {
		return
	}
	f.add(kindAuth, at, end)
}

// bearer masks "Bearer …" outside a header too.
func (f *finder) bearer(start, end int) {
	at := f.run(end, maxGap, func(c byte) bool { return isBlank(c) || c == ':' || c == '=' })
	if at == end || !f.startsWord(start) {
		return
	}
	stop := f.run(at, 8192, func(c byte) bool { return isBase64(c) || c == '=' || c == '.' || c == '~' })
	for stop > at && f.s[stop-1] == '.' {
		stop--
	}
	if strings.Contains(strings.TrimRight(f.s[at:stop], "="), "=") {
		return // name=value
	}
	if v := f.s[at:stop]; looksSecret(v) || len(v) >= 24 && distinct(v) > 8 {
		f.add(kindAuth, at, stop)
	}
}

// basic masks "Basic …" if it holds a name and a password.
func (f *finder) basic(start, end int) {
	if !f.startsWord(start) {
		return
	}
	stop := f.run(end, 1024, func(c byte) bool { return isBase64(c) || c == '=' })
	plain, err := base64.StdEncoding.DecodeString(f.s[end:stop])
	if err == nil && strings.IndexByte(string(plain), ':') > 0 {
		f.add(kindAuth, end, stop)
	}
}

// jwt masks header.claims.signature.
func (f *finder) jwt(start, end int) {
	if f.s[start:end] != "eyJ" || isURLSafe(f.at(start-1)) && !f.startsWord(start) {
		return
	}
	const most = 16 << 10
	header := f.run(start, most, isURLSafe)
	if f.at(header) != '.' || header-start < 10 {
		return
	}
	claims := f.run(header+1, most, isURLSafe)
	stop := claims
	if f.at(claims) == '.' {
		stop = f.run(claims+1, most, isURLSafe)
	}
	plain, err := base64.RawURLEncoding.DecodeString(f.s[start : header-(header-start)%4])
	if err != nil || len(plain) < 2 || plain[0] != '{' || claims-header < 8 {
		return
	}
	for f.at(stop) == '.' && isURLSafe(f.at(stop+1)) { // five parts: encrypted
		stop = f.run(stop+1, most, isURLSafe)
	}
	f.add(kindJWT, start, stop)
}

// cookie masks the values behind "Cookie:" and "Set-Cookie:".
func (f *finder) cookie(start, end int) {
	if start < f.covered && f.inFound(start) {
		return
	}
	if before := f.afterEscape(f.runBack(start, 16, isName)); before < start && !strings.EqualFold(f.s[before:start], "set-") && !strings.EqualFold(f.s[before:start], "http.") {
		return
	}
	if lower(f.at(end)) == 's' {
		end++
	}
	at, limit, _, ok := f.credentials(start, end)
	for ok && at < limit {
		at = f.cookiePair(at)
		if f.at(at) != ';' {
			return
		}
		at = f.run(at+1, maxGap, isBlank)
	}
}

// cookiePair masks the value of name=value and gives the end of the pair.
func (f *finder) cookiePair(start int) int {
	eq := f.run(start, 128, func(c byte) bool { return c > ' ' && strings.IndexByte("=;,\"'\\", c) < 0 })
	if f.at(eq) != '=' {
		return eq
	}
	at := eq + 1
	end := f.bare(at, "", false)
	switch strings.ToLower(f.s[start:eq]) {
	case "path", "domain", "expires", "max-age", "samesite", "priority":
		return f.run(end, 64, func(c byte) bool { return c >= ' ' && strings.IndexByte(";\"'\\", c) < 0 })
	}
	if v := withoutMasked(f.s[at:end]); len(v) >= 6 && !placeholder(v) && !state(v) {
		f.add(kindCookie, at, end)
	}
	return end
}

// isKeyBlock holds for what stands between the lines of a private key, \n
// written out included.
func isKeyBlock(c byte) bool { return isBase64(c) || c == '=' || c == '\\' || c == '\n' || c == '\r' }

// privateKey masks a whole block, or, where its end is cut off, what looks like
// the inside of one.
func (f *finder) privateKey(start, end int) {
	if start < f.covered {
		return
	}
	head := f.s[end:min(end+48, len(f.s))]
	i := strings.Index(head, "PRIVATE KEY")
	if i < 0 {
		return
	}
	body := end + i + len("PRIVATE KEY")
	const most = 64 << 10
	if j := strings.Index(f.s[body:min(body+most, f.stringLimit(start))], "-----END "); j >= 0 {
		stop := body + j + len("-----END ")
		if k := strings.Index(f.s[stop:min(stop+64, len(f.s))], "-----"); k >= 0 {
			f.add(kindPrivateKey, start, stop+k+len("-----"))
			return
		}
	}
	stop := f.run(body, len(f.s), isKeyBlock)
	for isBlank(f.at(stop)) && stop > 0 && (f.s[stop-1] == '\n' || isBlank(f.s[stop-1])) {
		stop = f.run(stop+1, len(f.s), isKeyBlock)
	}
	for stop > body && isSpace(f.s[stop-1]) {
		stop--
	}
	f.add(kindPrivateKey, start, stop)
}

// privateKeyTail masks a block whose beginning is cut off.
func (f *finder) privateKeyTail(start, end int) {
	if start < f.covered {
		return
	}
	head := f.s[end:min(end+48, len(f.s))]
	i := strings.Index(head, "PRIVATE KEY-----")
	if i < 0 {
		return
	}
	first := f.runBack(start, start-f.covered, isKeyBlock)
	for first < start && isSpace(f.s[first]) {
		first++
	}
	f.add(kindPrivateKey, first, end+i+len("PRIVATE KEY-----"))
}

// identifiedBy masks the password of SQL's CREATE USER … IDENTIFIED BY '…'.
func (f *finder) identifiedBy(_, end int) {
	at := f.run(end, maxGap, isBlank)
	if f.hasFold(at, "password") {
		at = f.run(at+len("password"), maxGap, isBlank)
	}
	slashes := f.run(at, maxSlashes, func(c byte) bool { return c == '\\' }) - at
	if c := f.at(at + slashes); (c == '\'' || c == '"') && f.opensQuote(at+slashes, slashes) {
		start := at + slashes + 1
		if end := f.closing(start, c, slashes); !placeholder(f.s[start:end]) {
			f.add(kindPassword, start, end)
		}
	}
}

// maxUserinfo bounds the search for the @ of a URL.
const maxUserinfo = 512

// userinfo masks the password of a URL such as amqp://user:pass@host, or a name
// that looks like a token.
func (f *finder) userinfo(_, end int) {
	if f.nextAt < end {
		f.nextAt = len(f.s) + maxUserinfo
		if i := strings.IndexByte(f.s[end:], '@'); i >= 0 {
			f.nextAt = end + i
		}
	}
	if f.nextAt-end > 2*maxUserinfo {
		return
	}
	limit := f.run(end, maxUserinfo, func(c byte) bool {
		return c > ' ' && strings.IndexByte("/?#\"'<>`\\,;|{}()", c) < 0
	})
	at := strings.LastIndexByte(f.s[end:limit], '@')
	if at < 0 {
		// A password may hold a slash: then a @ follows before the next blank.
		if colon := strings.IndexByte(f.s[end:limit], ':'); colon >= 0 && f.at(limit) == '/' && !isDigit(f.at(end+colon+1)) {
			rest := f.run(limit, maxUserinfo, func(c byte) bool { return c > ' ' && strings.IndexByte("?#\"'<>`\\,;|{}()", c) < 0 })
			if at = strings.LastIndexByte(f.s[end:rest], '@'); at < 0 {
				return
			}
		} else {
			return
		}
	}
	info := f.s[end : end+at]
	colon := strings.IndexByte(info, ':')
	if colon < 0 {
		if len(info) >= 16 && looksSecret(info) {
			f.add(kindToken, end, end+at)
		}
		return
	}
	if v := withoutMasked(info[colon+1:]); v != "" && !placeholder(v) {
		f.add(kindPassword, end+colon+1, end+at)
	}
}

// dataSource masks the password of Go's and PHP's user:pass@tcp(host)/name.
func (f *finder) dataSource(start, _ int) {
	head := f.runBack(start, 256, func(c byte) bool { return c > ' ' && strings.IndexByte("\"'`=<>", c) < 0 })
	colon := strings.IndexByte(f.s[head:start], ':')
	if colon < 0 {
		return
	}
	if v := withoutMasked(f.s[head+colon+1 : start]); v != "" && !placeholder(v) && !strings.HasPrefix(v, "//") {
		f.add(kindPassword, head+colon+1, start)
	}
}

// webhook masks the secret part of a chat robot's address.
func (f *finder) webhook(start, end int) {
	set := func(c byte) bool { return isURLSafe(c) || c == '/' || c == '@' || c == '%' || c == '.' }
	if f.s[end-1] == '=' {
		set = isURLSafe
	}
	stop := f.run(end, 512, set)
	for stop > end && f.s[stop-1] == '.' {
		stop--
	}
	if v := f.s[end:stop]; len(v) >= 12 && !placeholder(v) {
		f.add(kindWebhook, end, stop)
	}
}
