package collector

import (
	"regexp"
	"strings"

	"tocsin/pkg/events"
)

var (
	pythonError = regexp.MustCompile(`^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:: .*|:|)$`)
	pythonFrame = regexp.MustCompile(`^[\s>|]*File "([^"]+)", line (\d+)(?:, in (.+))?`)
)

// pythonTraceback begins every Python stack.
const pythonTraceback = "Traceback (most recent call last)"

// pythonBlock follows one chain of tracebacks.
type pythonBlock struct {
	// done tells that the line with the exception has been seen.
	done bool
	// chained tells that a sentence announced another traceback.
	chained bool
}

func (b *pythonBlock) certain() bool { return true }

func (b *pythonBlock) add(text string) verdict {
	t := strings.TrimSpace(text)
	if strings.Contains(text, pythonTraceback) {
		if b.done && !b.chained {
			return outside
		}
		b.done, b.chained = false, false
		return belongs
	}
	if !b.done {
		switch {
		case t == "":
			return perhaps
		case text[0] == ' ' || text[0] == '\t' || strings.HasPrefix(text, "> File "): // the mark of loguru
			return belongs
		case pythonError.MatchString(text):
			b.done = true
			return belongs
		}
		return outside
	}
	switch {
	case t == "":
		return perhaps
	case strings.HasPrefix(t, "During handling of the above exception"), strings.HasPrefix(t, "The above exception was the direct cause"):
		b.chained = true
		return perhaps
	case (text[0] == ' ' || text[0] == '\t') && (strings.HasPrefix(t, "|") || strings.HasPrefix(t, "+-")):
		return belongs // an exception group
	}
	return outside
}

// parsePython reads the last exception of the chain; its frames are innermost
// first.
func parsePython(lines []string) stackInfo {
	info := stackInfo{language: "python"}
	in := false
	for _, l := range lines {
		switch m := pythonFrame.FindStringSubmatch(l); {
		case strings.Contains(l, pythonTraceback):
			in, info.frames = true, nil
		case m != nil:
			info.frames = append(info.frames, events.Frame{Function: m[3], File: m[1], Line: atoi(m[2])})
		case in && l != "" && l[0] != ' ' && l[0] != '\t' && pythonError.MatchString(l):
			info.headline = l
			info.class, _, _ = strings.Cut(l, ":")
			in = false
		}
	}
	for i, j := 0, len(info.frames)-1; i < j; i, j = i+1, j-1 {
		info.frames[i], info.frames[j] = info.frames[j], info.frames[i]
	}
	return info
}
