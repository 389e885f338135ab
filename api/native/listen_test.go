package native

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/dialect"
)

const session = "a session that nobody can guess"

// ear listens at an endpoint.
type ear struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

func (s *site) listen(token string, e bellhop.EndpointID, session string) *ear {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/endpoints/"+e.String()+"/listen?session="+strings.ReplaceAll(session, " ", "+"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	x := &ear{s.t, bufio.NewScanner(resp.Body), func() { cancel(); resp.Body.Close() }} //nolint:errcheck // a test
	s.t.Cleanup(x.close)
	if resp.StatusCode != 200 || !x.lines.Scan() || !x.lines.Scan() {
		s.t.Fatalf("listen: %s", resp.Status)
	}
	return x
}

// next gives the next request.
func (x *ear) next() (r wire.ListenRequest) {
	x.t.Helper()
	for x.lines.Scan() {
		if data, ok := strings.CutPrefix(x.lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &r); err != nil {
				x.t.Fatal(err)
			}
			return r
		}
	}
	x.t.Fatalf("the stream ended: %v", x.lines.Err())
	return r
}

// listened makes an endpoint to listen at.
func (s *site) listened(app string) (e wire.NewEndpoint) {
	s.t.Helper()
	s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["`+app+`"],"url":"listen+http://localhost:3000/hook"}`).into(s.t, &e)
	return e
}

func TestListen(t *testing.T) {
	s := open(t)
	editor := s.key(bellhop.RoleEditor, "acme")
	e := s.listened("acme")
	path := "/v1/endpoints/" + e.ID.String() + "/listen"
	event := s.publish("acme").Event
	// Nobody listens: it waits, and a test says why it is not made.
	var lane wire.EndpointStats
	s.do(editor, "GET", "/v1/endpoints/"+e.ID.String()+"/stats", "").into(t, &lane)
	if !strings.Contains(lane.Lane.Held, "nobody listens at it: start 'bellhop listen --forward http://localhost:3000/hook'") {
		t.Errorf("%+v", lane.Lane)
	}
	if p := s.do(editor, "POST", "/v1/endpoints/"+e.ID.String()+"/test", "").problem(t); !strings.Contains(p.Detail, "nobody listens") {
		t.Errorf("a test: %+v", p)
	}

	x := s.listen(editor, e.ID, session)
	r := x.next()
	header := http.Header{}
	for _, f := range r.Headers {
		header.Add(f.Name, f.Value)
	}
	if r.Event != event || r.App != "acme" || r.Number != 1 || r.Method != "POST" || r.Trigger != bellhop.TriggerPublish || r.ID != r.Delivery.String()+".1" || r.TimeoutMS != 15000 {
		t.Errorf("%+v", r)
	}
	if err := dialect.Verify("standard", header, r.Body, e.Secret); err != nil {
		t.Errorf("what is handed over does not verify: %v", err)
	}
	if header.Get("Host") != "" || header.Get("Content-Length") != "" || header.Get("User-Agent") == "" {
		t.Errorf("%v", header)
	}
	answer := func(id, rest string) reply {
		return s.do(editor, "POST", path, fmt.Sprintf(`{"session":%q,"id":%q,%s}`, session, id, rest))
	}
	for body, field := range map[string]string{`"status":99`: "status", `"reason":"because"`: "reason", `"duration_ms":1`: "status", `"status":200,"body":"%"`: "body"} {
		if p := answer(r.ID, body).problem(t); p.Status != 422 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if got := answer(r.ID, `"status":201,"headers":{"X-Answer":["42"]},"body":"aGVsbG8=","duration_ms":7`); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	var at wire.Attempt
	s.do(editor, "GET", "/v1/attempts/"+s.firstAttempt(event).ID.String(), "").into(t, &at)
	if at.Status != bellhop.AttemptSucceeded || at.ResponseStatus != 201 || at.ResponseBody != "hello" || at.ResponseHeader.Get("X-Answer") != "42" || at.DurationMS != 7 {
		t.Errorf("%+v", at)
	}
	if got := answer(r.ID, `"status":201`); got.status != 404 {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}

	// The program is down: an attempt like any other.
	event = s.publish("acme").Event
	answer(x.next().ID, `"reason":"connect","detail":"nothing listens on localhost:3000: start your program"`)
	if at := s.firstAttempt(event); at.Status != bellhop.AttemptFailed || at.Reason != "connect" || at.Detail != "nothing listens on localhost:3000: start your program" || at.NextAt.IsZero() {
		t.Errorf("%+v", at)
	}
	for name, tt := range map[string]struct {
		path string
		code bellhop.Code
	}{
		"another session":  {path + "?session=another-session-entirely", bellhop.CodeConflict},
		"a short one":      {path + "?session=short", bellhop.CodeInvalid},
		"another endpoint": {"/v1/endpoints/" + s.endpoint("acme").ID.String() + "/listen?session=f3a1c0d29be84b6a", bellhop.CodeConflict},
	} {
		if p := s.do(editor, "GET", tt.path, "").problem(t); p.Code != tt.code {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestListenUntilTheEnd: a listener that goes away leaves what is on its way to the next
// one, and nobody is handed anything once its key is gone.
func TestListenUntilTheEnd(t *testing.T) {
	s := open(t)
	editor := s.key(bellhop.RoleEditor, "acme")
	e := s.listened("acme")
	first := s.listen(editor, e.ID, session)
	event := s.publish("acme").Event
	r := first.next()
	first.close()
	second := s.listen(editor, e.ID, session)
	if again := second.next(); again.ID != r.ID || again.Event != event {
		t.Errorf("handed over again: %+v", again)
	}
	s.do(s.admin, "POST", "/v1/endpoints/"+e.ID.String()+"/pause", "")
	s.do(s.admin, "DELETE", "/v1/endpoints/"+e.ID.String(), "")
	if p := s.do(editor, "POST", "/v1/endpoints/"+e.ID.String()+"/listen", `{"session":"f3a1c0d29be84b6a","id":"x","status":200}`).problem(t); p.Status != 404 {
		t.Errorf("%+v", p)
	}
}

// TestListenersOfDialectsThatVerify: nobody can listen at an endpoint before there is one.
func TestListenersOfDialectsThatVerify(t *testing.T) {
	s := open(t)
	for _, dialect := range []string{"allthings", "showpass", "standard"} {
		if r := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"listen+http://localhost:3000/","dialect":"`+dialect+`"}`); r.status != 201 {
			t.Errorf("%s: %d %s", dialect, r.status, r.body)
		}
	}
	p := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"listen+http://localhost:3000/","verify":true}`).problem(t)
	if p.Code != bellhop.CodeVerification || !strings.Contains(p.Errors[0].Detail, "nobody listens") {
		t.Errorf("asked to verify it: %+v", p)
	}
}

func TestURLsToListenAt(t *testing.T) {
	s := open(t)
	for _, url := range []string{"listen+ftp://localhost/", "listen+http://me:secret@localhost/", "listen+localhost:3000"} {
		p := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"`+url+`"}`).problem(t)
		if p.Status != 422 || p.Errors[0].Field != "url" || strings.Contains(p.Errors[0].Detail, "secret@") {
			t.Errorf("%s: %+v", url, p)
		}
	}
}
