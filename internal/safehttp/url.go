package safehttp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxURL is the longest endpoint URL accepted, in bytes.
const maxURL = 2048

// Codes of a [URLError]. They are part of the HTTP API and do not change.
const (
	CodeInvalid     = "url_invalid"     // no absolute URL with a usable host and port
	CodeScheme      = "url_scheme"      // not https (or http, with Dev)
	CodeCredentials = "url_credentials" // user:password@
	CodeFragment    = "url_fragment"    // #…, which is never sent
	CodeAddress     = "url_address"     // an address or name the policy refuses
)

// URLError says why an endpoint URL was not accepted.
type URLError struct {
	Code   string // one of the Code constants
	Detail string // a full sentence that names the remedy; never repeats the URL
}

func (e *URLError) Error() string { return e.Detail }

// CheckURL validates an endpoint URL without touching the network. An accepted
// URL may still be refused when it is dialed, once DNS has said where its name
// leads. The error is a *URLError.
func (p Policy) CheckURL(raw string) error {
	if err := CheckEscapes(raw); err != nil {
		return err
	}
	_, err := p.parseURL(raw)
	return err
}

// parseURL checks a URL and returns it with its host in ASCII, so that what is
// dialed is what was checked, and its path and query as they are sent. No message repeats the input, nor wraps the error
// of url.Parse, which does: a mistyped URL may hold a password.
func (p Policy) parseURL(raw string) (*url.URL, error) {
	u, err := readURL(raw, "https://example.com/webhooks")
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "http" && p.Dev:
	case u.Scheme == "http":
		return nil, &URLError{CodeScheme, "The URL uses plain http, which anybody on the way can read and change; use https (plain http is allowed in development mode only)."}
	case u.Scheme == "":
		return nil, &URLError{CodeInvalid, "The URL is not absolute; begin it with https://."}
	default:
		return nil, &URLError{CodeScheme, "The URL's scheme is not supported; use https."}
	}
	if err := p.checkAuthority(u, "https://example.com/webhooks"); err != nil {
		return nil, err
	}
	NormalizeTarget(u)
	return u, nil
}

// readURL reads what any URL has; like is one for people to go by.
func readURL(raw, like string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, &URLError{CodeInvalid, "The URL is longer than 2048 bytes; use a shorter one."}
	}
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, unwanted) {
		return nil, &URLError{CodeInvalid, "The URL contains white space, control characters or backslashes; remove or percent-encode them."}
	}
	if strings.Contains(raw, "#") {
		return nil, &URLError{CodeFragment, "The URL has a fragment (#…), which is never sent to a server; remove it."}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &URLError{CodeInvalid, "The URL cannot be read; it should look like " + like + "."}
	}
	return u, nil
}

// checkAuthority checks the part between the scheme and the path, and puts its host into
// ASCII.
func (p Policy) checkAuthority(u *url.URL, like string) error {
	if u.User != nil {
		return &URLError{CodeCredentials, "The URL contains a user name or password, which would end up in logs; remove it and configure a header instead."}
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return &URLError{CodeInvalid, "The URL has no host; it should look like " + like + "."}
	}
	host, err := p.checkHost(u.Host, u.Hostname())
	if err != nil {
		return err
	}
	u.Host = host
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &URLError{CodeInvalid, "The URL's port is not between 1 and 65535; correct or remove it."}
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return &URLError{CodeInvalid, "The URL has a colon after its host, but no port; add the port or remove the colon."}
	}
	return nil
}

// unwanted are the characters on which URL parsers disagree, and those which
// make a URL look like another one (unicode.Cf holds the invisible ones and
// those which turn the direction of text).
func unwanted(r rune) bool {
	return r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// checkHost takes the host of a URL with and without its port and brackets, and
// returns it, port included, in the form to dial.
func (p Policy) checkHost(hostport, host string) (string, error) {
	if hostport[0] == '[' {
		// url.Parse let only an IPv6 address, perhaps with a zone, be in brackets.
		a, err := netip.ParseAddr(host)
		if err != nil {
			return "", &URLError{CodeInvalid, "The URL's host is not a valid IPv6 address; correct it or use a host name."}
		}
		return hostport, p.checkLiteral(a)
	}

	// Full-width digits, circled digits and ideographic full stops become plain
	// ones here, as they would inside net/http, before anything looks at them.
	port := strings.TrimPrefix(hostport, host)
	if !isASCII(host) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", &URLError{CodeInvalid, "The URL's host is not a valid internationalized name; write it in its ASCII form (xn--…)."}
		}
		host = ascii
	}
	host = strings.ToLower(host)

	if a, err := netip.ParseAddr(host); err == nil {
		return host + port, p.checkLiteral(a)
	}
	name := strings.TrimSuffix(host, ".") // the one dot that ends a full name
	labels := strings.Split(name, ".")
	if isNumber(labels[len(labels)-1]) {
		// 2130706433, 0x7f.1, 0177.0.0.1, 127.1, "127.0.0.1.": some resolvers
		// take these for addresses. No top-level domain is a number, so nobody
		// needs them, and not having a parser means not having its bugs.
		return "", &URLError{CodeAddress, "The URL's host is an IP address in an unusual notation; write it as four decimal numbers, or use a host name."}
	}
	if !validName(name, labels) {
		return "", &URLError{CodeInvalid, "The URL's host is not a valid host name; correct it."}
	}
	if labels[len(labels)-1] == "localhost" && p.CheckAddr(netip.IPv6Loopback()) != nil &&
		p.CheckAddr(netip.AddrFrom4([4]byte{127, 0, 0, 1})) != nil {
		return "", &URLError{CodeAddress, "The URL points to Bellhop's own machine; use a public host name (local targets are allowed in development mode, or by --allow-cidr)."}
	}
	return host + port, nil
}

func (p Policy) checkLiteral(a netip.Addr) error {
	if err := p.CheckAddr(a); err != nil {
		return &URLError{CodeAddress, "The URL's host is not a public address; use a public host name or address, or have the operator allow it with --allow-cidr."}
	}
	return nil
}

// isNumber reports whether a host that ends in this label is an IPv4 address in
// the eyes of a browser (WHATWG URL, 3.5, "ends in a number").
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// validName reports whether DNS could know a name. Underscores are not allowed
// in host names (RFC 1123, 2.1) but are in use.
func validName(name string, labels []string) bool {
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(name) <= 253
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
