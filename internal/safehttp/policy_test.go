package safehttp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// refusedAddrs are the addresses no default policy may reach, in every form in
// which an IPv4 address has been smuggled past somebody's guard.
var refusedAddrs = []string{
	// IPv4: loopback, private, shared, link-local, protocol, documentation,
	// benchmark, relay, multicast, reserved, broadcast.
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.1.2.3",
	"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
	"192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
	"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
	// IPv6: unspecified, loopback, site-local, unique local, link-local,
	// multicast, discard, documentation, benchmark, ORCHID.
	"::", "::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "ff02::1", "100::1",
	"2001:db8::1", "3fff::1", "2001:2::1", "2001:20::1", "5f00::1", "4000::1",
	// IPv4 inside: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
	"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0.0.0.0",
	"::127.0.0.1", "::a9fe:a9fe", "::8.8.8.8",
	"::ffff:0:7f00:1", "::ffff:0:8.8.8.8",
	"64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1", "64:ff9b:1:ffff::1",
	"2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1",
	"2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
	"2a00:1450:4001::5efe:127.0.0.1", "2a00:1450:4001::200:5efe:10.0.0.1", "fe80::5efe:8.8.8.8",
	// Zones.
	"fe80::1%eth0", "::1%lo", "2606:4700::1111%eth0", "::ffff:8.8.8.8%eth0",
}

var publicAddrs = []string{
	"8.8.8.8", "1.1.1.1", "::ffff:8.8.8.8", "99.255.255.255", "100.128.0.1", "172.32.0.1",
	"198.20.0.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e", "2003::1",
}

func prefixes(ss ...string) (out []netip.Prefix) {
	for _, s := range ss {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestCheckAddr(t *testing.T) {
	for _, s := range refusedAddrs {
		err := Policy{}.CheckAddr(netip.MustParseAddr(s))
		var refusal *AddrError
		if !errors.As(err, &refusal) {
			t.Errorf("%s: not refused (%v)", s, err)
		}
	}
	for _, s := range publicAddrs {
		if err := (Policy{}).CheckAddr(netip.MustParseAddr(s)); err != nil {
			t.Errorf("public %s: %v", s, err)
		}
	}
	if (Policy{Dev: true}).CheckAddr(netip.Addr{}) == nil {
		t.Error("the zero address was allowed")
	}
}

func TestDevOpensLoopbackOnly(t *testing.T) {
	loopback := map[string]bool{"127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true}
	for _, s := range refusedAddrs {
		err := Policy{Dev: true}.CheckAddr(netip.MustParseAddr(s))
		if (err == nil) != loopback[s] {
			t.Errorf("%s with Dev: %v", s, err)
		}
	}
}

func TestAllowCIDRs(t *testing.T) {
	tests := []struct {
		name    string
		allow   []netip.Prefix
		allowed []string
		refused []string
	}{
		{
			"IPv4 opens no tunnel to it", prefixes("10.0.0.0/8", "127.0.0.1/32"),
			[]string{"10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1"},
			[]string{
				"127.0.0.2", "192.168.0.1", "::10.1.2.3", "::ffff:0:10.1.2.3", "64:ff9b::10.1.2.3",
				"2002:a01:203::1", "2a00::5efe:10.1.2.3", "::ffff:10.1.2.3%eth0",
			},
		},
		{
			"everything of IPv4", prefixes("0.0.0.0/0"),
			[]string{"127.0.0.1", "169.254.169.254"},
			[]string{"::1", "64:ff9b::7f00:1", "fd00::1"},
		},
		{
			"a tunnel leads to allowed addresses only", prefixes("64:ff9b::/96", "fd00::/8", "2002::/16", "2001::/32"),
			[]string{"64:ff9b::8.8.8.8", "fd00:1::2", "2002:808:808::1", "2001::f7f7:f7f7"},
			[]string{"64:ff9b::7f00:1", "fd00::5efe:127.0.0.1", "2002:7f00:1::", "2001::80ff:fffe", "64:ff9b:1::8.8.8.8"},
		},
		{"IPv6 loopback", prefixes("::1/128"), []string{"::1"}, []string{"::", "127.0.0.1", "::127.0.0.1"}},
		{"a mapped prefix opens nothing", prefixes("::ffff:10.0.0.0/104"), nil, []string{"10.0.0.1", "::ffff:10.0.0.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{AllowCIDRs: tt.allow}
			for _, s := range tt.allowed {
				if err := p.CheckAddr(netip.MustParseAddr(s)); err != nil {
					t.Error(err)
				}
			}
			for _, s := range tt.refused {
				if a, err := netip.ParseAddr(s); err == nil && p.CheckAddr(a) == nil {
					t.Errorf("%s was allowed", s)
				}
			}
		})
	}
}

// TestGuard asks the dialer's hook itself, as connect(2) would be about to be
// called, so that public addresses can be tried without leaving the machine.
func TestGuard(t *testing.T) {
	c := New(Options{})
	for _, s := range refusedAddrs {
		a := netip.MustParseAddr(s)
		network := "tcp6"
		if a.Is4() {
			network = "tcp4"
		}
		x := &exchange{}
		ctx := context.WithValue(context.Background(), exchangeKey{}, x)
		if c.guard(ctx, network, netip.AddrPortFrom(a, 443).String(), nil) == nil {
			t.Errorf("%s: the guard let it pass", s)
		}
		if x.remote != "" || len(x.refused) != 1 {
			t.Errorf("%s: noted as tried %q, refused %v", s, x.remote, x.refused)
		}
		if c.guard(context.Background(), network, netip.AddrPortFrom(a, 443).String(), nil) == nil {
			t.Errorf("%s: the guard let it pass outside of an exchange", s)
		}
	}
	for _, s := range publicAddrs {
		for _, port := range []string{"443", "25", "8443"} {
			if err := c.guard(context.Background(), "tcp6", net.JoinHostPort(s, port), nil); err != nil {
				t.Errorf("public %s: %v", s, err)
			}
		}
	}
	for _, bad := range [][2]string{{"unix", "/run/docker.sock"}, {"udp4", "8.8.8.8:53"}, {"tcp4", "example.com:443"}, {"tcp4", ""}} {
		if c.guard(context.Background(), bad[0], bad[1], nil) == nil {
			t.Errorf("%v: the guard let it pass", bad)
		}
	}
}
