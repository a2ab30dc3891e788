package mask

import "strings"

// email looks around an @ for a mail address.
func (f *finder) email(at, _ int) {
	start := f.afterEscape(f.runBack(at, 64, func(c byte) bool { return isWord(c) || strings.IndexByte(".%+-", c) >= 0 }))
	for start < at && (f.s[start] == '.' || f.s[start] == '-') {
		start++
	}
	end := f.run(at+1, 255, func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' })
	for end > at && !isAlnum(f.s[end-1]) {
		end--
	}
	if start >= at || end <= at+1 || !isAlnum(f.s[at-1]) && f.s[at-1] != '_' {
		return
	}
	local, domain := f.s[start:at], f.s[at+1:end]
	dot := strings.LastIndexByte(domain, '.')
	if dot <= 0 || strings.Contains(domain, "..") || !topDomain(domain[dot+1:]) || isWord(f.at(end)) || f.at(end) == '@' {
		return
	}
	// git@host:path names a repository.
	if local == "git" || f.at(end) == ':' && isAlpha(f.at(end+1)) || f.inUserinfo(start) {
		return
	}
	f.add(kindEmail, start, end)
}

// inUserinfo tells whether a place lies before the @ of a URL, where userinfo
// looks.
func (f *finder) inUserinfo(at int) bool {
	head := f.runBack(at, 256, func(c byte) bool { return c > ' ' && strings.IndexByte("/?#\"'<>", c) < 0 })
	return f.at(head-1) == '/' && f.at(head-2) == '/' && f.at(head-3) == ':'
}

// topDomain tells a top-level domain from the ending of a file or a unit.
func topDomain(s string) bool {
	if len(s) < 2 || len(s) > 24 {
		return false
	}
	if strings.HasPrefix(s, "xn--") {
		return true
	}
	for i := range len(s) {
		if !isAlpha(s[i]) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "mjs", "css", "ts", "json", "html", "xml", "yml", "yaml", "java", "py", "go", "jar", "so",
		"service", "socket", "timer", "target", "slice", "scope", "mount", "device", "path", "swap", "log", "conf", "txt", "invoke", "local", "internal", "localdomain":
		return false
	}
	return true
}

// digits looks at the numbers that begin in [from, to) and gives where it stopped.
func (f *finder) digits(from, to int, m *Masker) int {
	i := from
	for i < to {
		if !isDigit(f.s[i]) {
			i++
			continue
		}
		if i == from && i > 0 && isDigit(f.s[i-1]) {
			i = f.run(i, len(f.s), isDigit)
			continue
		}
		end := f.run(i, len(f.s), isDigit)
		if f.inToken(i) {
			i = end
			continue
		}
		if m.network && end-i <= 3 && f.at(end) == '.' {
			if stop := f.ipv4(i); stop > 0 {
				i = stop
				continue
			}
		}
		if m.personal && (end-i >= 11 || end-i >= 2 && end-i <= 8 && isGap(f.at(end)) && isDigit(f.at(end+1)) || f.at(i-1) == '+') {
			if stop := f.number(i, end); stop > 0 {
				i = stop
				continue
			}
		}
		i = end
	}
	return max(i, to)
}

func isGap(c byte) bool { return c == ' ' || c == '-' }

// number looks for a phone number, a resident id or a card that begins at
// start, where end is the end of the first digits; 0 if there is none.
func (f *finder) number(start, end int) int {
	if !f.startsWord(start) || f.at(start-1) == '.' && isDigit(f.at(start-2)) || strings.IndexByte("$#&%", f.at(start-1)) >= 0 && start > 0 {
		return 0
	}
	if f.at(start-1) == '-' && (isWord(f.at(start-2)) || f.at(start-2) == '-') {
		return 0
	}
	if stop := f.phone(start, end); stop > 0 {
		return stop
	}
	if stop := f.residentID(start, end); stop > 0 {
		return stop
	}
	return f.bankCard(start, end)
}

// endsNumber tells whether the number is over at i.
func (f *finder) endsNumber(i int) bool {
	if !f.endsWord(i) || f.at(i) == '.' && isDigit(f.at(i+1)) || f.at(i) == '%' {
		return false
	}
	return f.at(i) != '-' || !isWord(f.at(i+1))
}

// phone finds a Chinese mobile number: 11 digits, with or without +86 and
// blanks or dashes between the groups (3-4-4).
func (f *finder) phone(start, end int) int {
	at, sure := start, false
	first := start
	switch {
	case f.has(start, "0086"):
		at, sure = start+4, true
	case f.has(start, "86") && (f.at(start-1) == '+' || f.at(start+2) == '-' || f.at(start+2) == ' ' || end-start == 13):
		at, sure = start+2, f.at(start-1) == '+'
	}
	if sure && f.at(start-1) == '+' {
		first = start - 1
	}
	if at > start && isGap(f.at(at)) {
		at++
	}
	number := make([]byte, 0, 11)
	gaps, i := 0, at
	for len(number) < 11 {
		c := f.at(i)
		if isGap(c) && (len(number) == 3 || len(number) == 7) && isDigit(f.at(i+1)) && f.at(i-1) != c {
			gaps++
			i++
			continue
		}
		if !isDigit(c) {
			return 0
		}
		number = append(number, c)
		i++
	}
	if isDigit(f.at(i)) || !f.endsNumber(i) || !mobile(number) || gaps == 1 {
		return 0
	}
	if !sure && !f.phoneContext(first, i, number) {
		return 0
	}
	f.addNumber(kindPhone, first, i)
	return i
}

// mobile checks the ranges that the ministry has given out.
func mobile(d []byte) bool {
	if d[0] != '1' {
		return false
	}
	switch d[1] {
	case '3', '8', '9':
		return true
	case '4':
		return d[2] >= '4'
	case '5':
		return d[2] != '4'
	case '6':
		return d[2] == '2' || d[2] == '5' || d[2] == '6' || d[2] == '7'
	case '7':
		return d[2] <= '8'
	}
	return false
}

// phoneContext decides over 11 digits by the words before and after them:
// sizes, order numbers and ids are no phone numbers.
func (f *finder) phoneContext(start, end int, number []byte) bool {
	before := strings.ToLower(f.s[max(0, start-32):start])
	if containsAny(before, "phone", "mobile", "tel", "sms", "msisdn", "手机", "电话", "联系", "短信", "号码", "cell", "call") {
		return true
	}
	if f.countContext(before, end) {
		return false
	}
	n := 0
	for _, c := range number {
		n = n*10 + int(c-'0')
	}
	return n%1024 != 0 // a size in bytes
}

// countContext tells numbers that count or name things of a machine.
func (f *finder) countContext(before string, end int) bool {
	if i := strings.LastIndexAny(before, ",;\n{"); i >= 0 {
		before = before[i+1:]
	}
	if containsAny(before, "order", "订单", "单号", "流水", "编号", "trace", "span", "serial", "序列", "size", "bytes", "limit", "mem", "offset", "total", "capacity",
		"quota", "free", "used", "count", "seq", "blk_", "block", "lsn", "xid", "zxid", "txid", "uid", "pid", "tid", "time", "stamp", "ts=", "nonce", "length",
		"version", "build", "hash", "epoch", "duration", "elapsed", "cost", "inode", "sector", "request", "session", "batch", "message", "msg", "job", "task") {
		return true
	}
	if strings.HasSuffix(before, "id=") || strings.HasSuffix(before, `id":`) || strings.HasSuffix(before, `id":"`) || strings.HasSuffix(before, "id: ") || strings.HasSuffix(before, "id ") {
		return true
	}
	at := f.run(end, 1, isBlank)
	for _, unit := range []string{"b", "kb", "kib", "mb", "bytes", "byte", "ns", "us", "ms", "s", "rows", "个", "条", "次", "元"} {
		if f.hasFold(at, unit) && f.endsWord(at+len(unit)) {
			return true
		}
	}
	return false
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// residentID finds a Chinese resident identity number: 17 digits and a check
// character (GB 11643-1999), with a region and a date that can be.
func (f *finder) residentID(start, end int) int {
	stop := end
	if end-start == 17 && lower(f.at(end)) == 'x' {
		stop++
	}
	if stop-start != 18 || !f.endsNumber(stop) {
		return 0
	}
	s := f.s[start:stop]
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(s[i]-'0') * w
	}
	check := "10X98765432"[sum%11]
	if s[17] != check && !(check == 'X' && s[17] == 'x') {
		return 0
	}
	year, month, day := s[6:10], s[10:12], s[12:14]
	if s[0] < '1' || s[0] == '7' && s[1] != '1' || s[0] == '9' || year < "1880" || year > "2100" || month < "01" || month > "12" || day < "01" || day > "31" {
		return 0
	}
	f.addNumber(kindResidentID, start, stop)
	return stop
}

// bankCard finds the number of a payment card: a known issuer, a length that
// fits it and the check digit of Luhn.
func (f *finder) bankCard(start, end int) int {
	var number [19]byte
	n, i, gaps := 0, start, 0
	for n < len(number) {
		c := f.at(i)
		if isGap(c) && n > 0 && isDigit(f.at(i+1)) && isDigit(f.at(i-1)) && (gaps == 0 || f.s[i] == c) {
			gaps++
			i++
			continue
		}
		if !isDigit(c) {
			break
		}
		number[n] = c
		n++
		i++
	}
	if isDigit(f.at(i)) || gaps == 0 && i != end || gaps > 4 || !f.endsNumber(i) || !luhn(number[:n]) || !issuer(string(number[:n])) {
		return 0
	}
	if gaps > 0 && !grouped(f.s[start:i]) {
		return 0
	}
	if gaps == 0 && f.countContext(strings.ToLower(f.s[max(0, start-32):start]), i) {
		return 0
	}
	f.addNumber(kindBankCard, start, i)
	return i
}

// grouped tells the ways cards are written: 4-4-4-4(-3), 6-13 and 4-6-4(5).
func grouped(s string) bool {
	var groups []byte
	for _, g := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '-' }) {
		groups = append(groups, byte('0'+min(len(g), 20)))
	}
	switch string(groups) {
	case "4444", "44443", "465", "464", "6" + string('0'+byte(13)), "44434":
		return true
	}
	return false
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return len(d) >= 13 && sum%10 == 0 && distinct(string(d)) > 1
}

// issuer checks the first digits and the length: Visa, Mastercard, American
// Express, Discover, JCB, Diners, Maestro, Dankort and UnionPay.
func issuer(s string) bool {
	n := len(s)
	switch p2 := s[:2]; {
	case s[0] == '4':
		return n == 13 || n == 16 || n == 19
	case p2 >= "51" && p2 <= "55", s[:4] >= "2221" && s[:4] <= "2720":
		return n == 16
	case p2 == "34", p2 == "37":
		return n == 15
	case p2 == "36", p2 == "38", p2 == "39", s[:3] >= "300" && s[:3] <= "305":
		return n == 14
	case s[:4] == "6011", p2 == "65", p2 == "35", p2 == "64", s[:4] == "5019", s[:4] == "6759":
		return n == 16
	case p2 == "62":
		return n >= 16
	}
	return false
}
