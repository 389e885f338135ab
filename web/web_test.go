package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// built stands for what the build leaves in dist.
var built = fstest.MapFS{
	"index.html":        {Data: []byte("<!doctype html><title>page</title>" + strings.Repeat("<p></p>", 50))},
	"theme.js":          {Data: []byte("document.title")},
	"favicon.svg":       {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	"assets/index.js":   {Data: []byte(strings.Repeat("console.log(1)\n", 100))},
	"assets/index.css":  {Data: []byte(strings.Repeat("a{color:red}", 100))},
	"assets/font.woff2": {Data: bytes.Repeat([]byte{7}, 1000)},
	"assets/tool.wasm":  {Data: []byte("\x00asm")},
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPaths(t *testing.T) {
	h := handlerOf(built, Options{})
	const page, gone = "index.html", ""
	for path, file := range map[string]string{
		"/": page, "/index.html": page, "/events": page, "/events/": page, "/endpoints/ep_1": page, "/event-types/invoice.purchase": page,
		"/portal": page, "/portal/": page, "/portal/endpoints": page, "/portal/..": page, "/sign-in": page, "/portals": page,
		"/theme.js": "theme.js", "/favicon.svg": "favicon.svg", "/assets/index.js": "assets/index.js",
		"/assets": page, "/assets/": page, "/assets/other.js": gone, "/assets/other": gone, "/other.css": gone,
		"/robots.txt": gone, "/portal/logo": gone, "/portal/x.png": gone, "/dist/index.html": gone,
		"/../web.go": page, "/assets/../theme.js": "theme.js",
	} {
		r := ask(h, "GET", path)
		got := body(t, r)
		if file == gone {
			if r.StatusCode != 404 || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || strings.Contains(got, "<") {
				t.Errorf("%s: %d %s %q", path, r.StatusCode, r.Header, got)
			}
			continue
		}
		if r.StatusCode != 200 || got != string(built[file].Data) {
			t.Errorf("%s: %d %.40q, want %s", path, r.StatusCode, got, file)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r := ask(h, method, "/"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %s", method, r.StatusCode, r.Header)
		}
	}
}

func TestContentTypes(t *testing.T) {
	h := handlerOf(built, Options{})
	for path, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/theme.js": "text/javascript; charset=utf-8", "/favicon.svg": "image/svg+xml",
		"/assets/index.css": "text/css; charset=utf-8", "/assets/font.woff2": "font/woff2", "/assets/tool.wasm": "application/octet-stream",
	} {
		if got := ask(h, "GET", path).Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestFrames(t *testing.T) {
	for name, c := range map[string]struct {
		origins                []string
		path, ancestors, frame string
	}{
		"dashboard":             {nil, "/", "'none'", "DENY"},
		"dashboard, embedding":  {[]string{"https://app.acme.com"}, "/", "'none'", "DENY"},
		"a route like portal":   {[]string{"https://app.acme.com"}, "/portals", "'none'", "DENY"},
		"portal, encoded":       {[]string{"https://app.acme.com"}, "/%70ortal", "'none'", "DENY"},
		"a portal's, encoded":   {[]string{"https://app.acme.com"}, "/portal%2fevents", "'none'", "DENY"},
		"up to the portal":      {[]string{"https://app.acme.com"}, "/events%2f..%2fportal", "'none'", "DENY"},
		"portal":                {nil, "/portal", "'none'", "DENY"},
		"portal, embedding":     {[]string{"https://app.acme.com", "http://localhost:3000"}, "/portal", "https://app.acme.com http://localhost:3000", ""},
		"a route of the portal": {[]string{"https://app.acme.com"}, "/portal/events", "https://app.acme.com", ""},
		"an asset, embedding":   {[]string{"https://app.acme.com"}, "/assets/index.js", "'none'", "DENY"},
		"what is not there":     {[]string{"https://app.acme.com"}, "/portal/x.js", "'none'", "DENY"},
	} {
		h := ask(handlerOf(built, Options{PortalOrigins: c.origins}), "GET", c.path).Header
		_, ancestors, _ := strings.Cut(h.Get("Content-Security-Policy"), "frame-ancestors ")
		if ancestors != c.ancestors || h.Get("X-Frame-Options") != c.frame {
			t.Errorf("%s: frame-ancestors %q, X-Frame-Options %q", name, ancestors, h.Get("X-Frame-Options"))
		}
	}
}

func TestHeaders(t *testing.T) {
	h := handlerOf(built, Options{})
	for _, path := range []string{"/", "/portal", "/theme.js", "/nothing.js"} {
		r := ask(h, "GET", path)
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "default-src 'none'; ") {
			t.Errorf("%s: %s", path, r.Header)
		}
		for _, source := range []string{"unsafe-eval", "http:", "https:", "*"} {
			if strings.Contains(r.Header.Get("Content-Security-Policy"), source) {
				t.Errorf("%s: the policy has %s", path, source)
			}
		}
	}
	for path, want := range map[string]string{"/": "same-origin", "/portal": ""} {
		r := ask(h, "GET", path)
		if r.Header.Get("Cross-Origin-Opener-Policy") != want || r.Header.Get("Permissions-Policy") == "" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "script-src 'self'; ") {
			t.Errorf("%s: %s", path, r.Header)
		}
	}
}

func TestValidation(t *testing.T) {
	h := handlerOf(built, Options{})
	for _, path := range []string{"/", "/portal", "/assets/index.js", "/assets/font.woff2"} {
		first := ask(h, "GET", path)
		tag := first.Header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) || first.Header.Get("Cache-Control") != "no-cache" || first.Header.Get("Last-Modified") != "" {
			t.Errorf("%s: %s", path, first.Header)
		}
		for _, kept := range []string{tag, `"x", ` + tag, "W/" + tag, "*"} {
			r := ask(h, "GET", path, "If-None-Match", kept)
			if r.StatusCode != 304 || body(t, r) != "" || r.Header.Get("ETag") != tag || r.Header.Get("Content-Security-Policy") != first.Header.Get("Content-Security-Policy") {
				t.Errorf("%s, %s: %d %s", path, kept, r.StatusCode, r.Header)
			}
		}
		if r := ask(h, "GET", path, "If-None-Match", `"x"`); r.StatusCode != 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	page := func(o Options) string { return ask(handlerOf(built, o), "GET", "/portal").Header.Get("ETag") }
	before, after, changed := page(Options{}), page(Options{}), page(Options{PortalOrigins: []string{"https://a.example"}})
	if before != after || before == changed {
		t.Error("the portal's tag must change with its policy, and with nothing else")
	}
}

func TestCompression(t *testing.T) {
	h := handlerOf(built, Options{})
	plain := ask(h, "GET", "/assets/index.js")
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.8": "gzip", "GZIP": "gzip", "gzip;q=0": "", "gzip; q=0.0, br": "", "br": "", "": "", "identity": "",
	} {
		r := ask(h, "GET", "/assets/index.js", "Accept-Encoding", accept)
		if r.Header.Get("Content-Encoding") != want || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %s", accept, r.Header)
		}
		if (r.Header.Get("ETag") != plain.Header.Get("ETag")) != (want == "gzip") {
			t.Errorf("%q: ETag %s", accept, r.Header.Get("ETag"))
		}
		if r.ContentLength != int64(len(body(t, ask(h, "GET", "/assets/index.js", "Accept-Encoding", accept)))) {
			t.Errorf("%q: Content-Length %d", accept, r.ContentLength)
		}
		if want == "" {
			continue
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != string(built["assets/index.js"].Data) {
			t.Errorf("%q: %v, %d bytes", accept, err, len(b))
		}
	}
	// Neither what cannot be compressed nor what would grow.
	for _, path := range []string{"/assets/font.woff2", "/theme.js"} {
		if r := ask(h, "GET", path, "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s", path, r.Header)
		}
	}
	r := ask(h, "HEAD", "/assets/index.js", "Accept-Encoding", "gzip")
	full := ask(h, "GET", "/assets/index.js", "Accept-Encoding", "gzip")
	if body(t, r) != "" || r.Header.Get("Content-Length") != full.Header.Get("Content-Length") || r.Header.Get("ETag") != full.Header.Get("ETag") {
		t.Errorf("HEAD: %s", r.Header)
	}
}

func TestLogo(t *testing.T) {
	logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	h := handlerOf(built, Options{Logo: logo, LogoType: "image/svg+xml", PortalOrigins: []string{"https://app.acme.com"}})
	r := ask(h, "GET", LogoPath)
	policy := r.Header.Get("Content-Security-Policy")
	if r.StatusCode != 200 || body(t, r) != string(logo) || r.Header.Get("Content-Type") != "image/svg+xml" || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(policy, "default-src 'none'; style-src 'unsafe-inline'; sandbox") {
		t.Errorf("%d %s", r.StatusCode, r.Header)
	}
}

func TestPageIsEmbedded(t *testing.T) {
	r := ask(Handler(Options{}), "GET", "/")
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(strings.ToLower(text), "<!doctype html>") {
		t.Errorf("%d %s", r.StatusCode, text)
	}
}
