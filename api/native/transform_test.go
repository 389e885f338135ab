package native

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

func TestTransformationsOverHTTP(t *testing.T) {
	s := open(t)
	editor := s.key(bellhop.RoleEditor, "globex")
	test := func(body string) (out wire.TransformTested) {
		s.do(editor, "POST", "/v1/transformations/test", body).into(t, &out)
		return out
	}
	out := test(`{"code":"function transform(e) { console.log(1, 'two'); return { method: 'PUT', headers: { 'X-A': 'b' }, body: e.data } }",
		"endpoint":{"url":"https://hooks.example.com/x"},"event":{"type":"a.b","data":{"n":1}}}`)
	if r := out.Request; r == nil || r.Method != "PUT" || r.URL != "https://hooks.example.com/x" || r.Body != `{"n":1}` || out.Error != nil || out.Skipped {
		t.Fatalf("%+v", out)
	}
	if names := headerNames(out.Request.Headers); !strings.HasPrefix(names, "Host User-Agent Content-Length") || !strings.Contains(names, "X-A") || !strings.Contains(names, "webhook-signature") {
		t.Errorf("headers %s", names)
	}
	if len(out.Logs) != 1 || out.Logs[0] != "1 two" || out.DurationMS <= 0 || out.Used <= 0 || !strings.Contains(out.Original, `"type":"a.b"`) {
		t.Errorf("%+v", out)
	}
	out = test(`{"code":"function transform(e) {\n  return e.data.a.b }"}`)
	if e := out.Error; e == nil || *e != (wire.TransformError{Reason: "transform", Message: "TypeError: cannot read property 'b' of undefined", Line: 2, Column: 18}) || out.Request != nil {
		t.Errorf("%+v", out.Error)
	}
	for code, reason := range map[string]string{
		"function transform(":                                      "transform",
		"function transform() { for (;;); }":                       "transform_timeout",
		"function transform() { return { body: 'x'.repeat(1e9) }}": "transform_memory",
		"function transform() {}":                                  "transform_result",
	} {
		if out = test(`{"code":"` + code + `"}`); out.Error == nil || out.Error.Reason != reason {
			t.Errorf("%s: %+v", code, out.Error)
		}
	}
	if out = test(`{"code":"function transform() { return { skip: 'not now' } }"}`); !out.Skipped || out.SkipReason != "not now" || out.Error != nil {
		t.Errorf("%+v", out)
	}
	out = test(`{"code":"function handler(w) { w.headers.a = w.url; return w }","function":"handler","endpoint":{"url":"https://hooks.example.com/x"},"event":{"type":"a.b","data":{"n":1.0}}}`)
	if r := out.Request; r == nil || r.Method != "POST" || r.Body != `{"n":1.0}` || out.Error != nil {
		t.Errorf("a handler: %+v", out)
	}
	for body, field := range map[string]string{
		`{"code":""}`:                                                              "code",
		`{"code":"x","function":"main"}`:                                           "function",
		`{"code":"x","endpoint":{"url":"http://x.com"}}`:                           "endpoint.url",
		`{"code":"x","event":{"type":"no type"}}`:                                  "type",
		`{"code":"x","event":{},"event_id":"` + bellhop.EventID(5).String() + `"}`: "event",
		`{"code":"x","app":"acme"}`:                                                "app",
	} {
		if p := s.do(editor, "POST", "/v1/transformations/test", body).problem(t); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if p := s.do(s.key(bellhop.RoleViewer, "globex"), "POST", "/v1/transformations/test", `{"code":"x"}`).problem(t); p.Status != 403 {
		t.Errorf("a viewer: %+v", p)
	}
	var e bellhop.Endpoint
	s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["globex"],"url":"https://example.com/","transform":{"code":"function transform() { return { body: 1 } }","on_error":"fail"}}`).into(t, &e)
	if e.Transform == nil || !strings.HasPrefix(e.Transform.Code, "function") || e.Transform.OnError != bellhop.OnErrorFail {
		t.Errorf("%+v", e.Transform)
	}
	p := s.do(s.admin, "PATCH", "/v1/endpoints/"+e.ID.String(), `{"transform":{"code":"function transform() {"}}`).problem(t)
	if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "transform.code" || p.Errors[0].Code != "transform" || !strings.HasPrefix(p.Errors[0].Detail, "1:2") {
		t.Errorf("%+v", p)
	}
}

func TestSessionSaysWhoWritesTransformations(t *testing.T) {
	for writers, want := range map[desk.Writers]string{desk.WritersEditors: "admin editor", desk.WritersAdmins: "admin", desk.WritersNobody: ""} {
		s := open(t, setup{desk: func(o *desk.Options) { o.Transformations = writers }})
		var may []string
		for _, role := range []bellhop.Role{bellhop.RoleAdmin, bellhop.RoleEditor, bellhop.RoleViewer} {
			var session wire.Session
			s.do(s.key(role, "globex"), "GET", "/v1/session", "").into(t, &session)
			if session.Features.Transformations {
				may = append(may, string(role))
			}
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("%s: %s", writers, got)
		}
	}
}

// TestSlowScriptsDelayNoNeighbour has an app publish what its script never ends on, far more
// than is worked off soon. Another app's deliveries, plain and transformed, go out meanwhile.
func TestSlowScriptsDelayNoNeighbour(t *testing.T) {
	s := open(t)
	endpoint := func(app, code string) {
		transform := "null"
		if code != "" {
			transform = `{"code":"function transform(e) { ` + code + ` }"}`
		}
		var e bellhop.Endpoint
		s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["`+app+`"],"url":"https://example.com/","concurrency":6,"transform":`+transform+`}`).into(t, &e)
	}
	publish := func(app string) {
		var r wire.Receipt
		s.do(s.admin, "POST", "/v1/events", `{"app":"`+app+`","type":"a.b","data":{"n":1}}`).into(t, &r)
	}
	for range 5 {
		endpoint("acme", "for (;;);")
	}
	endpoint("globex", "")
	endpoint("globex", "return { body: e.data }")
	const slow, calm = 60, 40
	for range slow {
		publish("acme")
	}
	began := time.Now()
	for range calm {
		publish("globex")
		<-s.net.got
		<-s.net.got
	}
	t.Logf("%d calm deliveries took %s", 2*calm, time.Since(began))
	list, err := s.desk.Attempts(t.Context(), bellhop.Owner(), "acme", bellhop.AttemptFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) >= slow*5 {
		t.Errorf("%d slow scripts have ended: that proves nothing", len(list))
	}
	for _, a := range list {
		if a.Reason != bellhop.ReasonTransformTimeout {
			t.Errorf("%+v", a)
		}
	}
}

func headerNames(headers []wire.Header) string {
	var names []string
	for _, h := range headers {
		names = append(names, h.Name)
	}
	return strings.Join(names, " ")
}
