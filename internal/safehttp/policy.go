package safehttp

import (
	"fmt"
	"net/netip"

	"code.dny.dev/ssrf"
)

// Policy says where requests may go. The zero value allows https to public
// addresses and nothing else. It is fixed for the life of a process:
// connections that were allowed stay open for up to their lifetime.
type Policy struct {
	// AllowCIDRs are targets allowed in addition to the public ones. A prefix
	// opens the addresses written in it: an IPv4 prefix opens no IPv6 address
	// that tunnels to it, and an IPv6 prefix of tunnels opens only those whose
	// inner IPv4 address is allowed as well.
	AllowCIDRs []netip.Prefix

	// Dev allows plain http, and 127.0.0.0/8 and ::1 as targets. Nothing else
	// that is private.
	Dev bool

	// DNS is the host:port of the DNS server to ask instead of the system's;
	// "" means the system's.
	DNS string
}

// AddrError is the refusal of one address by a [Policy].
type AddrError struct {
	Addr netip.Addr
	Why  string // completes "the address …"
}

func (e *AddrError) Error() string {
	return fmt.Sprintf("the address %s %s", e.Addr, e.Why)
}

// guardian knows the special-purpose registries of IANA: it allows IPv4 outside
// of them, and of IPv6 only global unicast (2000::/3) outside of them. Immutable.
var guardian = ssrf.New(ssrf.WithAnyPort())

// azureHost answers the metadata and agent requests of every Azure machine from
// an address that is public by number, so no registry lists it.
var azureHost = netip.MustParseAddr("168.63.129.16")

// CheckAddr returns an *AddrError unless requests may go to a.
func (p Policy) CheckAddr(a netip.Addr) error {
	if !a.IsValid() {
		return &AddrError{a, "is none"} // to the ssrf package it would be IPv4 outside of every registry
	}
	if a.Zone() != "" {
		// A zone names one of our own network interfaces.
		return &AddrError{a, "has a zone, which only local addresses have"}
	}
	// ::ffff:10.0.0.1 and 10.0.0.1 are one target: the kernel sends IPv4 for both.
	a = a.Unmap()

	if p.Dev && a.IsLoopback() {
		return nil
	}
	inner, tunnel := tunnelled(a)
	if p.allows(a) {
		if tunnel {
			return p.CheckAddr(inner)
		}
		return nil
	}
	switch {
	case tunnel:
		return &AddrError{a, "is a tunnel to the IPv4 address " + inner.String()}
	case a == azureHost:
		return &AddrError{a, "is a cloud provider's metadata service"}
	case guardian.SafeAddr(a) != nil:
		return &AddrError{a, "is not a public address"}
	}
	return nil
}

func (p Policy) allows(a netip.Addr) bool {
	for _, prefix := range p.AllowCIDRs {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

var (
	v4Compatible = netip.MustParsePrefix("::/96")           // RFC 4291, 2.5.5.1
	v4Translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765, 2.1
	nat64        = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	nat64Local   = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	teredo       = netip.MustParsePrefix("2001::/32")       // RFC 4380
	sixToFour    = netip.MustParsePrefix("2002::/16")       // RFC 3056
	unspecified6 = netip.IPv6Unspecified()                  // inside v4Compatible, but no tunnel
	loopback6    = netip.IPv6Loopback()                     // likewise
)

// tunnelled returns the IPv4 address that an IPv6 address carries, if it is of a
// form which a router or the kernel may turn into IPv4 traffic. All but ISATAP
// are known by prefix; ISATAP (RFC 5214, 6.1) hides in the lower half of an
// address under any prefix, a public one included.
func tunnelled(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() || a == unspecified6 || a == loopback6 {
		return netip.Addr{}, false
	}
	b := a.As16()
	last := [4]byte(b[12:])
	isatap := b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	switch {
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(a):
		for i := range last {
			last[i] ^= 0xff
		}
		return netip.AddrFrom4(last), true
	case isatap, v4Compatible.Contains(a), v4Translated.Contains(a), nat64.Contains(a), nat64Local.Contains(a):
		return netip.AddrFrom4(last), true
	}
	return netip.Addr{}, false
}
