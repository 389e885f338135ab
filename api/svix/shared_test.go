package svix

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// shared makes an endpoint of several apps, as it is made natively.
func (s *site) shared(apps []bellhop.AppTerms, retry []bellhop.Duration) bellhop.Endpoint {
	s.t.Helper()
	names, terms := bellhop.SplitTerms(apps)
	e, _, err := s.desk.CreateEndpoint(s.t.Context(), bellhop.Owner(), bellhop.EndpointChange{
		URL: bellhop.Of("https://example.com/in"), Dialect: bellhop.Of(DefaultDialect), Apps: bellhop.Of(names), Terms: bellhop.Of(terms),
		Events: bellhop.Of([]string{"bb.x"}), Retry: bellhop.Of(bellhop.RetryPolicy{Delays: retry}),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// What is replayed by the path of one app are its messages, not those of the others that have
// the endpoint.
func TestReplayOfSharedEndpoint(t *testing.T) {
	for name, retry := range map[string][]bellhop.Duration{"given up": {}, "waiting": {bellhop.Duration(24 * time.Hour)}} {
		for _, verb := range []string{"recover", "replay-missing", "bulk-replay", `bulk-replay","status":2`, `bulk-replay","status":3`} {
			t.Run(name+" "+verb, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				s.net.status = func(delivered) int { return 404 }
				since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
				apps := []string{s.app(""), s.app("")}
				publish := func(what string) {
					for i, app := range apps {
						s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"bb.x","payload":{"of":"`+[]string{"A", "B"}[i]+" "+what+`"}}`)
					}
				}
				publish("missing")
				e := s.shared([]bellhop.AppTerms{{App: apps[0]}, {App: apps[1]}}, retry)
				publish("failed")
				s.eventually("both have failed", func() bool {
					for _, app := range apps {
						if !strings.Contains(string(s.do(200, "GET", "/app/"+app+"/attempt/endpoint/"+e.ID.String(), "").body), `"responseStatusCode":404`) {
							return false
						}
					}
					return true
				})
				s.net.mu.Lock()
				before := len(s.net.got)
				s.net.status = nil
				s.net.mu.Unlock()
				path, more, _ := strings.Cut(verb, `"`)
				task := s.do(202, "POST", "/app/"+apps[0]+"/endpoint/"+e.ID.String()+"/"+path, `{"since":"`+since+`"`+more+`}`).text("id")
				var ended reply
				s.eventually("it has ended", func() bool {
					ended = s.do(200, "GET", "/background-task/"+task, "")
					return ended.text("status") != "running"
				})
				want, _ := ended.has("data.messagesSent").(float64)
				waits, asked := name == "waiting", more
				least := map[string]float64{"recover": 1, "replay-missing": 1, "bulk-replay": 2}[path]
				switch {
				case path == "recover" && waits, asked == `,"status":2` && waits, asked == `,"status":3` && !waits:
					least = 0
				case asked != "" || path == "bulk-replay" && waits: // what waits is not copied
					least = 1
				}
				if want != least || ended.text("status") != "finished" {
					t.Errorf("%s, want %v", ended, least)
				}
				s.eventually("all has arrived", func() bool { return len(s.net.requests()) >= before+int(want) })
				s.end() // nothing more comes
				for _, r := range s.net.requests()[before:] {
					if strings.Contains(string(r.body), "B ") {
						t.Errorf("a message of another app was sent: %s", r.body)
					}
				}
			})
		}
	}
}

// By the path of one app, an endpoint is shown as it is for that app, and is not changed
// where that would change it for others.
func TestSharedEndpoint(t *testing.T) {
	s := open(t)
	s.do(201, "POST", "/event-type", `{"name":"aa.y","description":"","schemas":{"1":{"type":"object"}}}`)
	a, b := s.app(""), s.app("")
	e := s.shared([]bellhop.AppTerms{{App: a, Events: []string{"aa.*", "aa.b"}}, {App: b}}, nil)
	message := s.do(202, "POST", "/app/"+a+"/msg", `{"eventType":"aa.y","payload":{}}`).text("id")
	for app, want := range map[string]string{a: `["aa.*","aa.b"]`, b: `["bb.x"]`} {
		for path, at := range map[string]string{"/endpoint/" + e.ID.String(): "eventTypes", "/endpoint": "data.0.filterTypes"} {
			if r := s.do(200, "GET", "/app/"+app+path, ""); string(mustJSON(r.has(at))) != want {
				t.Errorf("%s: %s, want %s", path, r, want)
			}
		}
	}
	s.eventually("it is shown with its message", func() bool {
		r := s.do(200, "GET", "/app/"+a+"/msg/"+message+"/endpoint", "")
		return string(mustJSON(r.has("data.0.eventTypes"))) == `["aa.*","aa.b"]`
	})
	door := "/endpoint/" + e.ID.String()
	editor := s.key(bellhop.RoleEditor, b)
	for _, x := range []struct{ method, path, body string }{
		{"PATCH", "", `{"eventTypes":null}`},
		{"PATCH", "", `{"disabled":true}`},
		{"PATCH", "", `{"description":"mine"}`},
		{"PUT", "", `{"url":"https://example.com/in"}`},
		{"DELETE", "", ""},
		{"PUT", "/headers", `{"headers":{"X-A":"1"}}`},
		{"PATCH", "/headers", `{"headers":{"X-A":"1"}}`},
		{"POST", "/secret/rotate", `{}`},
		{"PATCH", "/transformation", `{"code":"function handler(w) { return w }"}`},
	} {
		for _, app := range []string{a, b} {
			r := s.ask(s.admin, x.method, "/app/"+app+door+x.path, x.body)
			if r.status != 409 || r.text("code") != "conflict" || !strings.Contains(r.text("detail"), "PATCH /v1/endpoints/"+e.ID.String()) {
				t.Errorf("%s %s %s: %s", x.method, x.path, x.body, r)
			}
		}
		if r := s.ask(editor, x.method, "/app/"+b+door+x.path, x.body); r.status != 403 {
			t.Errorf("by one who reaches one app: %s %s %s: %s", x.method, x.path, x.body, r)
		}
	}
	after, err := s.desk.Endpoint(t.Context(), bellhop.Owner(), e.ID)
	if err != nil || !after.UpdatedAt.Equal(e.UpdatedAt) || len(after.Terms) != 1 {
		t.Errorf("afterwards: %+v, %v", after, err)
	}
	// A test is a message of the app by whose path it is sent.
	for _, app := range []string{a, b} {
		sent := s.do(200, "POST", "/app/"+app+door+"/send-example", `{"eventType":"aa.y"}`).text("id")
		s.do(200, "GET", "/app/"+app+"/msg/"+sent, "")
	}
}

// What an endpoint has for its one app in particular is changed natively; everything else is
// changed here, and nothing is lost by it.
func TestEndpointWithTermsOfItsApp(t *testing.T) {
	s := open(t)
	a := s.app("")
	e := s.shared([]bellhop.AppTerms{{App: a, Events: []string{"aa.z", "aa.*"}}}, nil)
	path := "/app/" + a + "/endpoint/" + e.ID.String()
	for method, body := range map[string]string{"PATCH": `{"eventTypes":null}`, "PUT": `{"url":"https://example.com/in"}`} {
		if r := s.ask(s.admin, method, path, body); r.status != 409 || !strings.Contains(r.text("detail"), "natively") {
			t.Errorf("%s %s: %s", method, body, r)
		}
	}
	for method, body := range map[string]string{
		"PATCH": `{"description":"new"}`, "PUT": `{"url":"https://example.com/in","description":"new","eventTypes":["aa.z","aa.*"]}`,
	} {
		if r := s.do(200, method, path, body); r.text("description") != "new" || string(mustJSON(r.has("eventTypes"))) != `["aa.z","aa.*"]` {
			t.Errorf("%s %s: %s", method, body, r)
		}
	}
	after, err := s.desk.Endpoint(t.Context(), bellhop.Owner(), e.ID)
	if err != nil || !slices.Equal(after.Events, []string{"bb.x"}) || len(after.Terms) != 1 || !slices.Equal(after.Terms[0].Events, []string{"aa.z", "aa.*"}) {
		t.Errorf("afterwards: %+v, %v", after, err)
	}
	s.do(204, "DELETE", path, "")
}

// An app that there is not is said so by everything that names one, with a body or without.
func TestExpungeOfNoApp(t *testing.T) {
	s := open(t)
	a := s.app("")
	for _, body := range []string{`{"ids":[]}`, `{"ids":["evt_nobody"]}`} {
		if r := s.ask(s.admin, "POST", "/app/nobody/msg/bulk-expunge", body); r.status != 404 {
			t.Errorf("%s: %s", body, r)
		}
		s.do(200, "POST", "/app/"+a+"/msg/bulk-expunge", body)
	}
	for _, body := range []string{`{}`, `{"ids":null}`} {
		if r := s.do(422, "POST", "/app/"+a+"/msg/bulk-expunge", body); r.at() != "body.ids" {
			t.Errorf("%s: %s", body, r)
		}
	}
}
