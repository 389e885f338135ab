package safehttp

import (
	"net"
	"net/url"
	"strings"
)

// Origin is the scheme, host and port of a URL, written in one way: what credentials are
// for. It is "" of what is no absolute URL.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme] + mailPorts[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}

// IsMail tells whether a URL is that of a mail server.
func IsMail(raw string) bool {
	scheme, _, ok := strings.Cut(raw, ":")
	_, known := mailPorts[strings.ToLower(scheme)]
	return ok && known
}
