package safehttp

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func code(err error) string {
	var u *URLError
	if errors.As(err, &u) {
		return u.Code
	}
	if err != nil {
		return "not a URLError: " + err.Error()
	}
	return ""
}

func TestCheckURL(t *testing.T) {
	plain, dev := Policy{}, Policy{Dev: true}
	lan := Policy{AllowCIDRs: prefixes("10.0.0.0/8", "127.0.0.1/32")}
	tests := []struct {
		policy Policy
		url    string
		want   string
	}{
		{plain, "https://example.com", ""},
		{plain, "HTTPS://Example.COM:8443/hooks/a%20b?token=x&y=%2F", ""},
		{plain, "https://example.com.:443/", ""},
		{plain, "https://my_host.example.com/ü", ""},
		{plain, "https://bücher.example/", ""},
		{plain, "https://xn--bcher-kva.example/", ""},
		{plain, "https://8.8.8.8/", ""},
		{plain, "https://[2606:4700:4700::1111]:8443/", ""},
		{plain, "https://10.example.com/", ""},
		{plain, "https://0x7f.example/", ""},
		{plain, "https://intranet/", ""}, // the guard decides, once DNS has spoken
		{plain, "https://notlocalhost/", ""},
		{plain, "https://localhost.example.com/", ""},

		{plain, "", CodeInvalid},
		{plain, "example.com/hooks", CodeInvalid},
		{plain, "//example.com/hooks", CodeInvalid},
		{plain, "/hooks", CodeInvalid},
		{plain, "https:", CodeInvalid},
		{plain, "https:example.com", CodeInvalid},
		{plain, "https://", CodeInvalid},
		{plain, "https:///hooks", CodeInvalid},
		{plain, "https://:443/", CodeInvalid},
		{plain, "https://example.com:0/", CodeInvalid},
		{plain, "https://example.com:65536/", CodeInvalid},
		{plain, "https://example.com:http/", CodeInvalid},
		{plain, "https://example.com:/", CodeInvalid},
		{plain, "https://example.com:80:80/", CodeInvalid},
		{plain, "https://exa mple.com/", CodeInvalid},
		{plain, "https://example.com/a b", CodeInvalid},
		{plain, " https://example.com/", CodeInvalid},
		{plain, "https://example.com/\r\nX: y", CodeInvalid},
		{plain, "https://example.com/\x00", CodeInvalid},
		{plain, "https://example.com/\u00a0", CodeInvalid},
		{plain, "https://example.com/\u202egnp", CodeInvalid},
		{plain, "https://example.com/\xff", CodeInvalid},
		{plain, `https://example.com\@10.0.0.1/`, CodeInvalid},
		{plain, "https://example..com/", CodeInvalid},
		{plain, "https://example.com../", CodeInvalid},
		{plain, "https://.example.com/", CodeInvalid},
		{plain, "https://./", CodeInvalid},
		{plain, "https://exa*mple.com/", CodeInvalid},
		{plain, "https://%31%32%37.0.0.1/", CodeInvalid},
		{plain, "https://[example.com]/", CodeInvalid},
		{plain, "https://[127.0.0.1]/", CodeInvalid},
		{plain, "https://[::1/", CodeInvalid},
		{plain, "https://a[::1]/", CodeInvalid},
		{plain, "https://::1/", CodeInvalid},
		{plain, "https://" + strings.Repeat("a", 64) + ".com/", CodeInvalid},
		{plain, "https://" + strings.Repeat("abcdefg.", 32) + "com/", CodeInvalid},
		{plain, "https://example.com/" + strings.Repeat("x", 2048), CodeInvalid},

		{plain, "http://example.com/", CodeScheme},
		{lan, "http://10.0.0.1/", CodeScheme},
		{plain, "ftp://example.com/", CodeScheme},
		{plain, "file:///etc/passwd", CodeScheme},
		{plain, "gopher://127.0.0.1:6379/_x", CodeScheme},
		{plain, "javascript:alert(1)", CodeScheme},
		{dev, "unix:///run/docker.sock", CodeScheme},

		{plain, "https://user:hunter2@example.com/", CodeCredentials},
		{plain, "https://user@example.com/", CodeCredentials},
		{plain, "https://@example.com/", CodeCredentials},
		{plain, "https://8.8.8.8@127.0.0.1/", CodeCredentials},
		{plain, "https://example.com/#top", CodeFragment},
		{plain, "https://example.com/#", CodeFragment},
		{plain, "https://example.com#@10.0.0.1/", CodeFragment},

		{plain, "https://localhost/", CodeAddress},
		{plain, "https://LOCALHOST:8443/", CodeAddress},
		{plain, "https://localhost./", CodeAddress},
		{plain, "https://a.b.localhost/", CodeAddress},
		{plain, "https://ｌｏｃａｌｈｏｓｔ/", CodeAddress},
		{plain, "https://2130706433/", CodeAddress},
		{plain, "https://0x7f000001/", CodeAddress},
		{plain, "https://0x7f.1/", CodeAddress},
		{plain, "https://0X7F.0.0.0X1/", CodeAddress},
		{plain, "https://0x/", CodeAddress},
		{plain, "https://0177.0.0.1/", CodeAddress},
		{plain, "https://017700000001/", CodeAddress},
		{plain, "https://127.1/", CodeAddress},
		{plain, "https://127.0.1/", CodeAddress},
		{plain, "https://0/", CodeAddress},
		{plain, "https://127.0.0.1./", CodeAddress},
		{plain, "https://8.8.8.8./", CodeAddress},
		{plain, "https://256.256.256.256/", CodeAddress},
		{plain, "https://1.2.3.4.5/", CodeAddress},
		{plain, "https://１２７.０.０.１/", CodeAddress},
		{plain, "https://①②⑦.⓪.⓪.①/", CodeAddress},
		{plain, "https://127。0。0。1/", CodeAddress},
		{plain, "https://%E2%91%A0%E2%91%A1%E2%91%A6.1/", CodeAddress},
		{plain, "https://[fe80::1%25eth0]/", CodeAddress},
		{plain, "https://[2606:4700::1111%25eth0]/", CodeAddress},
		{dev, "http://[::1%25lo]/", CodeAddress},

		{dev, "http://localhost:3000/hooks", ""},
		{dev, "http://app.localhost:3000/", ""},
		{dev, "http://127.0.0.1:3000/", ""},
		{dev, "http://[::1]:3000/", ""},
		{dev, "https://example.com/", ""},
		{dev, "http://127.1/", CodeAddress},
		{dev, "http://0.0.0.0:3000/", CodeAddress},
		{dev, "http://[::]:3000/", CodeAddress},
		{dev, "http://10.0.0.1/", CodeAddress},
		{dev, "http://169.254.169.254/", CodeAddress},
		{lan, "https://10.2.3.4/", ""},
		{lan, "https://[::ffff:10.2.3.4]/", ""},
		{lan, "https://localhost/", ""},
		{lan, "https://127.0.0.2/", CodeAddress},
		{lan, "https://[64:ff9b::10.2.3.4]/", CodeAddress},
	}
	for _, tt := range tests {
		err := tt.policy.CheckURL(tt.url)
		if got := code(err); got != tt.want {
			t.Errorf("%.80q (dev %v): code %q, want %q", tt.url, tt.policy.Dev, got, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || !strings.HasSuffix(err.Error(), ".")) {
			t.Errorf("%.80q: detail %q", tt.url, err)
		}
	}
	for _, s := range refusedAddrs {
		host := strings.Replace(s, "%", "%25", 1)
		if strings.Contains(s, ":") {
			host = "[" + host + "]"
		}
		if got := code(plain.CheckURL("https://" + host + "/")); got != CodeAddress {
			t.Errorf("%s: code %q, want %q", host, got, CodeAddress)
		}
	}
}

// FuzzCheckURL looks for an accepted URL that leads somewhere else than checked.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://example.com/hooks?x=y", "https://127.0.0.1/", "https://[::1]:80/", "https://user@host/",
		"https://①②⑦.⓪.⓪.①/", "https://0x7f.1/", "https://localhost./", "https://[fe80::1%25eth0]/", "http://a\\@b/",
	} {
		f.Add(s)
	}
	for _, s := range refusedAddrs {
		f.Add("https://" + s + "/")
		f.Add("https://[" + s + "]/")
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := Policy{}.parseURL(raw)
		if err != nil {
			if code(err) == "" || !strings.HasPrefix(code(err), "url_") {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != u.Host || u.Scheme != "https" || u.User != nil || strings.Contains(u.String(), "#") {
			t.Fatalf("%q: accepted as %q (%v)", raw, u, err)
		}
		host := strings.ToLower(strings.TrimRight(u.Hostname(), "."))
		if a, err := netip.ParseAddr(host); err == nil && (Policy{}).CheckAddr(a) != nil {
			t.Fatalf("%q: leads to %s", raw, a)
		}
		if host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "" {
			t.Fatalf("%q: leads to %q", raw, host)
		}
		if ip := net.ParseIP(host); ip == nil && strings.Trim(host, "0123456789.") == "" {
			t.Fatalf("%q: %q may be read as an address", raw, host)
		}
		if (Policy{}).CheckURL(u.String()) != nil && len(u.String()) <= maxURL {
			t.Fatalf("%q: what it was accepted as, %q, is refused", raw, u)
		}
	})
}
