package service

import (
	"fmt"
	"strings"
)

// SettingsError holds everything that is wrong with the settings, at least one
// problem. It ends a process with exit code 2.
type SettingsError struct {
	Problems []Problem
}

// Problem is one wrong setting.
type Problem struct {
	// Name of the setting, or the path of a .env file.
	Name string
	// Value as it was given; empty where it was not, or must not be shown.
	Value string
	// Source is where it was given, such as ".env line 3"; may be empty.
	Source string
	// Want says what would be right.
	Want string
}

// Error gives one line a problem.
func (e *SettingsError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	if len(e.Problems) > 1 {
		lines = append(lines, fmt.Sprintf("%d settings must be corrected:", len(e.Problems)))
	}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n  ")
}

// String is the problem on one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Name)
	if p.Value != "" {
		fmt.Fprintf(&b, "=%q", shorten(p.Value))
	}
	if p.Source != "" {
		b.WriteString(" (" + p.Source + ")")
	}
	return b.String() + ": " + p.Want
}

// shorten keeps a mistaken value, such as a whole file, from filling the screen.
func shorten(value string) string {
	const limit = 200
	if runes := []rune(value); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return value
}
