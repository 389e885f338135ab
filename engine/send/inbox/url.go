package inbox

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

func checkBase(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(base, "#") || !strings.HasSuffix(u.Path, "/") {
		return errors.New("the address of inboxes is not a URL that ends in a slash, such as https://hooks.example.com/in/")
	}
	return nil
}

// Covers tells whether a URL is below the address of the inboxes.
func (s *Registry) Covers(raw string) bool {
	return s.base != "" && strings.HasPrefix(raw, s.base)
}

// Token gives the token of a URL that is an inbox's, whether or not there is such an
// inbox. What follows the base is compared byte for byte: scheme, host and port
// cannot be spelt in another way, and a URL on whose meaning parsers might disagree
// is none of an inbox. It then goes the way of any other, past the guard.
func (s *Registry) Token(raw string) (token string, ok bool) {
	if !s.Covers(raw) {
		return "", false
	}
	token = raw[len(s.base):]
	if end := strings.IndexAny(token, "/?"); end >= 0 {
		token = token[:end]
	}
	if !isToken(token) || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' }) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") { // dot segments, also as %2e
		return "", false
	}
	return token, true
}

func isToken(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
