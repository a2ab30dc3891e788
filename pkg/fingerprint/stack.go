package fingerprint

import (
	"slices"
	"strings"

	"tocsin/pkg/events"
)

// stack is the exception and the frames of the application that it came from;
// the message only where there are no frames.
func stack(e *events.Event) string {
	frames := stackFrames(e.Frames)
	if len(frames) == 0 {
		return strings.TrimSpace(e.Class + " | " + Normalise(headline(e)))
	}
	return strings.TrimSpace(e.Class) + " | " + strings.Join(frames, " < ")
}

// stackFrames are the names of the topmost frames of the application, or of the
// topmost frames where all belong to libraries. Recursion counts once.
func stackFrames(frames []events.Frame) []string {
	var own, all []string
	for i := range frames {
		f := &frames[i]
		name := functionName(f.Function)
		if name == "" {
			continue
		}
		if len(all) < maxFrames && !slices.Contains(all, name) {
			all = append(all, name)
		}
		if len(own) < maxFrames && !library(f, name) && !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// libraryNames begin the names of functions, libraryPaths stand in the paths of
// files that come with a language, a framework or a package manager.
var (
	libraryNames = []string{
		"java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "akka.", "groovy.",
		"org.springframework.", "org.apache.", "org.hibernate.", "org.eclipse.jetty.", "org.jboss.", "org.junit.", "io.netty.", "io.undertow.", "reactor.", "com.google.common.", "com.fasterxml.", "com.zaxxer.", "com.mysql.", "org.postgresql.",
		"runtime.", "runtime/", "net/http.", "reflect.", "sync.", "testing.", "panic", "created by ",
		"System.", "Microsoft.", "node:", "std::", "core::", "alloc::", "__libc_", "_start",
	}
	libraryPaths = []string{
		"/site-packages/", "/dist-packages/", "/lib/python", "<frozen ", "/node_modules/", "node:internal", "internal/modules", "internal/process",
		"/usr/local/go/", "/go/pkg/mod/", "/gems/", "/vendor/", "/rustc/", "/.cargo/", "dart:", "/usr/include/",
	}
)

func library(f *events.Frame, name string) bool {
	for _, p := range libraryNames {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	for _, p := range libraryPaths {
		if strings.Contains(f.File, p) {
			return true
		}
	}
	return false
}

// functionName is a function's name without what a compiler or a run made up:
// arguments, numbers of lambdas and closures, hashes, generated classes.
func functionName(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.Index(s, "(0x"); i > 0 {
		s = s[:i] // Go's arguments
	}
	if i := strings.LastIndexByte(s, '('); i > 0 && strings.HasSuffix(s, ")") {
		s = s[:i] // anybody else's, and Go's (...)
	}
	for _, mark := range []string{"$$Lambda", "$$EnhancerBy", "$$FastClassBy", "$$SpringCGLIB", "$Proxy", "GeneratedMethodAccessor", "GeneratedConstructorAccessor"} {
		if i := strings.Index(s, mark); i >= 0 {
			method := ""
			if j := strings.LastIndexByte(s[i:], '.'); j > 0 {
				method = s[i+j:]
			}
			s = s[:i+len(mark)] + method
		}
	}
	if i := strings.LastIndex(s, "::h"); i > 0 && len(s)-i == 19 && hexOnly(s[i+3:]) {
		s = s[:i] // Rust's hash
	}
	return foldDigits(s)
}

// foldDigits takes out the numbers behind $, #, . and the names of closures:
// lambda$run$0, func2.1, Outer$1. Those of a name itself stay (sha256, utf8).
func foldDigits(s string) string {
	if !strings.ContainsAny(s, "$#.") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		made := s[i] == '$' || s[i] == '#' || s[i] == '.' || strings.HasSuffix(s[:i+1], ".func") || strings.HasSuffix(s[:i+1], ".gowrap")
		if !made {
			continue
		}
		j := i + 1
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j == len(s) || !isLetter(s[j]) {
			i = j - 1
		}
	}
	return strings.TrimRight(b.String(), "$#.")
}

func hexOnly(s string) bool {
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return s != ""
}
