package collector

import (
	"bytes"
	"time"
)

// stamp is a point in time found at the head of a line.
type stamp struct {
	t time.Time
	// end is where the text after it starts.
	end int
	// syslog marks the form "Nov 23 10:11:12", rfc3339 the form with a T.
	syslog, rfc3339 bool
}

// parseStamp reads the time at the head of a line: ISO 8601 and its relatives
// (blank for T, comma for point, slashes), syslog without year or zone
// (RFC 3164), ctime in brackets (Apache, dmesg -T), the common log format,
// klog. A time without zone is in loc, one without year is in the year that
// brings it nearest to ref. It allocates nothing.
func parseStamp(line []byte, ref time.Time, loc *time.Location) (stamp, bool) {
	i := skipPriority(line)
	if bytes.HasPrefix(line[i:], []byte("time=")) {
		i += 5
	} else if bytes.HasPrefix(line[i:], []byte("ts=")) {
		i += 3
	}
	for i < len(line) && i < 40 && (line[i] == '[' || line[i] == '"' || line[i] == ' ' || line[i] == '(') {
		i++
	}
	if i >= len(line) {
		return stamp{}, false
	}
	switch c := line[i]; {
	case c >= '0' && c <= '9':
		if s, ok := isoStamp(line, i, loc); ok {
			return s, true
		}
		if s, ok := dayFirstStamp(line, i, loc); ok {
			return s, true
		}
	case c >= 'A' && c <= 'Z':
		if s, ok := namedStamp(line, i, ref, loc); ok {
			return s, true
		}
		if s, ok := klogStamp(line, i, ref, loc); ok {
			return s, true
		}
	}
	return clfStamp(line, loc)
}

// skipPriority steps over "<13>" and the version that RFC 5424 puts behind it.
func skipPriority(line []byte) int {
	if len(line) < 3 || line[0] != '<' {
		return 0
	}
	for i := 1; i < len(line) && i < 5; i++ {
		if line[i] == '>' && i > 1 {
			if i+2 < len(line) && line[i+1] == '1' && line[i+2] == ' ' {
				return i + 3
			}
			return i + 1
		}
		if line[i] < '0' || line[i] > '9' {
			return 0
		}
	}
	return 0
}

// number reads n digits at i.
func number(b []byte, i, n int) (int, bool) {
	if i < 0 || i+n > len(b) {
		return 0, false
	}
	v := 0
	for _, c := range b[i : i+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

func at(b []byte, i int) byte {
	if i < 0 || i >= len(b) {
		return 0
	}
	return b[i]
}

// clock reads HH:MM:SS with an optional fraction.
func clock(b []byte, i int) (h, m, s, nanos, end int, ok bool) {
	h, ok1 := number(b, i, 2)
	m, ok2 := number(b, i+3, 2)
	s, ok3 := number(b, i+6, 2)
	if !ok1 || !ok2 || !ok3 || at(b, i+2) != ':' || at(b, i+5) != ':' || h > 23 || m > 59 || s > 60 {
		return 0, 0, 0, 0, 0, false
	}
	end = i + 8
	if c := at(b, end); (c == '.' || c == ',') && isDigit(at(b, end+1)) {
		end++
		for scale := 100_000_000; isDigit(at(b, end)); end++ {
			nanos += int(b[end]-'0') * scale
			scale /= 10
		}
	}
	return h, m, s, nanos, end, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// zone reads Z, ±HH:MM, ±HHMM or ±HH, with a blank before it if need be.
func zone(b []byte, i int, loc *time.Location) (offset int, known bool, end int) {
	j := i
	if at(b, j) == ' ' && (at(b, j+1) == '+' || at(b, j+1) == '-') {
		j++
	}
	switch at(b, j) {
	case 'Z':
		return 0, true, j + 1
	case '+', '-':
		h, ok := number(b, j+1, 2)
		if !ok || h > 15 {
			return 0, false, i
		}
		end = j + 3
		m := 0
		if at(b, end) == ':' {
			if v, ok := number(b, end+1, 2); ok {
				m, end = v, end+3
			}
		} else if v, ok := number(b, end, 2); ok {
			m, end = v, end+2
		} else if j > i {
			return 0, false, i // " -12 " is no zone
		}
		offset = h*3600 + m*60
		if b[j] == '-' {
			offset = -offset
		}
		return offset, true, end
	}
	if bytes.HasPrefix(b[min(i, len(b)):], []byte(" UTC")) {
		return 0, true, i + 4
	}
	return 0, false, i
}

// date builds the time, refusing days that do not exist.
func date(y, mo, d, h, mi, s, nanos int, b []byte, i int, loc *time.Location) (time.Time, int, bool) {
	if mo < 1 || mo > 12 || d < 1 || y < 1970 || y > 9999 || d > daysIn(y, mo) {
		return time.Time{}, i, false
	}
	offset, known, end := zone(b, i, loc)
	if known {
		return time.Date(y, time.Month(mo), d, h, mi, s, nanos, time.UTC).Add(-time.Duration(offset) * time.Second), end, true
	}
	return time.Date(y, time.Month(mo), d, h, mi, s, nanos, loc).UTC(), end, true
}

// finish steps over what closes a stamp.
func finish(b []byte, t time.Time, end int) stamp {
	for c := at(b, end); c == ']' || c == '"' || c == ')' || c == ' '; c = at(b, end) {
		end++
	}
	return stamp{t: t, end: end}
}

func isoStamp(b []byte, i int, loc *time.Location) (stamp, bool) {
	y, ok1 := number(b, i, 4)
	mo, ok2 := number(b, i+5, 2)
	d, ok3 := number(b, i+8, 2)
	sep := at(b, i+4)
	if !ok1 || !ok2 || !ok3 || (sep != '-' && sep != '/' && sep != '.') || at(b, i+7) != sep {
		return stamp{}, false
	}
	mid := at(b, i+10)
	if mid != 'T' && mid != ' ' && mid != 't' && mid != '_' {
		return stamp{}, false
	}
	h, mi, s, nanos, end, ok := clock(b, i+11)
	if !ok {
		return stamp{}, false
	}
	t, end, ok := date(y, mo, d, h, mi, s, nanos, b, end, loc)
	if !ok {
		return stamp{}, false
	}
	out := finish(b, t, end)
	out.rfc3339 = mid == 'T'
	return out, true
}

// dayFirstStamp reads "23 Nov 2026 10:11:12" and "23/Nov/2026:10:11:12".
func dayFirstStamp(b []byte, i int, loc *time.Location) (stamp, bool) {
	d, ok1 := number(b, i, 2)
	mo, ok2 := month(b, i+3)
	y, ok3 := number(b, i+7, 4)
	if !ok1 || !ok2 || !ok3 || at(b, i+2) != at(b, i+6) {
		return stamp{}, false
	}
	h, mi, s, nanos, end, ok := clock(b, i+12)
	if !ok {
		return stamp{}, false
	}
	t, end, ok := date(y, mo, d, h, mi, s, nanos, b, end, loc)
	return finish(b, t, end), ok
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

func month(b []byte, i int) (int, bool) {
	if i < 0 || i+3 > len(b) {
		return 0, false
	}
	for m := range 12 {
		if string(b[i:i+3]) == monthNames[m*3:m*3+3] {
			return m + 1, true
		}
	}
	return 0, false
}

// namedStamp reads "Nov 23 10:11:12" (also with a year behind) and
// "Sun Nov 23 10:11:12.123 2026".
func namedStamp(b []byte, i int, ref time.Time, loc *time.Location) (stamp, bool) {
	mo, ok := month(b, i)
	if !ok && at(b, i+3) == ' ' {
		i += 4
		mo, ok = month(b, i)
	}
	if !ok || at(b, i+3) != ' ' {
		return stamp{}, false
	}
	j := i + 4
	if at(b, j) == ' ' {
		j++
	}
	d, width := 0, 0
	for ; width < 2 && isDigit(at(b, j+width)); width++ {
		d = d*10 + int(b[j+width]-'0')
	}
	j += width
	if width == 0 || at(b, j) != ' ' {
		return stamp{}, false
	}
	h, mi, s, nanos, end, ok := clock(b, j+1)
	if !ok || d < 1 || d > daysIn(leapYear, mo) {
		return stamp{}, false
	}
	if y, ok := number(b, end+1, 4); ok && at(b, end) == ' ' && y >= 1970 && y < 2200 && !isDigit(at(b, end+5)) {
		t, end, ok := date(y, mo, d, h, mi, s, nanos, b, end+5, loc)
		return finish(b, t, end), ok
	}
	out := finish(b, nearest(mo, d, h, mi, s, nanos, ref, loc), end)
	out.syslog = true
	return out, true
}

// klogStamp reads "E1123 10:11:12.123456".
func klogStamp(b []byte, i int, ref time.Time, loc *time.Location) (stamp, bool) {
	mo, ok1 := number(b, i+1, 2)
	d, ok2 := number(b, i+3, 2)
	if !ok1 || !ok2 || at(b, i+5) != ' ' || mo < 1 || mo > 12 || d < 1 || d > daysIn(leapYear, mo) {
		return stamp{}, false
	}
	h, mi, s, nanos, end, ok := clock(b, i+6)
	if !ok {
		return stamp{}, false
	}
	return finish(b, nearest(mo, d, h, mi, s, nanos, ref, loc), end), true
}

// clfStamp finds "[23/Nov/2026:10:11:12 +0000]" behind address and user.
func clfStamp(b []byte, loc *time.Location) (stamp, bool) {
	head := b[:min(len(b), 120)]
	i := bytes.IndexByte(head, '[')
	if i < 0 || at(b, i+3) != '/' {
		return stamp{}, false
	}
	return dayFirstStamp(b, i+1, loc)
}

const leapYear = 2024

// yearReference is what a time without a year is near to. Lines go forward: one
// is at most a month older than the last time seen, and what was in the file
// when it was opened (old) is not younger than its modification time, give or
// take a day for its zone.
func yearReference(last, modified time.Time, old bool) time.Time {
	const day, halfYear = 24 * time.Hour, 182 * 24 * time.Hour
	switch {
	case !last.IsZero():
		return last.Add(halfYear - 31*day)
	case old:
		return modified.Add(day - halfYear)
	}
	return modified
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nearest puts a time without a year into the year that brings it nearest to
// ref.
func nearest(mo, d, h, mi, s, nanos int, ref time.Time, loc *time.Location) time.Time {
	year := ref.In(loc).Year()
	first := year - 1
	if mo == 2 && d == 29 {
		first = year - 8 // the last leap year may be so long ago
	}
	var best time.Time
	for y := first; y <= year+1; y++ {
		if d > 28 && d > daysIn(y, mo) {
			continue
		}
		t := time.Date(y, time.Month(mo), d, h, mi, s, nanos, loc)
		if best.IsZero() || t.Sub(ref).Abs() < best.Sub(ref).Abs() {
			best = t
		}
	}
	return best.UTC()
}
