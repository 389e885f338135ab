package safehttp

import (
	"net/url"
	"strings"
)

// The request target (RFC 9112, 3.2.1) is the path and the query of a URL. Both are
// sent as they were written, but for the characters that RFC 3986 does not allow there:
// those are percent-encoded, since servers answer them with 400. What is encoded stays
// as it is, so that nobody's %2F becomes a slash.

// NormalizeTarget makes the path and the query of a parsed URL those of a request
// target. A percent sign that encodes nothing, which [Policy.CheckURL] refuses in new
// URLs, is encoded itself.
func NormalizeTarget(u *url.URL) {
	path := u.RawPath
	if path == "" {
		path = u.EscapedPath() // as it was written: that is what an empty RawPath says
	}
	if encoded := encodeTarget(path, inPath); encoded != path {
		// Decoding fails for what is not encoded alone, and here all is.
		u.Path, _ = url.PathUnescape(encoded)
		u.RawPath = encoded
	}
	u.RawQuery = encodeTarget(u.RawQuery, inQuery)
}

// CheckEscapes refuses a URL with a percent sign that encodes nothing. The error is a
// *URLError.
func CheckEscapes(raw string) error {
	for i := strings.IndexByte(raw, '%'); i >= 0 && i < len(raw); i++ {
		if raw[i] == '%' && !escaped(raw[i:]) {
			return &URLError{CodeInvalid, "The URL has a percent sign (%) that is not followed by two hexadecimal digits; write %25 for the sign itself."}
		}
	}
	return nil
}

// escaped tells whether s begins with an encoded byte.
func escaped(s string) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// allowed is a set of bytes that stand for themselves.
type allowed [256]bool

var (
	inPath  = allow(":@/")  // pchar and the slash (RFC 3986, 3.3)
	inQuery = allow(":@/?") // 3.4
)

func allow(also string) *allowed {
	const everywhere = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" +
		"-._~" + "!$&'()*+,;="
	set := new(allowed)
	for _, c := range []byte(everywhere + also) {
		set[c] = true
	}
	return set
}

// encodeTarget percent-encodes what is not allowed. Most often, that is nothing.
func encodeTarget(s string, ok *allowed) string {
	const hex = "0123456789ABCDEF"
	var b []byte // nil as long as nothing had to be encoded
	for i := range len(s) {
		c := s[i]
		stays := ok[c] || c == '%' && escaped(s[i:])
		switch {
		case stays && b != nil:
			b = append(b, c)
		case !stays:
			if b == nil {
				b = append(make([]byte, 0, len(s)+16), s[:i]...)
			}
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}
