package service

import (
	"io"
	"log/slog"
)

// NewLogger makes the log of a process as LOG_LEVEL and LOG_FORMAT say. Nothing
// it writes holds a secret setting; secrets that are made later (a token, a
// key) are added to the Redactor.
func NewLogger(w io.Writer, s Settings) (*slog.Logger, *Redactor) {
	secrets := NewRedactor(s)
	options := &slog.HandlerOptions{Level: s.logLevel()}
	w = secrets.Writer(w)
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), secrets
	}
	return slog.New(slog.NewTextHandler(w, options)), secrets
}

// logLevel is LOG_LEVEL as slog knows it.
func (s Settings) logLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return level
}
