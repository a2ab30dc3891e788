package collector

import (
	"strings"
	"time"

	"tocsin/pkg/events"
)

// verdict says how a line relates to the block that is open.
type verdict int

const (
	// outside: the block ended before this line.
	outside verdict = iota
	// belongs: the line is part of the block.
	belongs
	// perhaps: it is if a later line belongs.
	perhaps
	// closes: it is the last line of the block.
	closes
)

// block is the grammar of one kind of multi-line event, fed line by line with
// the text behind a syslog header.
type block interface {
	add(text string) verdict
	// certain tells that it is what it began as; else only its first line counts.
	certain() bool
}

// stackInfo is what the lines of a stack tell.
type stackInfo struct {
	language, class, headline string
	frames                    []events.Frame
}

// maxFrames is the most frames an event carries, the top ones.
const maxFrames = 500

var (
	epoch = time.Unix(0, 0).UTC()
	utc   = time.UTC
)

// stackHead tells which block a line begins as text of its own, if any.
func stackHead(heads headSet, content string) block {
	switch {
	case heads&headPython != 0 && strings.Contains(content, pythonTraceback):
		return &pythonBlock{}
	case heads&headGo != 0 && goHead.MatchString(content):
		return &goBlock{goroutine: goGoroutine.MatchString(content)}
	case heads&headJava != 0 && (javaHead.MatchString(content) || strings.HasPrefix(content, "Caused by: ")): // the rest of a stack that was cut
		return &javaBlock{}
	}
	return nil
}

// stackAfter tells which stack follows the log record of an event, judged by
// the line behind it.
func stackAfter(content string) block {
	t := strings.TrimLeft(content, " \t")
	switch {
	case strings.HasPrefix(content, pythonTraceback):
		return &pythonBlock{}
	case strings.HasPrefix(t, "at ") && len(t) < len(content):
		if _, _, ok := atFrame(content); ok {
			return &javaBlock{frames: true, any: true}
		}
	case strings.HasPrefix(content, "goroutine ") && goGoroutine.MatchString(content):
		return &goBlock{goroutine: true}
	case goHead.MatchString(content):
		return &goBlock{}
	case javaHead.MatchString(content):
		return &javaBlock{}
	}
	return nil
}

// parseStack reads the lines of a block by its language; those of a JSON field
// by what they hold.
func parseStack(b block, lines []string) stackInfo {
	switch b.(type) {
	case *pythonBlock:
		return parsePython(lines)
	case *goBlock:
		return parseGo(lines)
	case *javaBlock:
		return parseJava(lines)
	}
	for _, l := range lines {
		switch {
		case strings.Contains(l, pythonTraceback):
			return parsePython(lines)
		case goGoroutine.MatchString(l) || goFile.MatchString(l):
			return parseGoField(lines)
		}
	}
	return parseJava(lines)
}

// parseGoField reads a stack as zap writes it: calls and files without a
// goroutine above them.
func parseGoField(lines []string) stackInfo {
	for _, l := range lines {
		if goGoroutine.MatchString(l) {
			return parseGo(lines)
		}
	}
	return parseGo(append([]string{"goroutine 1 [running]:"}, lines...))
}
