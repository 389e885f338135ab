package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	fields := []string{"app", "type", "subject", "deliver_at", "rate_limit", "concurrency", "retention", "url"}
	for name, want := range map[string]string{
		"typ":           "type",
		"tpye":          "type",
		"Subject":       "subject",
		"subjects":      "subject",
		"deliverat":     "deliver_at",
		"delivre_ta":    "deliver_at",
		"concurency":    "concurrency",
		"ratelimit":     "rate_limit",
		"rate-limits":   "rate_limit",
		"app":           "app",
		"id":            "",
		"x":             "",
		"":              "",
		"webhook":       "",
		"subjectmatter": "",
	} {
		if got := Nearest(name, fields); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	// Two replacements make any word of two letters.
	if got := Nearest("id", []string{"app", "url"}); got != "" {
		t.Errorf("id: %q", got)
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("nothing is known: %q", got)
	}
	// A name of any length costs no more than the known ones.
	if got := Nearest(strings.Repeat("app", 1<<20), fields); got != "" {
		t.Errorf("a long name: %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
