package collector

import (
	"regexp"
	"strconv"
	"strings"

	"tocsin/pkg/events"
)

// The stacks of Java, Kotlin and Scala; those of JavaScript and C#, whose
// frames begin with "at" as well, have the same bounds.
var (
	// javaHead is a line that is the text of an exception and nothing else.
	javaHead = regexp.MustCompile(`^(?:Exception in thread "[^"]*" |Uncaught |Unhandled exception\. )?((?:[A-Za-z_$][\w$]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)|(?:[a-z_$][\w$]*\.){2,}[A-Z][\w$]*)(?:: .*|:|\s*)$`)
	// javaClass finds the class in a log record that carries its exception.
	javaClass = regexp.MustCompile(`(?:^|[\s:("\[])((?:[A-Za-z_$][\w$]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable|Failure))\b`)
	javaMore  = regexp.MustCompile(`^\s*\.\.\. (?:\d+ (?:more|common frames omitted)|\d+ lines matching)`)
	javaAt    = regexp.MustCompile(`^\s*at (?:async )?(?:[\w.@-]*/)*([^\s(]+)\s*\(([^():]*)(?::(\d+))?(?::\d+)?\)`)
	jsAt      = regexp.MustCompile(`^\s*at (?:async )?(?:(.+?) \()?((?:[a-z]+://)?[^()\s]+?):(\d+):\d+\)?$`)
	csharpAt  = regexp.MustCompile(`^\s*at ([^\s(]+)\([^)]*\)(?: in (.+):line (\d+))?`)
)

// javaBlock follows one stack.
type javaBlock struct {
	// frames tells that a frame has been seen since the last exception text.
	frames bool
	// any tells that a frame has been seen at all.
	any bool
	// loose counts the lines of an exception's text that are not known to be
	// part of it until a frame follows.
	loose int
}

func (b *javaBlock) certain() bool { return b.any }

const maxLooseLines = 8

func (b *javaBlock) add(text string) verdict {
	t := strings.TrimLeft(text, " \t")
	indented := len(t) < len(text)
	switch {
	case strings.HasPrefix(t, "at ") && (indented || javaAt.MatchString(text)):
		b.frames, b.any, b.loose = true, true, 0
		return belongs
	case strings.HasPrefix(t, "Caused by: "), strings.HasPrefix(t, "Suppressed: "), strings.HasPrefix(t, "[cause]: ") && indented, strings.HasPrefix(t, "---> "):
		b.frames, b.loose = false, 0
		return belongs
	case strings.HasPrefix(t, "... ") && javaMore.MatchString(text),
		strings.HasPrefix(t, "[CIRCULAR REFERENCE"),
		indented && (strings.HasPrefix(t, "- locked ") || strings.HasPrefix(t, "- waiting ") || strings.HasPrefix(t, "--- End of ")):
		return belongs
	case !b.frames && t != "" && b.loose < maxLooseLines && !startsRecord(text):
		b.loose++
		return perhaps
	}
	return outside
}

// startsRecord tells whether a line has a time or a level of its own.
func startsRecord(text string) bool {
	head := []byte(text[:min(len(text), 80)])
	if _, ok := parseStamp(head, epoch, utc); ok {
		return true
	}
	return textLevel(text[:min(len(text), 80)]) != "" || javaHead.MatchString(text)
}

// parseJava reads class, headline and frames, those of the outermost
// exception, and the language by the form of the frames.
func parseJava(lines []string) stackInfo {
	info := stackInfo{language: "java"}
	for _, l := range lines {
		t := strings.TrimLeft(l, " \t")
		if strings.HasPrefix(t, "at ") {
			if f, lang, ok := atFrame(l); ok {
				info.frames = append(info.frames, f)
				if len(info.frames) == 1 {
					info.language = lang
				}
			}
			continue
		}
		if len(info.frames) > 0 {
			break
		}
		if m := javaHead.FindStringSubmatch(l); m != nil {
			info.class, info.headline = m[1], l
		} else if m := javaClass.FindStringSubmatch(l); m != nil && info.class == "" {
			info.class = m[1]
		}
	}
	return info
}

// atFrame reads one frame line; its language shows in its form.
func atFrame(l string) (events.Frame, string, bool) {
	if strings.Contains(l, ":line ") {
		if m := csharpAt.FindStringSubmatch(l); m != nil {
			return events.Frame{Function: m[1], File: m[2], Line: atoi(m[3])}, "csharp", true
		}
	}
	if m := jsAt.FindStringSubmatch(l); m != nil {
		name := m[1]
		if name == "" {
			name = "<anonymous>"
		}
		return events.Frame{Function: name, File: m[2], Line: atoi(m[3])}, "javascript", true
	}
	if m := javaAt.FindStringSubmatch(l); m != nil {
		lang := "java"
		switch {
		case strings.HasSuffix(m[2], ".kt"):
			lang = "kotlin"
		case strings.HasSuffix(m[2], ".scala"):
			lang = "scala"
		}
		return events.Frame{Function: m[1], File: m[2], Line: atoi(m[3])}, lang, true
	}
	if m := csharpAt.FindStringSubmatch(l); m != nil {
		return events.Frame{Function: m[1]}, "csharp", true
	}
	return events.Frame{}, "", false
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
