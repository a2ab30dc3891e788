package fingerprint

import (
	"bytes"
	"strings"
)

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isWord(c byte) bool   { return isDigit(c) || isLetter(c) || c == '_' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// Normalise takes out of a line what differs from one time to the next: times,
// numbers, addresses, ids and durations become #, a masked value its kind.
// What decides the meaning stays: words, names of errors and devices, HTTP
// status, exit codes and signals.
func Normalise(s string) string {
	n := normaliser{in: s, out: make([]byte, 0, min(len(s), MaxLen)+32)}
	for n.i < len(s) && len(n.out) <= MaxLen {
		c := s[n.i]
		switch {
		case c <= ' ':
			n.blank()
		case isWord(c):
			n.word()
		case strings.HasPrefix(s[n.i:], "‹"):
			n.masked()
		default:
			n.out = append(n.out, c)
			n.i++
		}
	}
	n.blank()
	return cut(strings.TrimRight(string(n.out), " "), MaxLen)
}

type normaliser struct {
	in  string
	i   int
	out []byte
	// last is the last word, which decides whether a number after it stays.
	last string
}

// blank ends a word. Ids of the same sort in a row, however many, are one.
func (n *normaliser) blank() {
	n.i++
	l := len(n.out)
	if l == 0 || n.out[l-1] == ' ' {
		return
	}
	last := bytes.LastIndexByte(n.out, ' ') + 1
	word := n.out[last:]
	if bytes.IndexByte(word, '#') >= 0 && bytes.HasSuffix(n.out[:last], append([]byte(" "+string(word)), ' ')) {
		n.out = n.out[:last]
		return
	}
	n.out = append(n.out, ' ')
}

// masked writes ‹kind› for ‹kind:…›.
func (n *normaliser) masked() {
	const open, closing = "‹", "›"
	rest := n.in[n.i:]
	if end := strings.Index(rest[:min(len(rest), 48)], closing); end > 0 {
		kind, _, _ := strings.Cut(rest[len(open):end], ":")
		n.out = append(append(append(n.out, open...), kind...), closing...)
		n.i += end + len(closing)
		n.last = ""
		return
	}
	n.out = append(n.out, open...)
	n.i += len(open)
}

// word writes the word at n.i, as it is or as #.
func (n *normaliser) word() {
	start := n.i
	if end := uuid(n.in, start); end > 0 {
		n.number(end)
		return
	}
	end, digits, letters := start, 0, 0
	for end < len(n.in) && isWord(n.in[end]) {
		if isDigit(n.in[end]) {
			digits++
		} else {
			letters++
		}
		end++
	}
	w := n.in[start:end]
	switch {
	case digits == 0 && n.month(w, end):
	case digits == 0:
		n.keep(w, end)
	case letters == 0 && n.keepsNumber(w, start, end):
		n.keep(w, end)
	case isDigit(w[0]):
		n.number(n.numberEnd(start, end))
	case device(w):
		n.keep(w, end)
	case len(w) >= 6 && digits > 0 && hexOnly(w) || random(w, digits):
		n.number(end)
	default:
		n.out = append(n.out, foldNumbers(w)...)
		n.i, n.last = end, w
	}
}

func (n *normaliser) keep(w string, end int) {
	n.out = append(n.out, w...)
	n.i, n.last = end, w
}

// number writes # for what ends at end; several in a row are one.
func (n *normaliser) number(end int) {
	n.i, n.last = end, ""
	l := len(n.out)
	if l > 0 && n.out[l-1] == '#' || l > 1 && n.out[l-1] == ' ' && n.out[l-2] == '#' {
		return
	}
	if l > 1 && n.out[l-1] == '-' && n.out[l-2] == '_' {
		n.out = n.out[:l-1] // blk_-12
	} else if l > 1 && n.out[l-1] == '-' && (n.out[l-2] == ' ' || n.out[l-2] == '=' || n.out[l-2] == '(') {
		n.out[l-1] = '#' // a sign
		return
	}
	n.out = append(n.out, '#')
}

// numberEnd gives the end of a number with all that may belong to it: dates,
// times, versions and addresses, fractions, and a unit of time or size.
func (n *normaliser) numberEnd(start, end int) int {
	i := end
	for {
		// 2024-01-02T03:04:05.678Z, 10.0.0.1:8080, 1,234.5
		if i+1 < len(n.in) && strings.IndexByte("-:./,+", n.in[i]) >= 0 && isDigit(n.in[i+1]) {
			i++
			for i < len(n.in) && isWord(n.in[i]) {
				i++
			}
			continue
		}
		if i < len(n.in) && n.in[i] == '%' {
			return i + 1
		}
		if strings.HasPrefix(n.in[i:], "µs") {
			return i + len("µs")
		}
		return i
	}
}

// month writes # for the name of a month or a day in a date.
func (n *normaliser) month(w string, end int) bool {
	if len(w) != 3 || end+1 >= len(n.in) {
		return false
	}
	switch w {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		rest := strings.TrimLeft(n.in[end:], " /-")
		if rest != "" && isDigit(rest[0]) {
			n.number(end)
			return true
		}
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		rest := strings.TrimLeft(n.in[end:], " ,")
		if len(rest) > 4 && strings.Contains("JanFebMarAprMayJunJulAugSepOctNovDec", rest[:3]) && rest[3] == ' ' {
			n.number(end)
			return true
		}
	}
	return false
}

// keepsNumber tells the numbers that decide the meaning: exit code 137, status
// 500, signal 11, errno=13, ORA-00942, HTTP/1.1" 502.
func (n *normaliser) keepsNumber(w string, start, end int) bool {
	if len(w) > 5 || end < len(n.in) && (n.in[end] == '.' || n.in[end] == ':' || n.in[end] == ',' || n.in[end] == '/') && end+1 < len(n.in) && isDigit(n.in[end+1]) {
		return false
	}
	if start > 1 && n.in[start-1] == '-' && len(n.last) >= 2 && len(n.last) <= 6 && isUpperWord(n.last) && n.in[start-2] == n.last[len(n.last)-1] {
		return true
	}
	if len(w) == 3 && w[0] >= '1' && w[0] <= '5' {
		// The request line of an access log ends in HTTP/1.1".
		head := n.in[max(0, start-12):start]
		if i := strings.Index(head, "HTTP/"); i >= 0 && len(strings.TrimLeft(head[i+5:], "0123456789.\" ")) == 0 {
			return true
		}
	}
	if !deciding(n.last) {
		return false
	}
	// Between the word and its number stand only blanks and marks.
	for i := start - 1; i >= 0 && start-i <= 4; i-- {
		switch c := n.in[i]; {
		case isWord(c):
			return true
		case strings.IndexByte(" =:(\"'#-[", c) < 0:
			return false
		}
	}
	return false
}

func deciding(w string) bool {
	switch strings.ToLower(w) {
	case "status", "code", "exit", "exited", "signal", "errno", "error", "err", "http", "rc", "ret", "retcode", "returned", "sig",
		"exit_code", "exitcode", "status_code", "statuscode", "http_status", "error_code", "errorcode", "errcode", "sqlstate", "with", "oserror":
		return true
	}
	return false
}

func isUpperWord(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

// device tells the names of disks, partitions, network interfaces and ports.
func device(w string) bool {
	for _, p := range []string{"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "loop", "dm", "md", "sr", "eth", "en", "wlan", "wlp", "bond", "tty", "ata", "ib", "usb", "lo"} {
		if rest, ok := strings.CutPrefix(w, p); ok && len(rest) <= 8 && deviceRest(p, rest) {
			return true
		}
	}
	return false
}

func deviceRest(prefix, rest string) bool {
	letters := 0
	for letters < len(rest) && isLetter(rest[letters]) {
		letters++
	}
	switch prefix {
	case "sd", "hd", "vd", "xvd": // sda1
		return letters >= 1 && letters <= 2 && allDigits(rest[letters:])
	case "nvme", "mmcblk", "en", "wlp": // nvme0n1p1, enp0s3
		return strings.Trim(rest, "0123456789npsfox") == ""
	case "tty": // ttyS0
		return allDigits(strings.TrimLeft(rest, "SUBA"))
	}
	return allDigits(rest) && len(rest) <= 3
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// random tells made-up names (7d9c5b8f6d, x2x4k) by how often letters and
// digits take turns.
func random(w string, digits int) bool {
	turns := 0
	for i := 1; i < len(w); i++ {
		if isDigit(w[i]) != isDigit(w[i-1]) {
			turns++
		}
	}
	return len(w) >= 5 && turns >= 3 && digits >= 2 || len(w) >= 24 && digits >= 3
}

// foldNumbers writes # for each number in a word.
func foldNumbers(w string) []byte {
	out := make([]byte, 0, len(w))
	for i := range len(w) {
		if !isDigit(w[i]) {
			out = append(out, w[i])
		} else if i == 0 || !isDigit(w[i-1]) {
			out = append(out, '#')
		}
	}
	return out
}

// uuid gives the end of the UUID that begins at i, 0 if there is none.
func uuid(s string, i int) int {
	if len(s)-i < 36 || s[i+8] != '-' || s[i+13] != '-' || s[i+18] != '-' || s[i+23] != '-' {
		return 0
	}
	for j, part := range []string{s[i : i+8], s[i+9 : i+13], s[i+14 : i+18], s[i+19 : i+23], s[i+24 : i+36]} {
		if !hexOnly(part) || j == 4 && i+36 < len(s) && isWord(s[i+36]) {
			return 0
		}
	}
	return i + 36
}
