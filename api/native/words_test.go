package native

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// TestKeysComeAlong: whoever has a key of another installation goes on with it, here.
func TestKeysComeAlong(t *testing.T) {
	s := open(t, setup{})
	const token = "bh_from_elsewhere"
	sum := sha256.Sum256([]byte(token))
	hash := hex.EncodeToString(sum[:])
	if r := s.do(token, "GET", "/v1/apps", ""); r.status != 401 {
		t.Fatalf("before: %d", r.status)
	}
	r := s.do(s.admin, "POST", "/v1/keys", `{"role":"viewer","apps":["acme"],"token_sha256":"`+strings.ToUpper(hash)+`"}`)
	var made wire.NewKey
	if r.into(t, &made); r.status != 201 || made.Token != "" || strings.Contains(string(r.body), `"token"`) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.do(token, "GET", "/v1/apps/acme", ""); r.status != 200 {
		t.Errorf("with the token: %d %s", r.status, r.body)
	}
	if p := s.do(s.admin, "POST", "/v1/keys", `{"role":"viewer","token_sha256":"`+hash+`"}`).problem(t); p.Status != 409 || p.Errors[0].Field != "token_sha256" {
		t.Errorf("again: %+v", p)
	}
	limited := s.key(bellhop.RoleAdmin, "acme")
	if r := s.do(limited, "POST", "/v1/keys", `{"role":"viewer","apps":["acme"],"token_sha256":"`+strings.Repeat("1", 64)+`"}`); r.status != 403 {
		t.Errorf("an admin of some apps: %d %s", r.status, r.body)
	}
	for _, bad := range []string{`"zz` + hash[2:] + `"`, `"12"`, `7`, `"` + strings.Repeat("0", 64) + `"`, `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`} {
		if p := s.do(s.admin, "POST", "/v1/keys", `{"role":"viewer","token_sha256":`+bad+`}`).problem(t); p.Status != 422 || p.Errors[0].Field != "token_sha256" {
			t.Errorf("%s: %+v", bad, p)
		}
	}
	if r := s.do(s.admin, "GET", "/v1/keys", ""); r.status != 200 || strings.Contains(string(r.body), hash) {
		t.Errorf("hashes are listed unasked: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/keys?hashes=true", ""); r.status != 200 || !strings.Contains(string(r.body), `"token_sha256":"`+hash+`"`) {
		t.Errorf("hashes: %d %s", r.status, r.body)
	}
	if r := s.do(limited, "GET", "/v1/keys?hashes=true", ""); r.status != 403 {
		t.Errorf("hashes for an admin of some apps: %d %s", r.status, r.body)
	}
}

// TestWordsOverTheWire: what apps, types, links and endpoints have of it goes in and out, and
// what is wrong is named.
func TestWordsOverTheWire(t *testing.T) {
	s := open(t, setup{})
	has := func(r reply, status int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if r.status != status || !strings.Contains(string(r.body), part) {
				t.Errorf("%d %s; want %d with %s", r.status, r.body, status, part)
			}
		}
	}
	has(s.do(s.admin, "PATCH", "/v1/apps/acme", `{"uid":"t.1","rate_limit":{"per_second":2,"burst":3}}`), 200, `"uid":"t.1"`, `"rate_limit":{"per_second":2,"burst":3}`)
	has(s.do(s.admin, "GET", "/v1/apps?uid=t.1", ""), 200, `"id":"acme"`)
	has(s.do(s.admin, "GET", "/v1/apps?uid=t.2", ""), 200, `"data":[]`)
	has(s.do(s.key(bellhop.RoleAdmin, "acme"), "PUT", "/v1/apps/acme", `{}`), 200, `"uid":"t.1"`)
	has(s.do(s.admin, "POST", "/v1/apps", `{"uid":"t.1"}`), 409, `"uid"`)
	has(s.do(s.admin, "PATCH", "/v1/apps/acme", `{"uid":null,"rate_limit":null}`), 200, `"id":"acme"`)
	if r := s.do(s.admin, "GET", "/v1/apps/acme", ""); strings.Contains(string(r.body), "uid") || strings.Contains(string(r.body), "rate_limit") {
		t.Errorf("cleared: %s", r.body)
	}
	for body, field := range map[string]string{
		`{"uid":"a b"}`:                              "uid",
		`{"uid":7}`:                                  "uid",
		`{"rate_limit":{"per_second":0}}`:            "rate_limit.per_second",
		`{"rate_limit":{"per_second":1e9}}`:          "rate_limit.per_second",
		`{"rate_limit":{"per_second":1,"burst":-1}}`: "rate_limit.burst",
		`{"rate_limit":5}`:                           "rate_limit",
	} {
		for _, call := range []string{"POST /v1/apps", "PUT /v1/apps/acme", "PATCH /v1/apps/acme"} {
			method, path, _ := strings.Cut(call, " ")
			if p := s.do(s.admin, method, path, body).problem(t); p.Status != 422 || p.Errors[0].Field != field {
				t.Errorf("%s with %s: %+v", call, body, p)
			}
		}
	}
	has(s.do(s.admin, "PUT", "/v1/event-types/a.b", `{"schema":{ "type":"object"},"schema_version":"2","earlier_schemas":{"1":{ "type" : "array" }},"deprecated":true,"group":"G","feature_flags":["beta"]}`),
		201, `"earlier_schemas":{"1":{ "type" : "array" }}`, `"deprecated":true`, `"group":"G"`, `"feature_flags":["beta"]`, `"schema_version":"2"`)
	for body, field := range map[string]string{
		`{"earlier_schemas":{"1":"x"},"schema":{},"schema_version":"2"}`: "earlier_schemas.1",
		`{"earlier_schemas":[]}`:   "earlier_schemas",
		`{"feature_flags":[""]}`:   "feature_flags[0]",
		`{"feature_flags":"beta"}`: "feature_flags",
		`{"schema_version":"1"}`:   "schema_version",
	} {
		if p := s.do(s.admin, "PUT", "/v1/event-types/a.b", body).problem(t); p.Status != 422 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
	link := func(flags string) string {
		t.Helper()
		var l wire.PortalLink
		s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"editor"`+flags+`}`).into(t, &l)
		return l.Token
	}
	without, with := link(""), link(`,"feature_flags":["beta"]`)
	has(s.do(without, "GET", "/v1/event-types", ""), 200, `"data":[]`)
	has(s.do(without, "GET", "/v1/event-types/a.b", ""), 404, `not_found`)
	has(s.do(with, "GET", "/v1/event-types", ""), 200, `"a.b"`)
	has(s.do(with, "GET", "/openapi.json", ""), 200, `webhook.a.b`)
	if r := s.do(without, "GET", "/openapi.json", ""); r.status != 200 || strings.Contains(string(r.body), "webhook.a.b") {
		t.Errorf("the document shows a hidden type to a link without its flag: %d", r.status)
	}
	if p := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com","secrets":[{"secret":"x"}]}`).problem(t); p.Status != 422 || p.Errors[0].Field != "secrets[0].secret" {
		t.Errorf("a secret that is none: %+v", p)
	}
}
