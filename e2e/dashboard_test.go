package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// page is an answer to a browser.
type page struct {
	status int
	header http.Header
	body   string
}

// browse makes a request as a browser does: without a key, with headers.
func (s *server) browse(method, path, body string, header ...string) page {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(b)}
}

// signIn signs in with a key and gives the cookie.
func (s *server) signIn(key string) *http.Cookie {
	s.t.Helper()
	p := s.browse("POST", "/v1/session", `{"key":"`+key+`"}`, "Sec-Fetch-Site", "same-origin", "Origin", s.url)
	cookie, err := http.ParseSetCookie(p.header.Get("Set-Cookie"))
	if p.status != http.StatusCreated || err != nil {
		s.t.Fatalf("sign in: %d %v %s", p.status, err, p.body)
	}
	return cookie
}

// A person signs in with the link that the first start printed, uses the dashboard,
// and signs out; other sites cannot use the session, and it can be taken away.
func TestSession(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	link := regexp.MustCompile(`http://\S+/sign-in#key=(bh_\S+)`).FindStringSubmatch(s.output.String())
	if link == nil || link[1] != s.key || !strings.HasPrefix(link[0], s.url+"/sign-in#") {
		t.Fatalf("the first start printed %q:\n%s", link, s.output.tail())
	}
	if p := s.browse("GET", "/sign-in", ""); p.status != 200 || !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") {
		t.Errorf("/sign-in: %d %s", p.status, p.header)
	}

	cookie := s.signIn(link[1])
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Path != "/" {
		t.Errorf("%+v", cookie)
	}
	mine := cookie.Name + "=" + cookie.Value
	var who wire.Session
	if p := s.browse("GET", "/v1/session", "", "Cookie", mine); p.status != 200 || json.Unmarshal([]byte(p.body), &who) != nil || who.Role != bellhop.RoleAdmin || !who.Features.Dev {
		t.Errorf("who am I: %d %s", p.status, p.body)
	}
	if p := s.browse("PUT", "/v1/apps/globex", `{}`, "Cookie", mine, "Sec-Fetch-Site", "same-origin"); p.status != http.StatusCreated {
		t.Errorf("a change: %d %s", p.status, p.body)
	}
	for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		header := append([]string{"Cookie", mine}, foreign...)
		if p := s.browse("DELETE", "/v1/apps/globex", "", header...); p.status != http.StatusForbidden || !strings.Contains(p.body, `"cross_origin"`) {
			t.Errorf("%s: %d %s", foreign, p.status, p.body)
		}
		if p := s.browse("POST", "/v1/session", `{"key":"`+s.key+`"}`, foreign...); p.status != http.StatusForbidden || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%s signs in: %d %s", foreign, p.status, p.body)
		}
	}
	var settings []client.Setting
	settings, err := s.api.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range settings {
		if x.Name == "listen" && (x.Value != s.listen || x.Source != "--listen" || x.Default) {
			t.Errorf("%+v", x)
		}
	}

	// Sessions outlive a restart, and can be seen and taken away.
	s.restart()
	if p := s.browse("GET", "/v1/apps", "", "Cookie", mine); p.status != 200 {
		t.Errorf("after a restart: %d %s", p.status, p.body)
	}
	if text := s.cli("keys", "list", "--sessions"); !strings.Contains(text, "session of "+who.Key.String()) {
		t.Errorf("keys list:\n%s", text)
	}
	for k, err := range s.api.Keys(t.Context(), client.KeyFilter{Kind: "session"}) {
		if err != nil {
			t.Fatal(err)
		}
		s.cli("keys", "delete", k.ID.String())
	}
	if p := s.browse("GET", "/v1/apps", "", "Cookie", mine); p.status != http.StatusUnauthorized {
		t.Errorf("a revoked session: %d %s", p.status, p.body)
	}

	cookie = s.signIn(s.key)
	mine = cookie.Name + "=" + cookie.Value
	if p := s.browse("DELETE", "/v1/session", "", "Cookie", mine, "Sec-Fetch-Site", "same-origin"); p.status != http.StatusNoContent || !strings.Contains(p.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign out: %d %s", p.status, p.header)
	}
	if p := s.browse("GET", "/v1/apps", "", "Cookie", mine); p.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d %s", p.status, p.body)
	}
	for range 10 {
		s.browse("POST", "/v1/session", `{"key":"bh_wrong"}`)
	}
	if p := s.browse("POST", "/v1/session", `{"key":"`+s.key+`"}`); p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" {
		t.Errorf("after ten wrong keys: %d %s", p.status, p.body)
	}
}

// The portal shows the platform's face, in the platform's pages and nobody else's.
func TestPortal(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--dev", "--portal-name", "Acme", "--portal-color", "#0B7285", "--portal-logo", "logo.svg",
		"--portal-origin", "https://app.acme.com", "--portal-origin", "http://localhost:3000", "--public-url", "https://hooks.acme.com")
	logo := `<svg xmlns="http://www.w3.org/2000/svg"/>`
	write(t, filepath.Join(s.dir, "logo.svg"), []byte(logo))
	s.start()
	s.app("acme")
	s.app("globex")

	branding, err := client.New(s.url, "", s.http).Branding(t.Context())
	if err != nil || branding != (client.Branding{Name: "Acme", Color: "#0b7285", Logo: "/portal/logo"}) {
		t.Errorf("%+v, %v", branding, err)
	}
	if p := s.browse("GET", branding.Logo, ""); p.status != 200 || p.body != logo || p.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(p.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("logo: %d %s", p.status, p.header)
	}
	for path, ancestors := range map[string]string{"/": "'none'", "/portal": "https://app.acme.com http://localhost:3000", "/portal/events": "https://app.acme.com http://localhost:3000"} {
		p := s.browse("GET", path, "")
		if p.status != 200 || !strings.HasSuffix(p.header.Get("Content-Security-Policy"), "frame-ancestors "+ancestors) || (p.header.Get("X-Frame-Options") == "DENY") != (path == "/") || p.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %d %s", path, p.status, p.header)
		}
		if again := s.browse("GET", path, "", "If-None-Match", p.header.Get("ETag")); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d", path, again.status)
		}
	}
	if p := s.browse("GET", "/assets/none.js", ""); p.status != 404 || strings.Contains(p.body, "<") {
		t.Errorf("an asset that is not there: %d %s", p.status, p.body)
	}
	if p := s.browse("GET", "/v1/none", ""); p.status != 404 || !strings.Contains(p.body, `"not_found"`) {
		t.Errorf("an operation that is not there: %d %s", p.status, p.body)
	}

	url := strings.TrimSpace(s.cli("portal-links", "create", "acme", "--role", "viewer", "--expires-in", "1h", "--theme", "dark"))
	link := regexp.MustCompile(`^https://hooks\.acme\.com/portal#token=(bh_\w+)&theme=dark$`).FindStringSubmatch(url)
	if link == nil {
		t.Fatalf("portal link %s", url)
	}
	token := link[1]
	visitor := client.New(s.url, token, s.http)
	me, err := visitor.Whoami(t.Context())
	if err != nil || !me.Portal || len(me.Apps) != 1 || me.Apps[0] != "acme" || me.Role != bellhop.RoleViewer {
		t.Errorf("%+v, %v", me, err)
	}
	if _, err := visitor.App(t.Context(), "globex"); client.CodeOf(err) != "not_found" {
		t.Errorf("another app: %v", err)
	}
	if p := s.browse("POST", "/v1/session", `{"key":"`+token+`"}`); p.status != http.StatusForbidden {
		t.Errorf("signing in with a portal link: %d %s", p.status, p.body)
	}
	s.cli("keys", "delete", me.Key.String())
	if _, err := visitor.Whoami(t.Context()); client.CodeOf(err) != "unauthorized" {
		t.Errorf("a revoked link: %v", err)
	}
	if cookie := s.signIn(s.key); !cookie.Secure || cookie.Name != "__Host-bellhop_session" {
		t.Errorf("a public https URL, and %+v", cookie)
	}

	s.stop()
	if err := os.Remove(filepath.Join(s.dir, "logo.svg")); err != nil {
		t.Fatal(err)
	}
	if text := s.failsToStart(); !strings.Contains(text, "portal-logo: ") {
		t.Error(text)
	}
	if text := s.failsToStart("--portal-origin", "*"); !strings.Contains(text, "wildcard") {
		t.Error(text)
	}
}
