package main

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// newLog makes the log of the service. What it writes never holds a secret:
// attributes whose names promise one are hidden, and what looks like a key or a
// signing secret is masked wherever it occurs. Nothing logs one on purpose; this
// is for the error of a library that repeats what it was given.
func newLog(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // one of four words, checked as a setting
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: redactor()}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

const hidden = "(hidden)"

func redactor() func([]string, slog.Attr) slog.Attr {
	secretive := []string{"secret", "token", "authorization", "password", "cookie"}
	secrets := regexp.MustCompile(`\b(bh_|whsec_|whsk_)[A-Za-z0-9+/=_-]{4,}`)
	mask := func(s string) string { return secrets.ReplaceAllString(s, "${1}…") }
	return func(_ []string, a slog.Attr) slog.Attr {
		name := strings.ToLower(a.Key)
		for _, s := range secretive {
			if strings.Contains(name, s) {
				return slog.String(a.Key, hidden)
			}
		}
		switch a.Value.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue(mask(a.Value.String()))
		case slog.KindAny:
			if text := fmt.Sprintf("%+v", a.Value.Any()); mask(text) != text {
				a.Value = slog.StringValue(mask(text))
			}
		}
		return a
	}
}
