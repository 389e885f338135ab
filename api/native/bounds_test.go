package native

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// TestEachKeyHasItsOwnRate: other keys do not count, nor do portal links that were made
// with it. Its sessions do: anybody could start more of them.
func TestEachKeyHasItsOwnRate(t *testing.T) {
	s, _ := timed(t, setup{options: func(o *Options) { o.KeyRate = 5 }}) // time stands still
	other := s.key(bellhop.RoleViewer)
	cookie := s.signIn(s.admin)
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"viewer"}`).into(t, &link)
	for range 4 {
		if r := s.do(s.admin, "GET", "/v1/apps", ""); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"a.b","data":1}`)
	if p := r.problem(t); p.Status != 429 || p.Code != bellhop.CodeTooMany || r.header.Get("Retry-After") != "1" {
		t.Errorf("the sixth request: %s", r.body)
	}
	for name, r := range map[string]reply{
		"another key":     s.do(other, "GET", "/v1/apps", ""),
		"its portal link": s.do(link.Token, "GET", "/v1/apps", ""),
		"nobody":          s.do("", "GET", "/healthz", ""),
	} {
		if r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := s.do("", "GET", "/v1/apps", "", "Cookie", cookie); r.status != 429 {
		t.Errorf("its session: %d %s", r.status, r.body)
	}
}

func TestEachKeyHasItsOwnStreams(t *testing.T) {
	s := open(t, setup{options: func(o *Options) { o.Streams.OfKey = 1 }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, _ := s.follow(ctx, s.admin, "")
	defer resp.Body.Close() //nolint:errcheck // a test
	r := s.do(s.admin, "GET", "/v1/stream", "")
	if p := r.problem(t); p.Status != 429 || p.Code != bellhop.CodeTooMany || r.header.Get("Retry-After") == "" {
		t.Errorf("a second stream: %s", r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/stream?app=nobody", ""); r.status != 429 && r.status != 422 {
		t.Errorf("%d %s", r.status, r.body)
	}
	other, _ := s.follow(ctx, s.key(bellhop.RoleViewer), "")
	defer other.Body.Close() //nolint:errcheck // a test
}

func TestEndpointsOfAnAppAreBounded(t *testing.T) {
	s := open(t, setup{desk: func(o *desk.Options) { o.MaxEndpoints = 2 }})
	create := func(token string) reply {
		return s.do(token, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com"}`)
	}
	create(s.admin)
	create(s.admin)
	if p := create(s.admin).problem(t); p.Status != 409 || p.Code != bellhop.CodeConflict || !strings.Contains(p.Detail, "2") {
		t.Errorf("a third endpoint: %+v", p)
	}
	limited := s.key(bellhop.RoleAdmin, "acme")
	for _, most := range []string{"0", "3"} {
		s.do(s.admin, "PATCH", "/v1/apps/acme", `{"max_endpoints":2}`)
		for _, method := range []string{"PATCH", "PUT"} {
			if r := s.do(limited, method, "/v1/apps/acme", `{"max_endpoints":`+most+`}`); r.status != 403 {
				t.Errorf("%s of max_endpoints %s: %d %s", method, most, r.status, r.body)
			}
		}
		if r := s.do(limited, "PUT", "/v1/apps/acme", `{"name":"Acme"}`); r.status != 200 || !strings.Contains(string(r.body), `"max_endpoints":2`) {
			t.Errorf("PUT without max_endpoints: %d %s", r.status, r.body)
		}
		if r := s.do(s.admin, "PUT", "/v1/apps/acme", `{}`); r.status != 200 || strings.Contains(string(r.body), "max_endpoints") {
			t.Errorf("PUT by an operator: %d %s", r.status, r.body)
		}
	}
	if r := s.do(limited, "PATCH", "/v1/apps/acme", `{"max_endpoints":3}`); r.status != 403 {
		t.Errorf("an admin of one app raises its bound: %d %s", r.status, r.body)
	}
	var app bellhop.App
	s.do(s.admin, "PATCH", "/v1/apps/acme", `{"max_endpoints":3}`).into(t, &app)
	if r := create(limited); app.MaxEndpoints != 3 || r.status != 201 {
		t.Errorf("%+v; a third endpoint: %d %s", app, r.status, r.body)
	}
	app = bellhop.App{}
	s.do(limited, "PUT", "/v1/apps/acme", `{"name":"Acme"}`).into(t, &app)
	if app.Name != "Acme" || app.MaxEndpoints != 3 {
		t.Errorf("an admin of one app replaced its bound: %+v", app)
	}
	app = bellhop.App{}
	s.do(s.admin, "PATCH", "/v1/apps/acme", `{"max_endpoints":null}`).into(t, &app)
	if app.MaxEndpoints != 0 {
		t.Errorf("reset: %+v", app)
	}
	s.do(s.admin, "POST", "/v1/apps", `{"id":"initech","max_endpoints":7}`).into(t, &app)
	if app.MaxEndpoints != 7 {
		t.Errorf("created: %+v", app)
	}
	for _, bad := range []string{`{"max_endpoints":-1}`, `{"max_endpoints":100001}`, `{"max_endpoints":"7"}`} {
		for _, call := range []string{"POST /v1/apps", "PUT /v1/apps/acme", "PATCH /v1/apps/acme"} {
			method, path, _ := strings.Cut(call, " ")
			if p := s.do(s.admin, method, path, bad).problem(t); p.Status != 422 || p.Errors[0].Field != "max_endpoints" {
				t.Errorf("%s with %s: %+v", call, bad, p)
			}
		}
	}
}

// slow is a receiver that answers when it is told to.
type slow struct {
	http.RoundTripper
	asked, answer chan struct{}
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked <- struct{}{}
	<-s.answer
	return s.RoundTripper.RoundTrip(r)
}

func TestTestsAreBounded(t *testing.T) {
	receiver := slow{asked: make(chan struct{}), answer: make(chan struct{})}
	s := open(t, setup{config: func(c *engine.Config) {
		receiver.RoundTripper = c.Transport
		c.Transport = receiver
		c.MaxTrials = 1
	}})
	e, other := s.endpoint("acme"), s.endpoint("globex")
	first := make(chan reply)
	go func() { first <- s.do(s.admin, "POST", "/v1/endpoints/"+e.ID.String()+"/test", "") }()
	<-receiver.asked
	r := s.do(s.admin, "POST", "/v1/endpoints/"+other.ID.String()+"/test", "")
	if p := r.problem(t); p.Status != 429 || p.Code != bellhop.CodeTooMany || r.header.Get("Retry-After") == "" {
		t.Errorf("a second test: %s", r.body)
	}
	close(receiver.answer)
	if r := <-first; r.status != 200 {
		t.Errorf("the first test: %d %s", r.status, r.body)
	}
}
