package svix

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestFront(t *testing.T) {
	s := open(t)
	app := s.app("")
	for _, x := range []struct {
		token, method, path string
		status              int
		code                string
	}{
		{"", "GET", "/app", 401, "authentication_failed"},
		{"bh_nobody", "GET", "/app", 401, "authentication_failed"},
		{"a.b.c", "GET", "/app", 401, "authentication_failed"},
		{s.admin, "GET", "/nothing", 404, "not_found"},
		{s.admin, "GET", "/app//endpoint", 404, "not_found"},
		{s.admin, "GET", "/app/" + app + "/nothing/here", 404, "not_found"},
		{s.admin, "GET", "/app/nobody", 404, "not_found"},
		{s.admin, "DELETE", "/app", 405, "method_not_allowed"},
		{s.admin, "POST", "/app/" + app, 405, "method_not_allowed"},
		{s.admin, "GET", "/stream", 501, "not_implemented"},
		{"", "GET", "/stream", 401, "authentication_failed"},
		{s.admin, "POST", "/auth/logout", 501, "not_implemented"},
		{s.admin, "GET", "/app/", 200, ""},
		{s.admin, "GET", "/app/" + app + "/", 200, ""},
		{"", "GET", "/health/", 200, ""},
		{"", "GET", "/health/ping", 204, ""},
		{"", "GET", "/health/ping/", 204, ""},
		{"", "HEAD", "/health", 200, ""},
		{s.admin, "HEAD", "/app/" + app, 200, ""},
	} {
		r := s.ask(x.token, x.method, x.path, "")
		if r.status != x.status || x.code != "" && (r.text("code") != x.code || r.text("detail") == "") {
			t.Errorf("%s %s: %s, want %d %s", x.method, x.path, r, x.status, x.code)
		}
		if r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s: CORS: %v", x.method, x.path, r.header)
		}
	}
	for _, body := range []string{`{"name":`, `{"name":"x"}}`, `{"name":"x","name":"y"}`, "{\"name\":\"\xff\"}"} {
		if r := s.do(400, "POST", "/app", body); r.text("code") != "generic_error" || r.text("detail") == "" {
			t.Errorf("%q: %s", body, r)
		}
	}
	r := s.ask("", "OPTIONS", "/app", "", "Origin: https://portal.example.com", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type,idempotency-key,svix-req-id")
	if r.status != 204 || r.header.Get("Access-Control-Allow-Headers") != "authorization,content-type,idempotency-key,svix-req-id" || r.header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("asked before: %d %v", r.status, r.header)
	}
	// Clients in Go send no body in chunks, without a type.
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/auth/dashboard-access/"+app, struct{ io.Reader }{strings.NewReader("")})
	req.Header.Set("Authorization", "Bearer "+s.admin)
	w := httptest.NewRecorder()
	if s.api.ServeHTTP(w, req); w.Code != 200 || req.ContentLength != -1 {
		t.Errorf("no body, in chunks: %d %s", w.Code, w.Body)
	}
	// A session's cookie, which a browser adds by itself, lets nobody in.
	_, token, err := s.desk.StartSession(t.Context(), bellhop.Key{ID: 1, Role: bellhop.RoleAdmin, Scope: bellhop.Everything()}, "")
	if err == nil {
		if r := s.ask("", "GET", "/app", "", "Cookie: bellhop_session="+token); r.status != 401 {
			t.Errorf("by a cookie: %s", r)
		}
	}
}

// The page of the document is where its relative addresses lead from.
func TestDocsWithASlash(t *testing.T) {
	s := open(t)
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/docs/", nil))
	if w.Code != 308 || w.Header().Get("Location") != "../docs" {
		t.Errorf("%d, to %q", w.Code, w.Header().Get("Location"))
	}
}
