package svix

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testlong"
)

// TestRightsOfOperations: every route has a right, and every right a route.
func TestRightsOfOperations(t *testing.T) {
	a := &API{}
	used := map[string]bool{}
	for _, r := range a.routes() {
		used[r.ID] = true
		if _, ok := rights[r.ID]; !ok && !r.Public {
			t.Errorf("%s has no right", r.ID)
		}
	}
	for id, r := range rights {
		if !used[id] {
			t.Errorf("%s has no route", id)
		}
		desk.Roles(r.op) // panics if there is none
	}
}

// TestPortalTokens: what Svix lets the token of an app do, and no more.
func TestPortalTokens(t *testing.T) {
	s := open(t)
	app, other := s.app(`,"uid":"acme"`), s.app("")
	door, theirs := s.endpoint(app, ""), s.endpoint(other, "")
	msg := s.message(app, "")
	s.do(201, "POST", "/event-type", `{"name":"a.b","description":"x"}`)
	r := s.do(200, "POST", "/auth/app-portal-access/acme", `{"expiry":3600,"sessionId":"one"}`)
	token := r.text("token")
	if r.text("url") != "https://hooks.example.com/portal#token="+token || !strings.HasPrefix(token, "bh_") {
		t.Errorf("link: %s", r)
	}
	viewer := s.do(200, "POST", "/auth/app-portal-access/acme", `{"readOnly":true}`).text("token")
	s.do(200, "POST", "/auth/dashboard-access/acme", "")
	for _, x := range []struct {
		method, path, body string
		editor, viewer     int
	}{
		{"GET", "/app", "", 403, 403},
		{"POST", "/app", `{"name":"x"}`, 403, 403},
		{"GET", "/app/acme", "", 200, 200},
		{"GET", "/app/" + other, "", 404, 404},
		{"PUT", "/app/acme", `{"name":"x"}`, 403, 403},
		{"PATCH", "/app/acme", `{"name":"x"}`, 403, 403},
		{"DELETE", "/app/acme", "", 403, 403},
		{"GET", "/event-type", "", 200, 200},
		{"GET", "/event-type/a.b", "", 200, 200},
		{"POST", "/event-type", `{"name":"b.c","description":"x"}`, 403, 403},
		{"PUT", "/event-type/a.b", `{"description":"x"}`, 403, 403},
		{"DELETE", "/event-type/a.b", "", 403, 403},
		{"GET", "/app/acme/endpoint", "", 200, 200},
		{"GET", "/app/" + other + "/endpoint", "", 404, 404},
		{"GET", "/app/" + other + "/endpoint/" + theirs, "", 404, 404},
		{"POST", "/app/acme/endpoint", `{"url":"https://example.com/2"}`, 201, 403},
		{"PATCH", "/app/acme/endpoint/" + door, `{"description":"x"}`, 200, 403},
		{"GET", "/app/acme/endpoint/" + door + "/secret", "", 200, 403},
		{"POST", "/app/acme/endpoint/" + door + "/secret/rotate", `{}`, 204, 403},
		{"POST", "/app/acme/endpoint/" + door + "/send-example", `{"eventType":"svix.ping"}`, 403, 403},
		{"GET", "/app/acme/endpoint/" + door + "/stats", "", 200, 200},
		{"POST", "/app/acme/msg", `{"eventType":"a.b","payload":{}}`, 403, 403},
		{"GET", "/app/acme/msg", "", 200, 200},
		{"GET", "/app/acme/msg/" + msg, "", 200, 200},
		{"GET", "/app/acme/attempt/msg/" + msg, "", 200, 200},
		{"POST", "/app/acme/msg/" + msg + "/endpoint/" + door + "/resend", "", 202, 403},
		{"DELETE", "/app/acme/msg/" + msg + "/content", "", 403, 403},
		{"POST", "/auth/app-portal-access/acme", `{}`, 403, 403},
		{"GET", "/background-task", "", 403, 403},
		{"GET", "/operational-webhook/endpoint", "", 403, 403},
		{"GET", "/stream", "", 501, 501},
	} {
		for token, want := range map[string]int{token: x.editor, viewer: x.viewer} {
			if r := s.ask(token, x.method, x.path, x.body); r.status != want {
				t.Errorf("%s %s: %s, want %d", x.method, x.path, r, want)
			} else if want == 403 && r.text("code") != "insufficient access" {
				t.Errorf("%s %s: %s", x.method, x.path, r)
			}
		}
	}
	publisher := s.key(bellhop.RolePublisher, app)
	if r := s.ask(publisher, "POST", "/app/acme/msg", `{"eventType":"a.b","payload":{}}`); r.status != 202 {
		t.Errorf("a publisher of the app: %s", r)
	}
	if r := s.ask(publisher, "POST", "/app/"+other+"/msg", `{"eventType":"a.b","payload":{}}`); r.status != 404 {
		t.Errorf("a publisher of another app: %s", r)
	}
	for _, bad := range []string{`{"capabilities":["ViewBase","ManageEndpoint"]}`, `{"capabilities":["Nonsense"]}`, `{"expiry":60}`, `{"expiry":700000}`} {
		s.do(422, "POST", "/auth/app-portal-access/acme", bad)
	}
	s.do(204, "POST", "/auth/app/acme/expire-all", `{"sessionIds":["one"]}`)
	if r := s.ask(token, "GET", "/app/acme", ""); r.status != 401 {
		t.Errorf("after its end: %s", r)
	}
	if r := s.ask(viewer, "GET", "/app/acme", ""); r.status != 200 {
		t.Errorf("of another session: %s", r)
	}
	s.do(204, "POST", "/auth/app/acme/expire-all", "")
	if r := s.ask(viewer, "GET", "/app/acme", ""); r.status != 401 {
		t.Errorf("after the end of all: %s", r)
	}
}

const secret = "a secret of thirty-two bytes, about"

func signed(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// good are the claims of an organization's token, with some changes; nil removes one.
func good(change jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"iss": DefaultIssuer, "sub": DefaultOrg, "iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func tokens(t *testing.T, secret []byte) setup {
	t.Helper()
	tk, err := NewTokens(secret, DefaultIssuer, DefaultOrg, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return setup{options: func(o *Options) { o.Tokens = tk }}
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b})
}

func TestJSONWebTokens(t *testing.T) {
	s := open(t, tokens(t, []byte(secret+"\n")))
	app, other := s.app(`,"uid":"acme"`), s.app("")
	hs := func(change jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodHS256, []byte(secret), good(change))
	}
	for name, token := range map[string]string{
		"HS256": hs(nil), "HS384": signed(t, jwt.SigningMethodHS384, []byte(secret), good(nil)), "HS512": signed(t, jwt.SigningMethodHS512, []byte(secret), good(nil)),
	} {
		if r := s.ask(token, "GET", "/app", ""); r.status != 200 {
			t.Errorf("%s: %s", name, r)
		}
	}
	mine := hs(jwt.MapClaims{"sub": app, "org": DefaultOrg})
	for path, want := range map[string]int{"/app/acme": 200, "/app/" + other: 404, "/app": 403, "/app/acme/endpoint": 200} {
		if r := s.ask(mine, "GET", path, ""); r.status != want {
			t.Errorf("of an app: %s: %s", path, r)
		}
	}
	// Names are exact: what encoding/json takes for one of them is another claim.
	for _, name := range []string{"SUB", "Sub", "\u017fub"} {
		if r := s.ask(hs(jwt.MapClaims{"sub": app, "org": DefaultOrg, name: DefaultOrg}), "GET", "/app", ""); r.status != 403 {
			t.Errorf("of an app, with %s: %s", name, r)
		}
	}
	if r := s.ask(mine, "POST", "/app/acme/endpoint", `{"url":"https://example.com/"}`); r.status != 201 {
		t.Errorf("of an app: %s", r)
	}
	audit, err := s.desk.Audit(t.Context(), bellhop.Owner(), app, bellhop.AuditFilter{Action: "endpoint.create", Limit: 1})
	if err != nil || len(audit) != 1 || audit[0].Actor != "jwt:"+app {
		t.Errorf("who did it: %+v, %v", audit, err)
	}

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	twice := func(header, claims string) string {
		text := encode([]byte(header)) + "." + encode([]byte(claims))
		sig, err := jwt.SigningMethodHS256.Sign(text, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + encode(sig)
	}
	exp := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	for name, token := range map[string]string{
		"another secret":        signed(t, jwt.SigningMethodHS256, []byte("another"), good(nil)),
		"alg none":              signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)),
		"RS256":                 signed(t, jwt.SigningMethodRS256, rsaKey, good(nil)),
		"expired":               hs(jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"no expiry":             hs(jwt.MapClaims{"exp": nil}),
		"not yet":               hs(jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"from the future":       hs(jwt.MapClaims{"iat": time.Now().Add(time.Hour).Unix()}),
		"another issuer":        hs(jwt.MapClaims{"iss": "somebody"}),
		"no issuer":             hs(jwt.MapClaims{"iss": nil}),
		"another org":           hs(jwt.MapClaims{"sub": "org_another"}),
		"an app of another org": hs(jwt.MapClaims{"sub": app, "org": "org_another"}),
		"an app without an org": hs(jwt.MapClaims{"sub": app}),
		"an app that is none":   hs(jwt.MapClaims{"sub": "app_nobody", "org": DefaultOrg}),
		"no subject":            hs(jwt.MapClaims{"sub": nil}),
		"a user":                hs(jwt.MapClaims{"sub": "user_1"}),
		"too large":             hs(jwt.MapClaims{"x": strings.Repeat("x", 10_000)}),
		"a claim twice":         twice(`{"alg":"HS256","typ":"JWT"}`, `{"iss":"svix-server","sub":"org_another","sub":"`+DefaultOrg+`","exp":`+exp+`}`),
		"an algorithm twice":    twice(`{"alg":"none","alg":"HS256"}`, `{"iss":"svix-server","sub":"`+DefaultOrg+`","exp":`+exp+`}`),
		"crit":                  twice(`{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":true}`, `{"iss":"svix-server","sub":"`+DefaultOrg+`","exp":`+exp+`}`),
		"an empty crit":         twice(`{"alg":"HS256","typ":"JWT","crit":[]}`, `{"iss":"svix-server","sub":"`+DefaultOrg+`","exp":`+exp+`}`),
		"exp as a text":         hs(jwt.MapClaims{"exp": exp}),
		"exp beyond all time":   hs(jwt.MapClaims{"exp": 1e30}),
		"nbf as a text":         hs(jwt.MapClaims{"nbf": "1"}),
		"exp that is null":      twice(`{"alg":"HS256"}`, `{"iss":"svix-server","sub":"`+DefaultOrg+`","exp":null}`),
		"claims that are none":  twice(`{"alg":"HS256"}`, `[]`),
		"SUB for sub":           hs(jwt.MapClaims{"sub": nil, "SUB": DefaultOrg}),
		"Exp beside exp":        hs(jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix(), "Exp": time.Now().Add(time.Hour).Unix()}),
		"iſs beside iss":        hs(jwt.MapClaims{"iss": "somebody", "iſs": "svix-server"}),
		"not base64":            "???.???.???",
		"empty":                 "..",
		"the raw secret":        secret,
	} {
		if r := s.ask(token, "GET", "/app", ""); r.status != 401 || r.text("code") != "authentication_failed" || r.text("detail") == "" || strings.Contains(string(r.body), secret) {
			t.Errorf("%s: %s", name, r)
		}
	}
}

func TestPublicKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		key     crypto.Signer
		methods []jwt.SigningMethod
	}{
		{rsaKey, []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512}},
		{edKey, []jwt.SigningMethod{jwt.SigningMethodEdDSA}},
	} {
		public := publicPEM(t, x.key.Public())
		s := open(t, tokens(t, public))
		for _, m := range x.methods {
			if r := s.ask(signed(t, m, x.key, good(nil)), "GET", "/app", ""); r.status != 200 {
				t.Errorf("%s: %s", m.Alg(), r)
			}
		}
		// The key that everybody knows must not do as a secret.
		for _, secret := range [][]byte{public, []byte(strings.TrimSpace(string(public)))} {
			if r := s.ask(signed(t, jwt.SigningMethodHS256, secret, good(nil)), "GET", "/app", ""); r.status != 401 {
				t.Errorf("signed with the public key: %s", r)
			}
		}
		s.end()
	}
	for _, bad := range []string{"", " \n", "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := NewTokens([]byte(bad), DefaultIssuer, DefaultOrg, time.Now); err == nil {
			t.Errorf("%q is taken for a secret", bad)
		}
	}
	if _, err := NewTokens([]byte(secret), "", "nonsense", time.Now); err == nil {
		t.Error("an organization without its prefix is taken")
	}
}

func TestIdempotency(t *testing.T) {
	s := open(t)
	key := keyHeader + ": once-1"
	first := s.do(201, "POST", "/app", `{"name":"One"}`, key)
	if again := s.do(201, "POST", "/app", `{"name":"Another"}`, key); string(again.body) != string(first.body) {
		t.Errorf("again: %s", again)
	}
	if other := s.do(201, "POST", "/app", `{"name":"Another"}`, keyHeader+": once-2"); other.text("id") == first.text("id") {
		t.Errorf("another key: %s", other)
	}
	admin := s.key(bellhop.RoleAdmin)
	if r := s.ask(admin, "POST", "/app", `{"name":"Theirs"}`, key); r.text("name") != "Theirs" {
		t.Errorf("another's: %s", r)
	}
	// What has failed is forgotten.
	s.do(422, "POST", "/app", `{"name":""}`, keyHeader+": failed")
	s.do(201, "POST", "/app", `{"name":"Now"}`, keyHeader+": failed")
	// Whoever is let in no more is told nothing.
	keys, err := s.desk.Keys(t.Context(), bellhop.Owner(), desk.KeyFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.desk.DeleteKey(t.Context(), bellhop.Owner(), keys[0].ID); err != nil {
		t.Fatal(err)
	}
	if r := s.ask(admin, "POST", "/app", `{"name":"Theirs"}`, key); r.status != 401 {
		t.Errorf("a key that has ended: %s", r)
	}

	app := first.text("id")
	path, body := "/app/"+app+"/msg", `{"eventType":"a.b","payload":{"n":1}}`
	var wg sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		wg.Go(func() { got[i] = s.ask(s.admin, "POST", path, body, key).text("id") })
	}
	wg.Wait()
	for _, id := range got {
		if id == "" || id != got[0] {
			t.Fatalf("at once: %v", got)
		}
	}
	if r := s.do(200, "GET", path+"/"+got[0], ""); r.has("eventId") != nil {
		t.Errorf("its key is shown as its eventId: %s", r)
	}
	withID := `{"eventType":"a.b","payload":{},"eventId":"e-1"}`
	one := s.do(202, "POST", path, withID, keyHeader+": e-1")
	if two := s.do(202, "POST", path, withID, keyHeader+": e-1"); two.text("id") != one.text("id") {
		t.Errorf("with an eventId: %s", two)
	}
	s.do(409, "POST", path, withID, keyHeader+": e-2")

	// A message is one after a restart, too, whatever its body.
	s.end()
	s.start()
	for _, b := range []string{body, `{"eventType":"c.d","payload":{"n":2}}`} {
		if r := s.do(202, "POST", path, b, key); r.text("id") != got[0] || r.text("eventType") != "a.b" {
			t.Errorf("after a restart: %s", r)
		}
	}
	// And so is all else, unless its app is gone.
	if again := s.do(201, "POST", "/app", `{"name":"Another"}`, key); string(again.body) != string(first.body) {
		t.Errorf("an app after a restart: %s", again)
	}
	if again := s.do(202, "POST", path, withID, keyHeader+": e-1"); again.text("id") != one.text("id") {
		t.Errorf("with an eventId after a restart: %s", again)
	}
	s.do(409, "POST", path, withID, keyHeader+": e-2")
	if again := s.do(201, "POST", "/app", `{"name":"Now"}`, keyHeader+": failed"); again.text("name") != "Now" {
		t.Errorf("after a failure and a restart: %s", again)
	}
	if n := len(ids(s.do(200, "GET", path, ""))); n != 2 {
		t.Errorf("there are %d messages", n)
	}
	// After twelve hours a key is another one.
	s.api.now = func() time.Time { return time.Now().Add(13 * time.Hour) }
	later := s.do(202, "POST", path, body, keyHeader+": once-1", "X-Nothing: 1")
	if later.text("id") != got[0] {
		t.Logf("a new message: %s", later)
	}
}

// An answer is for an app and an endpoint, and not for whatever bears their names later.
func TestKeysOfNames(t *testing.T) {
	s := open(t)
	key := keyHeader + ": once-1"
	const path, message, url = "/app/q", `{"eventType":"a.b","payload":{"secret":1}}`, `{"url":"https://example.com/in","uid":"e"}`
	type made struct{ app, msg, door, withID string }
	make := func() (m made) {
		m.app = s.do(201, "POST", "/app", `{"name":"Q","uid":"q"}`, key).text("id")
		m.msg = s.do(202, "POST", path+"/msg", message, key).text("id")
		m.withID = s.do(202, "POST", path+"/msg", `{"eventType":"a.b","payload":{},"eventId":"e-1"}`, keyHeader+": e-1").text("id")
		m.door = s.do(201, "POST", path+"/endpoint", url, key).text("id")
		return m
	}
	first := make()
	if again := make(); again != first {
		t.Errorf("again: %v, want %v", again, first)
	}
	rotate := path + "/endpoint/e/secret/rotate"
	secret := func() string { return s.do(200, "GET", path+"/endpoint/e/secret", "").text("key") }
	s.do(204, "POST", rotate, `{}`, key)
	rotated := secret()
	if s.do(204, "POST", rotate, `{}`, key); secret() != rotated {
		t.Error("a secret is rotated twice")
	}
	s.do(204, "DELETE", path+"/endpoint/e", "")
	s.do(201, "POST", path+"/endpoint", url)
	fresh := secret()
	if s.do(204, "POST", rotate, `{}`, key); secret() == fresh {
		t.Error("the secret of another endpoint was rotated")
	}

	s.do(204, "DELETE", path, "")
	s.do(404, "POST", path+"/msg", message, key)
	s.do(404, "POST", "/app/"+first.app+"/msg", message, key)
	second := make()
	if second.app == first.app || second.msg == first.msg || second.door == first.door || second.withID == first.withID {
		t.Errorf("of another app: %v, as before: %v", second, first)
	}
	if again := make(); again != second {
		t.Errorf("again: %v, want %v", again, second)
	}

	// A message that brings its app along is one, too.
	const brought = `{"eventType":"a.b","payload":{},"eventId":"e-1","application":{"name":"R","uid":"r"}}`
	one := s.do(202, "POST", "/app/r/msg", brought, key)
	if two := s.do(202, "POST", "/app/r/msg", brought, key); two.text("id") != one.text("id") {
		t.Errorf("with its app: %s", two)
	}
	// What is erased is not answered again.
	s.do(204, "DELETE", path+"/msg/"+second.msg+"/content", "")
	if r := s.do(202, "POST", path+"/msg", message, key); r.text("id") != second.msg || strings.Contains(string(r.body), "secret") {
		t.Errorf("erased: %s", r)
	}

	// A link is the same until it has ended.
	link := func() string { return s.do(200, "POST", "/auth/app-portal-access/q", `{}`, key).text("token") }
	token := link()
	if link() != token {
		t.Error("a repeated request made another link")
	}
	s.do(204, "POST", "/auth/app/q/expire-all", `{}`)
	if next := link(); next == token || s.ask(next, "GET", path, "").status != 200 {
		t.Error("the link has ended")
	}
}

// What the bounds say is what is held.
func TestMemoryCountsAll(t *testing.T) {
	testlong.Only(t)
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, size := range []int{10, 500, 30_000} {
		m := newMemory(time.Now, nil, nil, nil)
		before := held()
		for n := range 3 * mostRemembered {
			x := &remembered{done: make(chan struct{}), token: sha256.Sum256([]byte{byte(n % 40)}), key: sha256.Sum256(fmt.Append(nil, n))}
			m.mu.Lock()
			m.of[x.key] = x
			m.keep(x, &answer{at: time.Now(), body: bytes.Clone(make([]byte, size)), contentType: "application/json"})
			m.mu.Unlock()
		}
		if n := held() - before; n > mostBytes+1<<20 || m.all.bytes > mostBytes {
			t.Errorf("answers of %d bytes take %d, and are counted as %d", size, n, m.all.bytes)
		}
		runtime.KeepAlive(m)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Now()
	m := newMemory(func() time.Time { return now }, nil, nil, nil)
	keep := func(token, n int, size int) {
		x := &remembered{done: make(chan struct{})}
		x.token[0], x.token[1] = byte(token), byte(token>>8)
		x.key = x.token
		x.key[2], x.key[3], x.key[4] = byte(n), byte(n>>8), byte(n>>16)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.of[x.key] = x
		m.keep(x, &answer{at: now, body: make([]byte, size)})
	}
	for n := range mostOfOne + 10 {
		keep(1, n, 10)
	}
	if n := m.own[[32]byte{1}].Len(); n != mostOfOne || len(m.of) != mostOfOne {
		t.Errorf("of one token %d are kept, %d in all", n, len(m.of))
	}
	for n := range 2 * mostBytesOfOne / largestAnswer {
		keep(2, n, largestAnswer)
	}
	if b := m.own[[32]byte{2}].bytes; b > mostBytesOfOne {
		t.Errorf("%d bytes of one token are kept", b)
	}
	for token := range 20 {
		for n := range mostOfOne {
			keep(10+token, n, 10)
		}
	}
	if m.all.Len() > mostRemembered || m.all.bytes > mostBytes || len(m.of) != m.all.Len() {
		t.Errorf("%d answers and %d bytes are kept", m.all.Len(), m.all.bytes)
	}
	now = now.Add(rememberedFor)
	keep(3, 0, 10)
	if len(m.of) != 1 || len(m.own) != 1 {
		t.Errorf("after twelve hours %d are kept, of %d tokens", len(m.of), len(m.own))
	}
}

func TestOperationalWebhooks(t *testing.T) {
	s := open(t)
	path := "/operational-webhook/endpoint"
	r := s.do(201, "POST", path, `{"url":"https://ops.example.com/","uid":"ops","eventTypes":["endpoint.disabled","message.attempt.exhausted"],"headers":{"X-Team":"ops"}}`)
	id := r.text("id")
	if r.has("eventTypes.0") != "message.attempt.exhausted" && r.has("eventTypes.0") != "endpoint.disabled" || r.text("uid") != "ops" {
		t.Errorf("made: %s", r)
	}
	if r := s.do(200, "GET", path+"/ops", ""); r.text("id") != id {
		t.Errorf("by its uid: %s", r)
	}
	if got := s.walkBoth(path, 1); len(got) != 1 || got[0] != id {
		t.Errorf("listed: %v", got)
	}
	if r := s.do(200, "GET", path+"/ops/headers", ""); r.text("headers.X-Team") != "ops" {
		t.Errorf("headers: %s", r)
	}
	s.do(204, "PUT", path+"/ops/headers", `{"headers":{}}`)
	old := s.do(200, "GET", path+"/ops/secret", "").text("key")
	s.do(204, "POST", path+"/ops/secret/rotate", `{}`)
	if now := s.do(200, "GET", path+"/ops/secret", "").text("key"); now == old {
		t.Error("its secret is the same")
	}
	if r := s.do(200, "PUT", path+"/ops", `{"url":"https://ops.example.com/all"}`); r.has("eventTypes") != nil {
		t.Errorf("all types: %s", r)
	}
	s.do(422, "POST", path, `{"url":"https://ops.example.com/","eventTypes":["invoice.paid"]}`)
	// What happens to an endpoint of an app is told.
	s.net.status = func(d delivered) int {
		if strings.Contains(d.url, "gone") {
			return 410
		}
		return 200
	}
	app := s.app("")
	s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://gone.example.com/"}`)
	s.message(app, "")
	s.eventually("the operator is told", func() bool {
		for _, d := range s.net.requests() {
			if strings.Contains(d.url, "/all") && strings.Contains(string(d.body), `{"type":"endpoint.disabled","data":{"appId":"`+app+`"`) {
				return true
			}
		}
		return false
	})
	s.do(204, "DELETE", path+"/ops", "")
	s.do(404, "GET", path+"/ops", "")
}

// TestOperationalTypes: the types that can be chosen are those that the dialect tells.
func TestOperationalTypes(t *testing.T) {
	d, err := dialect.Lookup(operationalDialect)
	if err != nil || !maps.Equal(d.Definition().Types, operational) {
		t.Errorf("the dialect tells %v, %v", d.Definition().Types, err)
	}
}

// TestAbsent: what Bellhop does not do is said in JSON, to those who are let in.
func TestAbsent(t *testing.T) {
	s := open(t)
	for line := range strings.Lines(absentPaths) {
		pattern, _, ok := strings.Cut(strings.TrimSpace(line), " | ")
		if !ok {
			continue
		}
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = "GET", pattern
		}
		path = strings.NewReplacer("{app_id}", "a", "{endpoint_id}", "e", "…", "/below").Replace(path)
		if !strings.HasPrefix(path, prefix) {
			continue
		}
		r := s.ask(s.admin, method, strings.TrimPrefix(path, prefix), "")
		if r.status != 501 || r.text("code") != "not_implemented" || r.text("detail") == "" {
			t.Errorf("%s %s: %s", method, path, r)
		}
	}
}
