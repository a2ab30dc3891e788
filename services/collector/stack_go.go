package collector

import (
	"regexp"
	"strings"

	"tocsin/pkg/events"
)

var (
	goHead      = regexp.MustCompile(`^(?:panic: |fatal error: |runtime: goroutine stack exceeds|goroutine \d+ \[[^\]]+\]:$)`)
	goGoroutine = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ )?(?:m=\S+ )?(?:mp=\S+ )?\[[^\]]+\]:$`)
	goCall      = regexp.MustCompile(`^(?:created by )?([\w./*()\[\]{}~$%·,-]+?)(?:\((?:[^()]|\(\))*\)|\(.*\.\.\.\)| in goroutine \d+|)$`)
	goFile      = regexp.MustCompile(`^\s+(\S+\.(?:go|s)):(\d+)(?: \+0x[0-9a-f]+.*)?$`)
)

// goBlock follows the death of a Go program: the panic, its signal, all
// goroutines.
type goBlock struct {
	// goroutine tells that a goroutine's frames are being read.
	goroutine bool
	loose     int
}

func (b *goBlock) certain() bool { return b.goroutine }

func (b *goBlock) add(text string) verdict {
	switch {
	case text == "":
		return perhaps
	case goGoroutine.MatchString(text), text == "runtime stack:":
		b.goroutine, b.loose = true, 0
		return belongs
	case strings.HasPrefix(text, "[signal "), strings.HasPrefix(strings.TrimLeft(text, "\t"), "panic: "), strings.HasPrefix(text, "[recovered]"):
		return belongs
	case strings.HasPrefix(text, "goroutine running on other thread"), strings.HasPrefix(text, "...additional frames elided"), strings.HasPrefix(text, "exit status "):
		return belongs
	case b.goroutine && strings.HasPrefix(text, "\t"):
		return belongs
	case b.goroutine && strings.HasPrefix(text, "created by "):
		return belongs
	case b.goroutine && (strings.HasSuffix(text, ")") || strings.HasSuffix(text, "...")) && goCall.MatchString(text):
		return belongs
	case b.goroutine && goRegister.MatchString(text):
		return belongs
	case !b.goroutine && b.loose < maxLooseLines && !startsRecord(text):
		b.loose++
		return perhaps
	}
	return outside
}

var goRegister = regexp.MustCompile(`^(?:r[a-z0-9]{1,4}|eflags|cs|fs|gs|rip|rsp|lr|pc|sp|fault)\s+0x[0-9a-f]+$`)

// parseGo reads the panic and the frames of the first goroutine.
func parseGo(lines []string) stackInfo {
	info := stackInfo{language: "go"}
	goroutines := 0
	var call string
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "panic: ") && info.headline == "":
			info.class, info.headline = "panic", l
		case strings.HasPrefix(l, "fatal error: ") && info.headline == "":
			info.class, info.headline = "fatal error", l
		case goGoroutine.MatchString(l):
			goroutines++
		case goroutines != 1:
		case goFile.MatchString(l) && call != "":
			m := goFile.FindStringSubmatch(l)
			info.frames = append(info.frames, events.Frame{Function: call, File: m[1], Line: atoi(m[2])})
			call = ""
		default:
			if m := goCall.FindStringSubmatch(l); m != nil {
				call = m[1]
			}
		}
	}
	return info
}
