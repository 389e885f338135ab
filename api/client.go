package api

import (
	"net"
	"net/netip"
	"strings"
)

// Client is where a request comes from. Of IPv6, it is the network of 64 bits,
// since whoever has one address there has all of it. What a proxy says counts
// only if there is one: everybody else could say anything.
func (c *Call) Client() netip.Prefix {
	if c.kit.o.TrustProxy {
		// The last entry is the nearest proxy's own; those before it came with
		// the request.
		said := c.r.Header.Values("X-Forwarded-For")
		if len(said) > 0 {
			last := said[len(said)-1]
			if p, ok := network(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); ok {
				return p
			}
		}
	}
	p, _ := network(c.r.RemoteAddr)
	return p // none for a socket without addresses: all its clients are one
}

// network reads an address with or without a port.
func network(text string) (netip.Prefix, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := 64
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}

// Secure tells whether the client's side of the connection is TLS.
func (c *Call) Secure() bool {
	return c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") ||
		strings.HasPrefix(c.kit.o.PublicURL, "https://")
}

// Base is where the client reaches this handler, without a slash at its end.
func (c *Call) Base() string {
	if c.kit.o.PublicURL != "" {
		return strings.TrimRight(c.kit.o.PublicURL, "/")
	}
	if c.Secure() {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}
