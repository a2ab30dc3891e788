package mask

import (
	"net/netip"
	"strings"
)

// ipv4 masks the IPv4 address that begins at start and gives its end, 0 if
// there is none. Loopback, unspecified addresses and net masks say nothing
// about a network and stay.
func (f *finder) ipv4(start int) int {
	if !f.startsWord(start) || f.at(start-1) == '.' || f.at(start-1) == '-' && isAlnum(f.at(start-2)) || f.at(start-1) == '/' && isAlpha(f.at(start-2)) {
		return 0
	}
	if before := strings.ToLower(f.s[max(0, start-9):start]); strings.HasSuffix(before, "version ") || strings.HasSuffix(before, "version=") || strings.HasSuffix(before, "version: ") {
		return 0
	}
	end := f.run(start, 16, func(c byte) bool { return isDigit(c) || c == '.' })
	for end > start && f.s[end-1] == '.' {
		end--
	}
	a, err := netip.ParseAddr(f.s[start:end])
	if err != nil || !f.endsWord(end) || f.at(end) == '-' && isAlnum(f.at(end+1)) {
		return 0
	}
	if v4 := a.As4(); a.IsLoopback() || a.IsUnspecified() || v4[0] == 255 || v4[0] == 0 {
		return end
	}
	f.add(kindIP, start, end)
	return end
}

// colonAddresses looks around colons for IPv6 and MAC addresses.
func (f *finder) colonAddresses() {
	isPart := func(c byte) bool { return isHex(c) || c == ':' || c == '.' }
	for i := 0; i < len(f.s); i++ {
		if c := f.s[i]; c != ':' && c != '-' || f.inToken(i) {
			continue
		}
		if f.s[i] == '-' {
			f.mac(i)
			continue
		}
		start := f.runBack(i, 40, isPart)
		end := f.run(i, 48, isPart)
		for end > i && f.s[end-1] == '.' {
			end--
		}
		if f.mac(i) {
			i = end
			continue
		}
		if strings.Count(f.s[start:end], ":") < 2 {
			continue
		}
		// A port after an address is no part of it; a colon before is none either.
		text := f.s[start:end]
		for strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "::") {
			text = text[:len(text)-1]
		}
		a, err := netip.ParseAddr(text)
		stop := start + len(text)
		if err == nil && a.Is6() && !a.IsLoopback() && !a.IsUnspecified() && len(text) > 4 && f.startsWord(start) && f.endsWord(stop) {
			f.add(kindIP, start, stop)
		}
		i = max(i, end-1)
	}
}

// mac masks the MAC address whose first mark stands at i.
func (f *finder) mac(i int) bool {
	start, end := i-2, i+15
	if start < 0 || end > len(f.s) || !f.startsWord(start) || f.at(start-1) == f.s[i] || !f.endsWord(end) || f.at(end) == f.s[i] {
		return false
	}
	for j := start; j < end; j++ {
		if mark := (j-start)%3 == 2; mark && f.s[j] != f.s[i] || !mark && !isHex(f.s[j]) {
			return false
		}
	}
	f.add(kindMAC, start, end)
	return true
}
