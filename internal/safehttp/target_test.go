package safehttp

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Path and query are sent as they were written, and what RFC 3986 does not allow in
// them is percent-encoded.
func TestTarget(t *testing.T) {
	everything := "!\"$&'()*+,-./:;<=>@[]^_`{|}~"
	for raw, want := range map[string]string{
		"":                               "/",
		"/":                              "/",
		"?":                              "/?",
		"?a=b":                           "/?a=b",
		"//a//?":                         "//a//?",
		"/a/../b/./c":                    "/a/../b/./c",
		"/caf\u00e9?name=caf\u00e9":      "/caf%C3%A9?name=caf%C3%A9",
		"/a%2Fb%2fc?x=%2F%2f":            "/a%2Fb%2fc?x=%2F%2f",
		"/\u00fc%2F?\u00fc=%2F":          "/%C3%BC%2F?%C3%BC=%2F", // no slash is made of the %2F
		"/%41%7e?%41%7e":                 "/%41%7e?%41%7e",
		"/%C3?%C3":                       "/%C3?%C3",
		"/a+b?a+b":                       "/a+b?a+b",
		"/x?a[]=1&b={c|d}^e`":            "/x?a%5B%5D=1&b=%7Bc%7Cd%7D%5Ee%60",
		"/x[1]":                          "/x%5B1%5D",
		"/x?a?b/c":                       "/x?a?b/c",
		"/%00?%00":                       "/%00?%00",
		"/\U0001F600?\U0001F600":         "/%F0%9F%98%80?%F0%9F%98%80",
		"/x?100%25":                      "/x?100%25",
		"/" + everything + "?":           "/!%22$&'()*+,-./:;%3C=%3E@%5B%5D%5E_%60%7B%7C%7D~?",
		"/?" + everything + "?":          "/?!%22$&'()*+,-./:;%3C=%3E@%5B%5D%5E_%60%7B%7C%7D~?",
		"/webhooks/0aZ-._~?token=0aZ-._": "/webhooks/0aZ-._~?token=0aZ-._",
	} {
		full := "https://example.com" + raw
		if err := (Policy{}).CheckURL(full); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		u, err := Policy{}.parseURL(full)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		c := New(Options{})
		head := string(c.head(newScratch().(*scratch), u, Request{Method: "POST"}))
		if got := strings.Fields(head)[1]; got != want || u.RequestURI() != want {
			t.Errorf("%s: %s, to net/http %s; want %s", raw, got, u.RequestURI(), want)
		}
	}
}

// A percent sign that encodes nothing is refused when an endpoint is saved. Endpoints
// that were saved before go on, with the sign encoded.
func TestStrayPercentSigns(t *testing.T) {
	for raw, sent := range map[string]string{
		"/x?%zz": "/x?%25zz", "/x?a=%": "/x?a=%25", "/x?%4": "/x?%254", "/x?%%41": "/x?%25%41", "/x?100%&y": "/x?100%25&y",
		"/%zz": "", "/x%": "", "/%4": "", "/%%41": "", // never could be saved
	} {
		full := "https://example.com" + raw
		err := Policy{}.CheckURL(full)
		if code(err) != CodeInvalid || !strings.Contains(err.Error(), "%25") || strings.Contains(err.Error(), "zz") {
			t.Errorf("%s: %v", raw, err)
		}
		u, err := Policy{}.parseURL(full)
		if sent == "" {
			if err == nil {
				t.Errorf("%s: sent as %s", raw, u.RequestURI())
			}
		} else if err != nil || u.RequestURI() != sent {
			t.Errorf("%s: %v, %v; want %s", raw, u, err, sent)
		}
	}
}

// A server that is as strict as Node's and Java's gets what it can read.
func TestTargetOnTheWire(t *testing.T) {
	var line string
	url, _ := rawReceiver(t, func(c *net.TCPConn) {
		request, ok := readRequestOf(c)
		if !ok {
			return
		}
		line, _, _ = strings.Cut(request, "\r\n")
		io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	})
	res := newClient(t, Options{Policy: dev}).Do(t.Context(), post(url+"/{a}?name=caf\u00e9&{}|^"))
	if want := "POST /hooks/%7Ba%7D?name=caf%C3%A9&%7B%7D%7C%5E HTTP/1.1"; res.Status != http.StatusOK || line != want {
		t.Errorf("%+v\n%s, want\n%s", res, line, want)
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("/a%2Fb\u00fc%zz", "x=%zz&[]")
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{RawPath: path, RawQuery: query}
		if p, err := url.PathUnescape(path); err == nil {
			u.Path = p
		} else {
			u.RawPath = ""
		}
		NormalizeTarget(u)
		for _, part := range []string{u.EscapedPath(), u.RawQuery} {
			if strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%") != "" || CheckEscapes(part) != nil {
				t.Fatalf("%q", part)
			}
		}
		if p, err := url.PathUnescape(u.EscapedPath()); err != nil || p != u.Path {
			t.Fatalf("%q became %q", u.Path, p)
		}
		again := *u
		if NormalizeTarget(&again); again.RequestURI() != u.RequestURI() {
			t.Fatalf("%q, then %q", u.RequestURI(), again.RequestURI())
		}
	})
}
