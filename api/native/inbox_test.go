package native

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// withInboxes turns inboxes on. Their address is not this server's, whose port is
// not known yet; deliveries don't need it, and tests send to the path.
var withInboxes = setup{config: func(c *engine.Config) { c.InboxURL = "http://127.0.0.1:8420/in/" }}

func (s *site) inbox(app string) wire.Inbox {
	s.t.Helper()
	var in wire.Inbox
	s.do(s.admin, "POST", "/v1/inboxes", `{"app":"`+app+`"}`).into(s.t, &in)
	return in
}

func (s *site) look(token, inbox string) wire.InboxContent {
	s.t.Helper()
	var content wire.InboxContent
	s.do(token, "GET", "/v1/inboxes/"+inbox, "").into(s.t, &content)
	return content
}

func TestInbox(t *testing.T) {
	s := open(t, withInboxes)
	editor, viewer := s.key(bellhop.RoleEditor, "acme"), s.key(bellhop.RoleViewer, "acme")
	var in wire.Inbox
	r := s.do(editor, "POST", "/v1/inboxes", `{"app":"acme","expires_in":"10m"}`)
	r.into(t, &in)
	if r.status != 201 || in.App != "acme" || in.AnswerStatus != 200 || in.Capacity != 100 || in.URL != "http://127.0.0.1:8420/in/"+in.Token {
		t.Errorf("%d %s", r.status, r.body)
	}
	var e wire.NewEndpoint
	s.do(editor, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"`+in.URL+`","headers":{"X-Api-Token":"door-code"}}`).into(t, &e)
	s.firstAttempt(s.publish("acme").Event)
	content := s.look(editor, in.Token)
	if len(content.Requests) != 1 || content.Received != 1 {
		t.Fatalf("%+v", content)
	}
	got := content.Requests[0]
	if got.Signature == nil || !got.Signature.Verified || got.Signature.Endpoint != e.ID || !strings.Contains(got.Body, `{"total":1}`) || got.Headers.Get("X-Api-Token") != "door-code" {
		t.Errorf("%+v %+v", got, got.Signature)
	}
	if v := s.look(viewer, in.Token).Requests[0]; v.Headers.Get("X-Api-Token") != desk.Hidden || v.Headers.Get("Webhook-Id") == "" {
		t.Errorf("a viewer sees %v", v.Headers)
	}
	if later := s.look(viewer, in.Token+"?after=1"); len(later.Requests) != 0 || later.Received != 1 {
		t.Errorf("after the last one: %+v", later)
	}

	for _, body := range []string{`{"answer_status":199}`, `{"answer_status":600}`, `{"answer_status":"500"}`} {
		if p := s.do(editor, "PATCH", "/v1/inboxes/"+in.Token, body).problem(t); p.Status != 422 || p.Errors[0].Field != "answer_status" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	s.do(editor, "PATCH", "/v1/inboxes/"+in.Token, `{"answer_status":503}`).into(t, &in)
	if r := s.do("", "PUT", "/in/"+in.Token+"/a/b?c=d", "hello", "X-Mine", "1", "Cookie", "bellhop_session=bh_x", "Authorization", "Bearer "+editor); r.status != 503 || string(r.body) != "Request 2 of this inbox.\n" {
		t.Errorf("%d %s", r.status, r.body)
	}
	got = s.look(editor, in.Token).Requests[0]
	if got.Method != "PUT" || got.Path != "/in/"+in.Token+"/a/b?c=d" || got.Body != "hello" || got.Answered != 503 || got.Headers.Get("X-Mine") != "1" || got.Headers.Get("Content-Length") != "5" || got.Headers.Get("Host") == "" {
		t.Errorf("%+v", got)
	}
	if got.Signature == nil || got.Signature.Verified || !strings.Contains(got.Signature.Detail, "webhook-signature is missing") {
		t.Errorf("%+v", got.Signature)
	}
	// What would let its readers act as the sender.
	if got.Headers.Get("Cookie") != desk.Hidden || got.Headers.Get("Authorization") != desk.Hidden {
		t.Errorf("%v", got.Headers)
	}
	var list wire.List[wire.Inbox]
	s.inbox("globex")
	s.do(viewer, "GET", "/v1/inboxes", "").into(t, &list)
	if len(list.Data) != 1 || list.Data[0].Token != in.Token {
		t.Errorf("%+v", list)
	}
	if r := s.do(editor, "DELETE", "/v1/inboxes/"+in.Token, ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do("", "POST", "/in/"+in.Token, "x"); r.status != 410 || !strings.Contains(string(r.body), "no such inbox") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if log := s.log.String(); strings.Contains(log, in.Token) {
		t.Error("the log holds the inbox's token")
	}
}

// An endpoint of two apps: who reaches one of them sees the events of that one.
func TestSharedInbox(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme","globex"],"url":"`+in.URL+`"}`)
	s.firstAttempt(s.publish("globex").Event)
	s.firstAttempt(s.publish("acme").Event)
	if n := len(s.look(s.admin, in.Token).Requests); n != 2 {
		t.Errorf("an admin sees %d requests", n)
	}
	if n := len(s.look(s.key(bellhop.RoleEditor, "acme"), in.Token).Requests); n != 1 {
		t.Errorf("an editor of one app sees %d requests", n)
	}
}

// TestWhatAnEndpointSentOnceStaysHidden: an endpoint's own headers stay hidden from
// viewers when it has other ones, or is gone.
func TestWhatAnEndpointSentOnceStaysHidden(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	var e bellhop.Endpoint
	s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"`+in.URL+`","headers":{"x-token":"hush","user-agent":"hush"}}`).into(t, &e)
	logged := s.firstAttempt(s.publish("acme").Event)
	viewer := s.key(bellhop.RoleViewer, "acme")
	check := func(when string) {
		t.Helper()
		for _, r := range s.look(viewer, in.Token).Requests {
			if r.Headers.Get("X-Token") != desk.Hidden || r.Headers.Get("User-Agent") != desk.Hidden || r.Headers.Get("Webhook-Id") == desk.Hidden || r.Headers.Get("Host") == desk.Hidden {
				t.Errorf("%s, in the inbox: %v", when, r.Headers)
			}
		}
		var at wire.Attempt
		s.do(viewer, "GET", "/v1/attempts/"+logged.ID.String(), "").into(t, &at)
		// The log has the names as they were sent.
		hidden := []string{desk.Hidden}
		if h := map[string][]string(at.RequestHeader); !slices.Equal(h["x-token"], hidden) || !slices.Equal(h["user-agent"], hidden) || slices.Equal(h["webhook-id"], hidden) || !slices.Equal(h["Content-Type"], []string{"application/json"}) {
			t.Errorf("%s, in the log: %v", when, h)
		}
		if got := s.look(s.admin, in.Token).Requests[0].Headers.Get("X-Token"); got != "hush" {
			t.Errorf("%s, an admin: %q", when, got)
		}
	}
	check("as it was")
	s.do(s.admin, "PATCH", "/v1/endpoints/"+e.ID.String(), `{"headers":{"x-other":"s"}}`)
	check("with another header")
	s.do(s.admin, "DELETE", "/v1/endpoints/"+e.ID.String(), "")
	check("deleted")
}

func TestInboxesOff(t *testing.T) {
	s := open(t)
	for _, call := range []string{
		`POST /v1/inboxes {"app":"acme"}`, "GET /v1/inboxes ", "GET /v1/inboxes/aaaaaaaaaaaaaaaaaaaaaaaaaa ", "DELETE /v1/inboxes/a ",
		`PATCH /v1/inboxes/aaaaaaaaaaaaaaaaaaaaaaaaaa {"answer_status":200}`,
	} {
		parts := strings.SplitN(call, " ", 3)
		if p := s.do(s.admin, parts[0], parts[1], parts[2]).problem(t); p.Status != 409 || p.Code != bellhop.CodeInboxesOff || !strings.Contains(p.Detail, "--inbox") {
			t.Errorf("%s: %+v", call, p)
		}
	}
	if p := s.do("", "POST", "/in/aaaaaaaaaaaaaaaaaaaaaaaaaa", "{}").problem(t); p.Status != 404 {
		t.Errorf("%+v", p)
	}
}

func TestHostileInboxRequests(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	path := "/in/" + in.Token
	other := path[:len(path)-1] + "x"
	if other == path {
		other = path[:len(path)-1] + "y"
	}

	r := s.do("", "POST", path, strings.Repeat("x", 10<<20))
	if got := s.look(s.admin, in.Token).Requests[0]; r.status != 200 || !got.Truncated || len(got.Body) != 256<<10 {
		t.Errorf("10 MB: %d %s; kept %d", r.status, r.body, len(got.Body))
	}
	s.do("", "POST", path, "\xff\xfe")
	if got := s.look(s.admin, in.Token).Requests[0]; got.Body != "" || !bytes.Equal(got.BodyBase64, []byte("\xff\xfe")) {
		t.Errorf("%+v", got)
	}
	for _, tt := range []struct {
		what   string
		reply  reply
		status int
	}{
		{"a header bomb", s.do("", "POST", path, "", "X-Bomb", strings.Repeat("x", 20<<10)), 431},
		{"a long path", s.do("", "POST", path+"/"+strings.Repeat("x", 5<<10), ""), 414},
		{"another token", s.do("", "POST", other, ""), 410},
		{"an upper-case token", s.do("", "POST", "/in/"+strings.ToUpper(in.Token), ""), 410},
		{"a token and more", s.do("", "GET", path+"@evil.example", ""), 410},
		{"an empty token", s.do("", "GET", "/in/", ""), 404},
		{"OPTIONS", s.do("", "OPTIONS", path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"), 200},
	} {
		h := tt.reply.header
		if tt.reply.status != tt.status {
			t.Errorf("%s: %d %s", tt.what, tt.reply.status, tt.reply.body)
		}
		if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Set-Cookie") != "" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %v", tt.what, h)
		}
		if ct := h.Get("Content-Type"); tt.status != 404 && ct != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s", tt.what, ct)
		}
	}

	// A sender that announces more than it sends.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.1 400" {
		t.Errorf("half a body: %q, %v", answer, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}

	// Many at once, of which most are refused: nothing but the newest is kept.
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				resp, err := http.Post(s.url+path, "text/plain", strings.NewReader("flood"))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close() //nolint:errcheck // a test
			}
		})
	}
	wg.Wait()
	if got := s.look(s.admin, in.Token); len(got.Requests) > 100 || got.Received > 200 {
		t.Errorf("%d kept of %d", len(got.Requests), got.Received)
	}
}

// TestProgrammedInbox: what an inbox answers is seen by a delivery and by whoever sends
// from outside, and cannot act as a page of the dashboard.
func TestProgrammedInbox(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	s.do(s.admin, "PATCH", "/v1/inboxes/"+in.Token, `{"answer_status":202,"answer_body":"{\"pin\":\"4711\"}","answer_headers":{"Content-Type":"application/json","X-Mine":"1"},"fail_first":1,"fail_status":429}`).into(t, &in)
	if in.AnswerStatus != 202 || in.AnswerBody != `{"pin":"4711"}` || in.FailFirst != 1 || in.FailLeft != 1 || in.FailStatus != 429 {
		t.Errorf("%+v", in)
	}
	if r := s.do("", "POST", "/in/"+in.Token, "x"); r.status != 429 {
		t.Errorf("the first: %d %s", r.status, r.body)
	}
	r := s.do("", "POST", "/in/"+in.Token, "x")
	if r.status != 202 || string(r.body) != `{"pin":"4711"}` || r.header.Get("X-Mine") != "1" || r.header.Get("Content-Type") != "application/json" ||
		!strings.HasSuffix(r.header.Get("Content-Security-Policy"), "sandbox") || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the second: %d %s %v", r.status, r.body, r.header)
	}
	s.do(s.admin, "PATCH", "/v1/inboxes/"+in.Token, `{"answer_delay":"1ms"}`).into(t, &in)
	if r := s.do("", "POST", "/in/"+in.Token, "x"); r.status != 202 || in.AnswerDelay.String() != "1ms" {
		t.Errorf("a slow one: %d %s", r.status, r.body)
	}
	for body, field := range map[string]string{
		`{"answer_delay":"31s"}`:                                  "answer_delay",
		`{"answer_headers":{"Set-Cookie":"a=b"}}`:                 "answer_headers.Set-Cookie",
		`{"answer_headers":{"Content-Type":"text/html"}}`:         "answer_headers.Content-Type",
		`{"fail_status":200}`:                                     "fail_status",
		`{"fail_first":-1}`:                                       "fail_first",
		`{"answer_body":"` + strings.Repeat("x", 16<<10+1) + `"}`: "answer_body",
		`{"delay":"1s"}`:                                          "delay",
	} {
		if p := s.do(s.admin, "PATCH", "/v1/inboxes/"+in.Token, body).problem(t); p.Status != 422 || p.Errors[0].Field != field {
			t.Errorf("%.60s: %+v", body, p)
		}
	}
	var reset wire.Inbox
	s.do(s.admin, "PATCH", "/v1/inboxes/"+in.Token, `{"answer_status":null,"answer_body":null,"answer_headers":null,"answer_delay":null,"fail_first":null,"fail_status":null}`).into(t, &reset)
	if reset.AnswerStatus != 200 || reset.AnswerBody != "" || reset.AnswerHeaders != nil || reset.AnswerDelay != 0 || reset.FailFirst != 0 || reset.FailStatus != 500 {
		t.Errorf("reset: %+v", reset)
	}
}
