package svix

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

// The code that was written is what is read, and it runs while it is enabled.
func TestTransformation(t *testing.T) {
	s := open(t)
	app := s.app("")
	path := "/app/" + app + "/endpoint/" + s.endpoint(app, "") + "/transformation"
	shows := func(code any, enabled bool) {
		t.Helper()
		if r := s.do(200, "GET", path, ""); r.has("code") != code || r.has("enabled") != enabled {
			t.Errorf("it shows %s, want %v, %v", r, code, enabled)
		}
	}
	sends := func(want string) {
		t.Helper()
		before := len(s.net.requests())
		s.message(app, "")
		s.eventually("it is delivered", func() bool { return len(s.net.requests()) > before })
		if got := string(s.net.requests()[before].body); got != want {
			t.Errorf("it sends %s, want %s", got, want)
		}
	}
	patch := func(status int, body any) reply {
		t.Helper()
		text, _ := json.Marshal(body)
		return s.do(status, "PATCH", path, string(text))
	}
	type fields map[string]any

	shows(nil, false)
	patch(204, fields{})
	patch(204, fields{"enabled": false})
	shows(nil, false)
	code := "// <é>  \r\n\tfunction handler(webhook) {\n  webhook.payload = { n: webhook.payload.total }; return webhook }\n\n"
	patch(204, fields{"code": code, "variables": map[string]string{}})
	shows(code, false)
	sends(`{"total":1}`)
	patch(204, fields{"enabled": true, "variables": nil})
	shows(code, true)
	sends(`{"n":1}`)
	other := "function handler(w) { w.payload = 'other'; return w }"
	patch(204, fields{"code": other})
	shows(other, true)
	sends("other")
	patch(204, fields{"enabled": false})
	shows(other, false)
	sends(`{"total":1}`)

	// Bad code changes nothing, and is named with its place.
	for bad, want := range map[string]string{
		"function handler(w) {\n  return w ) }":          "2:12",
		"function transform(e) { return { body: 1 } }":   "no function handler",
		"function handler(w) { return w }" + longComment: "at most 65536",
		"": "is missing",
	} {
		r := patch(422, fields{"code": bad, "enabled": true})
		if detail := r.text("detail.0.msg"); !strings.Contains(detail, want) || r.has("detail.0.loc.1") != "code" {
			t.Errorf("%.40q: %s, want %s", bad, r, want)
		}
		shows(other, false)
	}
	for _, bad := range []string{
		`{"code":1}`, `{"enabled":"yes"}`, `{"variables":{"A":"b"}}`, `{"variables":[]}`, `{"source":"x"}`, `[]`,
		`{"code":null,"enabled":true}`,
	} {
		s.do(422, "PATCH", path, bad)
		shows(other, false)
	}
	s.do(400, "PATCH", path, `{"code":`)
	patch(204, fields{"code": nil})
	shows(nil, false)
	patch(422, fields{"enabled": true})
	s.do(404, "GET", strings.Replace(path, "/endpoint/", "/endpoint/x", 1), "")
	s.do(404, "PATCH", strings.Replace(path, "/endpoint/", "/endpoint/x", 1), `{"enabled":false}`)
}

var longComment = strings.Repeat("/", 64<<10)

// A script that was written natively is shown as it is, and keeps its function.
func TestTransformationMadeNatively(t *testing.T) {
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	path := "/app/" + app + "/endpoint/" + door + "/transformation"
	var i bellhop.EndpointID
	if err := i.UnmarshalText([]byte(door)); err != nil {
		t.Fatal(err)
	}
	native := func() *bellhop.Transform {
		e, err := s.desk.Endpoint(t.Context(), bellhop.Principal{Role: bellhop.RoleAdmin, Scope: bellhop.Everything()}, i)
		if err != nil {
			t.Fatal(err)
		}
		return e.Transform
	}
	code := "function transform(e) { return { body: { made: e.type } } }"
	_, err := s.desk.UpdateEndpoint(t.Context(), bellhop.Principal{Role: bellhop.RoleAdmin, Scope: bellhop.Everything()}, i, bellhop.EndpointChange{
		Transform: bellhop.Of(&bellhop.Transform{Code: code, OnError: bellhop.OnErrorFail}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.do(200, "GET", path, ""); r.has("code") != code || r.has("enabled") != true {
		t.Errorf("it shows %s", r)
	}
	s.do(204, "PATCH", path, `{"enabled":false}`)
	if x := native(); *x != (bellhop.Transform{Code: code, OnError: bellhop.OnErrorFail, Disabled: true}) {
		t.Errorf("disabled: %+v", x)
	}
	s.do(204, "PATCH", path, `{"enabled":true,"code":"`+code+`"}`)
	if x := native(); *x != (bellhop.Transform{Code: code, OnError: bellhop.OnErrorFail}) {
		t.Errorf("written back: %+v", x)
	}
	s.do(204, "PATCH", path, `{"code":"function handler(w) { return w }"}`)
	if x := native(); *x != (bellhop.Transform{Code: "function handler(w) { return w }", Function: bellhop.FunctionHandler, OnError: bellhop.OnErrorFail}) {
		t.Errorf("written anew: %+v", x)
	}
}

// The rights of a portal link are those that it has for the endpoint's url.
func TestTransformationRights(t *testing.T) {
	s := open(t)
	app, other := s.app(`,"uid":"acme"`), s.app("")
	path := "/app/" + app + "/endpoint/" + s.endpoint(app, "") + "/transformation"
	editor := s.do(200, "POST", "/auth/app-portal-access/acme", `{}`).text("token")
	viewer := s.do(200, "POST", "/auth/app-portal-access/acme", `{"readOnly":true}`).text("token")
	stranger := s.do(200, "POST", "/auth/app-portal-access/"+other, `{}`).text("token")
	const set = `{"code":"function handler(w) { return w }","enabled":true}`
	for _, tt := range []struct {
		token      string
		get, patch int
	}{{editor, 200, 204}, {viewer, 200, 403}, {stranger, 404, 404}, {s.key(bellhop.RolePublisher), 403, 403}, {"", 401, 401}} {
		if r := s.ask(tt.token, "PATCH", path, set); r.status != tt.patch {
			t.Errorf("patch: %s, want %d", r, tt.patch)
		}
		if r := s.ask(tt.token, "GET", path, ""); r.status != tt.get {
			t.Errorf("get: %s, want %d", r, tt.get)
		}
	}
	if r := s.ask(viewer, "GET", path, ""); r.text("code") != bellhop.Hidden || r.has("enabled") != true {
		t.Errorf("a viewer sees %s", r)
	}
}
