package native

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// signIn signs in and gives the session's cookie, as a header's value.
func (s *site) signIn(token string) string {
	s.t.Helper()
	r := s.do("", "POST", "/v1/session", `{"key":"`+token+`"}`)
	if r.status != 201 {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		s.t.Fatal(err)
	}
	return cookie.Name + "=" + cookie.Value
}

// clock is the time of a test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// timed makes a site of whose time the test disposes.
func timed(t *testing.T, more ...setup) (*site, *clock) {
	t.Helper()
	c := &clock{t: time.Now()}
	return open(t, append(more, setup{
		config:  func(config *engine.Config) { config.Now = c.now },
		options: func(o *Options) { o.Now = c.now },
	})...), c
}

func TestSessionLife(t *testing.T) {
	s, _ := timed(t, setup{options: func(o *Options) { o.Features = wire.Features{Dev: true} }})
	editor := s.key(bellhop.RoleEditor, "acme")
	var who, session wire.Session
	s.do(editor, "GET", "/v1/session", "").into(t, &who)
	r := s.do("", "POST", "/v1/session", `{"key":" `+editor+`\n"}`, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	r.into(t, &session)
	if r.status != 201 || session.Key != who.Key || session.Role != bellhop.RoleEditor || !slices.Equal(session.Apps, []string{"acme"}) ||
		session.Portal || session.Version != "1.2.3" || !session.Features.Dev || session.ExpiresAt.IsZero() || !who.ExpiresAt.IsZero() {
		t.Errorf("session %+v of %+v", session, who)
	}
	if bytes.Contains(r.body, []byte("bh_")) {
		t.Errorf("the answer shows a token: %s", r.body)
	}
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if cookie.Name != "bellhop_session" || cookie.Path != "/" || cookie.Domain != "" || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteStrictMode ||
		cookie.Expires.Sub(session.ExpiresAt).Abs() > time.Second || cookie.Value == editor {
		t.Errorf("%+v", cookie)
	}
	value := cookie.Name + "=" + cookie.Value

	var again wire.Session
	s.do("", "GET", "/v1/session", "", "Cookie", "other=1; "+value).into(t, &again)
	if again.Key != who.Key || again.ExpiresAt != session.ExpiresAt {
		t.Errorf("%+v", again)
	}
	if r := s.do("", "GET", "/v1/apps/globex", "", "Cookie", value); r.status != 404 {
		t.Errorf("a session reaches more than its key: %d", r.status)
	}
	if r := s.do("", "GET", "/v1/keys", "", "Cookie", value); r.status != 403 {
		t.Errorf("a session may do more than its key: %d", r.status)
	}
	// The header comes first.
	if r := s.do("bh_wrong", "GET", "/v1/session", "", "Cookie", value); r.status != 401 {
		t.Errorf("a wrong key beside a cookie: %d", r.status)
	}
	if r := s.do("", "GET", "/v1/session", "", "Cookie", value, "Authorization", "Basic eDp5"); r.status != 401 {
		t.Errorf("another scheme beside a cookie: %d", r.status)
	}

	var keys wire.Page[wire.Key]
	s.do(s.admin, "GET", "/v1/keys?kind=session", "").into(t, &keys)
	if len(keys.Data) != 1 || keys.Data[0].Session != who.Key || keys.Data[0].Device != "Firefox on Linux" || keys.Data[0].LastUsedAt.IsZero() || keys.Data[0].Current {
		t.Errorf("sessions: %+v", keys.Data)
	}
	var mine wire.Page[wire.Key]
	s.do(s.admin, "GET", "/v1/keys?kind=key", "").into(t, &mine)
	for _, k := range mine.Data {
		if k.Current != (k.Role == bellhop.RoleAdmin) || k.LastUsedAt.Before(k.CreatedAt) {
			t.Errorf("%+v, asked for with the admin's key", k)
		}
	}

	// A key or portal link has nothing to sign out of.
	if r := s.do(editor, "DELETE", "/v1/session", ""); r.status != 204 || r.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s", r.status, r.header)
	}
	s.do(editor, "GET", "/v1/session", "").into(t, &again)

	r = s.do("", "DELETE", "/v1/session", "", "Cookie", value)
	cleared, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if r.status != 204 || err != nil || cleared.Name != cookie.Name || cleared.Value != "" || cleared.MaxAge >= 0 || cleared.Path != "/" {
		t.Errorf("signed out: %d %v %+v", r.status, err, cleared)
	}
	r = s.do("", "GET", "/v1/session", "", "Cookie", value)
	if p := r.problem(t); p.Status != 401 || strings.Contains(r.header.Get("WWW-Authenticate"), "Basic") {
		t.Errorf("%+v %s", p, r.header)
	}

	var audit wire.Page[wire.AuditEntry]
	s.do(s.admin, "GET", "/v1/audit?actor="+who.Key.String(), "").into(t, &audit)
	if len(audit.Data) != 2 || audit.Data[0].Action != "session.end" || audit.Data[1].Action != "session.start" || audit.Data[0].Object != keys.Data[0].ID.String() {
		t.Errorf("audit: %+v", audit.Data)
	}
}

func TestAuditNamesThePersonsKey(t *testing.T) {
	s := open(t)
	var who wire.Session
	cookie := s.signIn(s.admin)
	s.do("", "GET", "/v1/session", "", "Cookie", cookie).into(t, &who)
	if r := s.do("", "PUT", "/v1/apps/fresh", `{}`, "Cookie", cookie); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var audit wire.Page[wire.AuditEntry]
	s.do(s.admin, "GET", "/v1/audit?object=fresh", "").into(t, &audit)
	if len(audit.Data) != 1 || audit.Data[0].Actor != who.Key.String() {
		t.Errorf("%+v", audit.Data)
	}
}

func TestWhatEndsASession(t *testing.T) {
	s, clock := timed(t)
	works := func(cookie string) bool { return s.do("", "GET", "/v1/session", "", "Cookie", cookie).status == 200 }
	k, token, err := s.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.signIn(token), s.signIn(token)
	var keys wire.Page[wire.Key]
	s.do(s.admin, "GET", "/v1/keys?kind=session&limit=1", "").into(t, &keys)
	if r := s.do(s.admin, "DELETE", "/v1/keys/"+keys.Data[0].ID.String(), ""); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if !works(first) || works(second) {
		t.Error("revoking a session must end it alone")
	}
	s.do(s.admin, "DELETE", "/v1/keys/"+k.ID.String(), "")
	if works(first) {
		t.Error("a session works although its key was deleted")
	}

	admin := s.signIn(s.admin)
	r := s.do("", "POST", "/v1/session", `{"key":"`+s.admin+`"}`, "Cookie", admin)
	renewed, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || works(admin) || !works(renewed.Name+"="+renewed.Value) {
		t.Errorf("%v: signing in again must end the session before", err)
	}
	admin = renewed.Name + "=" + renewed.Value
	clock.pass(7*24*time.Hour - time.Second)
	if !works(admin) {
		t.Error("a session ended within the week")
	}
	clock.pass(time.Second)
	if works(admin) {
		t.Error("a session works after a week")
	}
}

// keepsKeys is a store that deletes no keys while stuck.
type keepsKeys struct {
	bellhop.Store
	stuck atomic.Bool
}

func (s *keepsKeys) DeleteKey(ctx context.Context, id bellhop.KeyID, entry *bellhop.AuditEntry) error {
	if s.stuck.Load() {
		return errors.New("stuck")
	}
	return s.Store.DeleteKey(ctx, id, entry)
}

// TestSigningInAnewSucceedsWhateverTheFormerSession: else there would be a session
// that nobody has the cookie of.
func TestSigningInAnewSucceedsWhateverTheFormerSession(t *testing.T) {
	store := &keepsKeys{}
	s := open(t, setup{store: func(inner bellhop.Store) bellhop.Store { store.Store = inner; return store }})
	former := s.signIn(s.admin)
	store.stuck.Store(true)
	r := s.do("", "POST", "/v1/session", `{"key":"`+s.admin+`"}`, "Cookie", former)
	if cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie")); r.status != 201 || err != nil || cookie.Value == "" {
		t.Errorf("%d %s: %v", r.status, r.body, err)
	}
	if !strings.Contains(s.log.String(), "a session was not ended") {
		t.Error("nothing in the log says that the former session goes on")
	}
}

func TestWhoMaySignIn(t *testing.T) {
	s := open(t)
	session := s.signIn(s.admin)
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"editor"}`).into(t, &link)
	for name, c := range map[string]struct {
		token  string
		status int
		says   string
	}{
		"admin":     {s.admin, 201, ""},
		"viewer":    {s.key(bellhop.RoleViewer), 201, ""},
		"publisher": {s.key(bellhop.RolePublisher), 403, "only publish"},
		"portal":    {link.Token, 403, "portal link"},
		"session":   {strings.TrimPrefix(session, "bellhop_session="), 403, "session"},
		"wrong":     {"bh_wrong", 401, "not known"},
	} {
		r := s.do("", "POST", "/v1/session", `{"key":"`+c.token+`"}`)
		if r.status != c.status || (r.header.Get("Set-Cookie") != "") != (c.status == 201) || !bytes.Contains(r.body, []byte(c.says)) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for _, token := range []string{s.admin, link.Token} {
		if r := s.do("", "GET", "/v1/session", "", "Cookie", "bellhop_session="+token); r.status != 401 {
			t.Errorf("a cookie with a token that is no session's: %d", r.status)
		}
	}
}

func TestCookieIsSecureOverTLS(t *testing.T) {
	for name, c := range map[string]struct {
		publicURL string
		change    func(*http.Request)
		want      bool
	}{
		"plain":           {"", func(*http.Request) {}, false},
		"TLS":             {"", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		"behind a proxy":  {"", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, true},
		"public URL":      {"https://hooks.example.com", func(*http.Request) {}, true},
		"public and http": {"http://hooks.example.com", func(*http.Request) {}, false},
	} {
		s := unserved(t, setup{options: func(o *Options) { o.PublicURL = c.publicURL }})
		r := httptest.NewRequest("POST", "/v1/session", strings.NewReader(`{"key":"`+s.admin+`"}`))
		r.Header.Set("Content-Type", "application/json")
		c.change(r)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		cookie, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
		if err != nil || cookie.Secure != c.want || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" {
			t.Fatalf("%s: %v %+v", name, err, cookie)
		}
		own, other := "bellhop_session", "__Host-bellhop_session"
		if c.want {
			own, other = other, own
		}
		if cookie.Name != own {
			t.Errorf("%s: the cookie is %s", name, cookie.Name)
		}
		do := func(method, cookieName string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/v1/session", nil)
			r.AddCookie(&http.Cookie{Name: cookieName, Value: cookie.Value})
			c.change(r)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			return w
		}
		if w := do("GET", other); w.Code != 401 {
			t.Errorf("%s: %s counts: %d", name, other, w.Code)
		}
		if w := do("GET", own); w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		cleared, err := http.ParseSetCookie(do("DELETE", own).Header().Get("Set-Cookie"))
		if err != nil || cleared.Name != own || cleared.Secure != c.want || cleared.Path != "/" || cleared.MaxAge >= 0 {
			t.Errorf("%s: signed out: %v %+v", name, err, cleared)
		}
	}
}

func TestCrossSite(t *testing.T) {
	s := open(t, setup{options: func(o *Options) { o.PublicURL = "https://hooks.example.com/bellhop" }})
	cookie := s.signIn(s.admin)
	origin := s.url
	for name, c := range map[string]struct {
		header  []string
		refused bool
	}{
		"a program":               {nil, false},
		"own page":                {[]string{"Sec-Fetch-Site", "same-origin", "Origin", origin}, false},
		"own page, old browser":   {[]string{"Origin", origin}, false},
		"own page, Host replaced": {[]string{"Origin", "https://hooks.example.com"}, false},
		"typed in":                {[]string{"Sec-Fetch-Site", "none"}, false},
		"another site":            {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		"another subdomain":       {[]string{"Sec-Fetch-Site", "same-site"}, true},
		"another, old browser":    {[]string{"Origin", "https://evil.example"}, true},
		"a sandboxed frame":       {[]string{"Origin", "null"}, true},
	} {
		check := func(what string, r reply) {
			t.Helper()
			if refused := r.status == 403; refused != c.refused {
				t.Errorf("%s, %s: %d %s", name, what, r.status, r.body)
			} else if refused && r.problem(t).Code != api.CodeCrossOrigin {
				t.Errorf("%s, %s: %s", name, what, r.body)
			}
		}
		with := append([]string{"Cookie", cookie}, c.header...)
		check("PUT", s.do("", "PUT", "/v1/apps/acme", `{}`, with...))
		check("POST", s.do("", "POST", "/v1/events", `{"app":"acme","type":"a.b","data":1}`, with...))
		check("DELETE", s.do("", "DELETE", "/v1/event-types/none", "", with...))
		check("sign in", s.do("", "POST", "/v1/session", `{"key":"`+s.admin+`"}`, c.header...))
		if r := s.do("", "GET", "/v1/apps", "", with...); r.status != 200 {
			t.Errorf("%s, GET: %d", name, r.status)
		}
		// A key in a header is no browser's doing.
		if r := s.do(s.admin, "PUT", "/v1/apps/acme", `{}`, with...); r.status != 200 {
			t.Errorf("%s, with a key: %d %s", name, r.status, r.body)
		}
	}
	if r := s.do("", "DELETE", "/v1/session", "", "Cookie", cookie, "Sec-Fetch-Site", "cross-site"); r.status != 403 {
		t.Errorf("another site signs out: %d", r.status)
	}
}

func TestStreamWithCookie(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", s.signIn(s.admin))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s %s", resp.Status, resp.Header)
	}
}

// TestStreamEndsWithItsKey: no attempt is told to whom the key was taken away.
func TestStreamEndsWithItsKey(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer"}`).into(t, &link)
	resp, lines := s.follow(t.Context(), link.Token, "")
	defer resp.Body.Close() //nolint:errcheck // a test
	s.do(s.admin, "DELETE", "/v1/keys/"+link.ID.String(), "")
	s.publish("acme")
	for lines.Scan() {
		t.Errorf("told: %s", lines.Text())
	}
}

func TestThrottle(t *testing.T) {
	s, clock := timed(t, setup{options: func(o *Options) { o.TrustProxy = true }})
	try := func(token, from string) reply {
		return s.do("", "POST", "/v1/session", `{"key":"`+token+`"}`, "X-Forwarded-For", from)
	}
	for range 9 {
		try("bh_wrong", "192.0.2.1")
	}
	if r := try(s.admin, "192.0.2.1"); r.status != 201 {
		t.Fatalf("after nine failures: %d %s", r.status, r.body)
	}
	if r := try("bh_wrong", "192.0.2.1"); r.status != 401 {
		t.Errorf("the tenth failure: %d %s", r.status, r.body)
	}
	for _, token := range []string{"bh_wrong", s.admin} {
		r := try(token, "192.0.2.1")
		after, _ := strconv.Atoi(r.header.Get("Retry-After"))
		if p := r.problem(t); p.Status != 429 || p.Code != "too_many_requests" || after != 6 || !strings.Contains(p.Detail, "6s") || r.header.Get("Set-Cookie") != "" {
			t.Errorf("throttled: %s, Retry-After %d", r.body, after)
		}
	}
	if r := try(s.admin, "192.0.2.2"); r.status != 201 {
		t.Errorf("another address: %d", r.status)
	}
	// What a client says of itself comes before what the proxy says of it.
	for _, forged := range []string{"192.0.2.9, 192.0.2.1", "192.0.2.9,192.0.2.1:4711", "192.0.2.9, ::ffff:192.0.2.1"} {
		if r := try(s.admin, forged); r.status != 429 {
			t.Errorf("%s: %d", forged, r.status)
		}
	}
	clock.pass(6 * time.Second)
	if r := try(s.admin, "192.0.2.1"); r.status != 201 {
		t.Errorf("cooled down: %d %s", r.status, r.body)
	}
	// Whoever has one address of an IPv6 network has them all.
	for i := range 10 {
		try("bh_wrong", fmt.Sprintf("2001:db8:0:1::%x", i))
	}
	if r := try(s.admin, "[2001:db8:0:1:ffff::1]:80"); r.status != 429 {
		t.Errorf("the same network: %d", r.status)
	}
	if r := try(s.admin, "2001:db8:0:2::1"); r.status != 201 {
		t.Errorf("another network: %d", r.status)
	}
	// Keys in headers are not slowed down.
	if r := s.do(s.admin, "GET", "/v1/session", "", "X-Forwarded-For", "2001:db8:0:1::1"); r.status != 200 {
		t.Errorf("%d", r.status)
	}
}

func TestThrottleTrustsNoForgedAddress(t *testing.T) {
	s, _ := timed(t)
	for i := range 10 {
		s.do("", "POST", "/v1/session", `{"key":"bh_wrong"}`, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
	}
	if r := s.do("", "POST", "/v1/session", `{"key":"`+s.admin+`"}`, "X-Forwarded-For", "192.0.2.99"); r.status != 429 {
		t.Errorf("%d", r.status)
	}
}

func TestPortalLinkURL(t *testing.T) {
	s := open(t)
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer"}`).into(t, &link)
	if want := s.url + "/portal#token=" + link.Token; link.URL != want {
		t.Errorf("%s, want %s", link.URL, want)
	}
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer","theme":"dark"}`, "X-Forwarded-Proto", "https").into(t, &link)
	if want := strings.Replace(s.url, "http:", "https:", 1) + "/portal#token=" + link.Token + "&theme=dark"; link.URL != want {
		t.Errorf("%s, want %s", link.URL, want)
	}
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer","theme":"dark","lang":"de-CH"}`).into(t, &link)
	if want := s.url + "/portal?lang=de-CH#token=" + link.Token + "&theme=dark"; link.URL != want {
		t.Errorf("%s, want %s", link.URL, want)
	}
	for _, wrong := range []string{`"theme":"red"`, `"lang":"de#token=x"`, `"lang":"d"`, `"lang":"` + strings.Repeat("de-", 20) + `de"`} {
		if r := s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer",`+wrong+`}`); r.status != 422 {
			t.Errorf("%s: %d %s", wrong, r.status, r.body)
		}
	}
	public := unserved(t, setup{options: func(o *Options) { o.PublicURL = "https://hooks.example.com/x/" }})
	r := httptest.NewRequest("POST", "/v1/portal-links", strings.NewReader(`{"app":"acme","role":"viewer"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+public.admin)
	w := httptest.NewRecorder()
	public.handler.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &link); err != nil || !strings.HasPrefix(link.URL, "https://hooks.example.com/x/portal#token=bh_") {
		t.Errorf("%s", w.Body)
	}
}

// TestPortalReach: what a portal link opens, and what it never does.
func TestPortalReach(t *testing.T) {
	s := open(t)
	mine, theirs := s.endpoint("acme"), s.endpoint("globex")
	s.firstAttempt(s.publish("acme").Event)
	hidden := s.firstAttempt(s.publish("globex").Event)
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"editor"}`).into(t, &link)
	for _, path := range []string{
		"/v1/session", "/v1/branding", "/v1/endpoints", "/v1/endpoints/" + mine.ID.String(), "/v1/events", "/v1/deliveries", "/v1/attempts",
		"/v1/event-types", "/v1/dialects", "/v1/apps/acme",
	} {
		if r := s.do(link.Token, "GET", path, ""); r.status != 200 || bytes.Contains(r.body, []byte("globex")) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	for path, want := range map[string]int{
		"/v1/keys": 403, "/v1/keys?kind=portal": 403, "/v1/audit": 403, "/v1/settings": 403, "/v1/apps/globex": 404,
		"/v1/events?app=globex": 422, "/v1/attempts/" + hidden.ID.String(): 404, "/v1/endpoints/" + theirs.ID.String(): 404,
	} {
		if r := s.do(link.Token, "GET", path, ""); r.status != want {
			t.Errorf("%s: %d, want %d: %s", path, r.status, want, r.body)
		}
	}
	for _, call := range []string{"POST /v1/keys", "POST /v1/portal-links", "DELETE /v1/keys/" + link.ID.String()} {
		method, path, _ := strings.Cut(call, " ")
		if r := s.do(link.Token, method, path, ""); r.status != 403 {
			t.Errorf("%s: %d %s", call, r.status, r.body)
		}
	}
	var who wire.Session
	s.do(link.Token, "GET", "/v1/session", "").into(t, &who)
	if !who.Portal || who.Key != link.ID || !slices.Equal(who.Apps, []string{"acme"}) || !who.ExpiresAt.Equal(link.ExpiresAt) {
		t.Errorf("%+v", who)
	}
}

func TestKeysByKind(t *testing.T) {
	s := open(t)
	s.signIn(s.admin)
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"editor"}`)
	for kind, want := range map[string]int{"": 3, "key": 1, "portal": 1, "session": 1} {
		var keys wire.Page[wire.Key]
		s.do(s.admin, "GET", "/v1/keys?kind="+kind, "").into(t, &keys)
		if len(keys.Data) != want {
			t.Errorf("%q: %+v", kind, keys.Data)
		}
		for _, k := range keys.Data {
			if kind != "" && string(desk.KindOf(&k.Key)) != kind {
				t.Errorf("%q: %+v", kind, k)
			}
		}
	}
	if r := s.do(s.admin, "GET", "/v1/keys?kind=other", ""); r.status != 422 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestBrandingAndSettings(t *testing.T) {
	s := open(t)
	if r := s.do("", "GET", "/v1/branding", ""); string(bytes.TrimSpace(r.body)) != `{"name":"Webhooks"}` {
		t.Errorf("%s", r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/settings", ""); string(bytes.TrimSpace(r.body)) != `{"data":[]}` {
		t.Errorf("%s", r.body)
	}
	set := wire.Setting{Name: "max_data", Value: "1MiB", Source: "BELLHOP_MAX_DATA", Description: "most"}
	s = open(t, setup{options: func(o *Options) {
		o.Branding = wire.Branding{Name: "Acme", Color: "#0b7285", Logo: "/portal/logo"}
		o.Settings = []wire.Setting{set}
	}})
	var branding wire.Branding
	s.do("", "GET", "/v1/branding", "").into(t, &branding)
	var settings wire.List[wire.Setting]
	s.do(s.admin, "GET", "/v1/settings", "").into(t, &settings)
	if branding.Name != "Acme" || len(settings.Data) != 1 || settings.Data[0] != set {
		t.Errorf("%+v %+v", branding, settings)
	}
	if r := s.do(s.key(bellhop.RoleAdmin, "acme"), "GET", "/v1/settings", ""); r.status != 403 {
		t.Errorf("an admin of one app sees the settings: %d", r.status)
	}
}
