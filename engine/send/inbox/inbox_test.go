package inbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const base = "http://127.0.0.1:8420/in/"

// room is a registry, its clock, and the endpoints that there are.
type room struct {
	*Registry
	t      *testing.T
	now    time.Time
	sealer *meddler
	table  *routes.Table
	routes []*routes.Route
}

// meddler is a sealer during which something else happens.
type meddler struct {
	bellhop.Sealer
	meanwhile func()
	broken    error
}

func (m *meddler) Open(sealed []byte, context string) ([]byte, error) {
	if f := m.meanwhile; f != nil {
		m.meanwhile = nil
		f()
	}
	if m.broken != nil {
		return nil, m.broken
	}
	return m.Sealer.Open(sealed, context)
}

func open(t *testing.T) *room {
	t.Helper()
	sealer, err := bellhop.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	h := &room{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), sealer: &meddler{Sealer: sealer}}
	clock := func() time.Time { return h.now }
	h.Registry, err = New(base, Options{
		Sealer: h.sealer, Now: clock,
		Routes: func(_, app string) []*routes.Route {
			var of []*routes.Route
			for _, r := range h.routes {
				if (bellhop.Scope{Apps: r.Apps}).Sees(app) {
					of = append(of, r)
				}
			}
			return of
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	github, err := dialect.Lookup("github")
	if err != nil {
		t.Fatal(err)
	}
	h.table = routes.New(routes.Options{Sealer: sealer, Now: clock, Dialects: []*dialect.Dialect{github}})
	return h
}

func (h *room) wait(d time.Duration) { h.now = h.now.Add(d) }

func (h *room) inbox(app string, expiresIn time.Duration) Inbox {
	h.t.Helper()
	in, err := h.Add(app, bellhop.Duration(expiresIn))
	if err != nil {
		h.t.Fatal(err)
	}
	return in
}

// endpoint makes one of dialect github for the apps.
func (h *room) endpoint(url, secret string, apps ...string) *routes.Route {
	h.t.Helper()
	id := bellhop.EndpointID(len(h.routes) + 1)
	r := h.table.Compile(bellhop.Endpoint{
		ID: id, Apps: apps, URL: url, Dialect: "github", Status: bellhop.EndpointActive,
		Secrets: []bellhop.Secret{{Sealed: h.sealer.Seal([]byte(secret), id.String()), CreatedAt: h.now}},
	})
	if why := r.Broken(); why != "" {
		h.t.Fatal(why)
	}
	h.routes = append(h.routes, r)
	return r
}

// arrived gives what an inbox keeps, newest first.
func (h *room) arrived(token string) []*Request {
	h.t.Helper()
	_, requests, err := h.Look(token, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return requests
}

// send sends a request to an inbox from outside.
func (h *room) send(token, body string, header http.Header) int {
	h.t.Helper()
	answer, err := h.Receive(token, Request{Method: "POST", Path: "/in/" + token, Header: header},
		func() ([]byte, bool, error) { return []byte(body), false, nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status
}

// deliver brings an event of an app to an inbox by way of an endpoint.
func (h *room) deliver(token, app, body string, event bellhop.EventID, from *routes.Route) int {
	return h.Deliver(token, Request{App: app, Method: "POST", Header: http.Header{}, Body: []byte(body)}, event, from).Status
}

// signed gives the header of a request of dialect github.
func signed(t *testing.T, body, secret string) http.Header {
	t.Helper()
	d, err := dialect.Lookup("github")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		t.Fatal(err)
	}
	r, err := signer.Render(dialect.Message{ID: "evt_1", Data: []byte(body), Timestamp: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for _, x := range r.Headers {
		header.Add(x.Name, x.Value)
	}
	return header
}

func TestInboxes(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	if in.URL != base+in.Token || in.Answer.Status != 200 || in.ExpiresAt.Sub(in.CreatedAt) != time.Hour || in.Capacity != 100 {
		t.Errorf("%+v", in)
	}
	if token, ok := h.Token(in.URL + "/shop?x=1"); !ok || token != in.Token {
		t.Errorf("the token of its URL: %q, %v", token, ok)
	}
	globex := h.inbox("globex", 0)
	for _, tt := range []struct {
		scope bellhop.Scope
		want  []string
	}{
		{bellhop.Everything(), []string{globex.Token, in.Token}}, // newest first
		{bellhop.Only("acme", "other"), []string{in.Token}},
		{bellhop.Scope{}, nil},
	} {
		list, err := h.List(tt.scope)
		if err != nil || len(list) != len(tt.want) {
			t.Errorf("%+v: %d inboxes, %v", tt.scope, len(list), err)
			continue
		}
		for i := range list {
			if list[i].Token != tt.want[i] {
				t.Errorf("%+v: inbox %d is of %s", tt.scope, i, list[i].App)
			}
		}
	}
	h.send(in.Token, "a", http.Header{})
	h.wait(time.Second)
	h.send(in.Token, "b", http.Header{"X-Mine": {"1"}})
	seen, later, err := h.Look(in.Token, 1)
	if err != nil || seen.Received != 2 || len(later) != 1 {
		t.Fatalf("after 1: %d requests of %+v, %v", len(later), seen, err)
	}
	if r := later[0]; r.ID != 2 || r.App != "acme" || !r.At.Equal(h.now) || r.Method != "POST" || r.Path != "/in/"+in.Token ||
		string(r.Body) != "b" || r.Truncated || r.Answered != 200 || r.Header.Get("X-Mine") != "1" || r.Signature != nil {
		t.Errorf("%+v", r)
	}
	if gone, ok := h.Take(in.Token); !ok || gone.App != "acme" {
		t.Errorf("took %+v, %v", gone, ok)
	}
	if _, ok := h.Take(in.Token); ok {
		t.Error("took it twice")
	}
}

func TestAnswers(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	for status, want := range map[int]string{200: "Request ", 204: "", 205: "", 304: "", 500: "Request "} {
		if changed, err := h.Answer(in.Token, AnswerChange{Status: bellhop.Of(status)}); err != nil || changed.Answer.Status != status {
			t.Fatalf("%+v, %v", changed, err)
		}
		got, err := h.Receive(in.Token, Request{Header: http.Header{}}, func() ([]byte, bool, error) { return nil, false, nil })
		if err != nil || got.Status != status || !strings.HasPrefix(got.Text, want) || want == "" && got.Text != "" {
			t.Errorf("answers %+v, %v", got, err)
		}
		if r := h.arrived(in.Token)[0]; r.Answered != status {
			t.Errorf("kept as answered %d", r.Answered)
		}
	}
	for _, status := range []int{-1, 199, 600} {
		if _, err := h.Answer(in.Token, AnswerChange{Status: bellhop.Of(status)}); bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, err := h.Answer("aaaaaaaaaaaaaaaaaaaaaaaaaa", AnswerChange{}); !bellhop.IsNotFound(err) {
		t.Errorf("an inbox that there is not: %v", err)
	}

	broke := errors.New("it broke off")
	if _, err := h.Receive(in.Token, Request{}, func() ([]byte, bool, error) { return nil, false, broke }); !errors.Is(err, broke) {
		t.Errorf("a body that broke off: %v", err)
	}
	if n := len(h.arrived(in.Token)); n != 5 {
		t.Errorf("%d requests are kept", n)
	}
}

// An inbox that ended answers 410: one that has expired, one that was deleted, one
// whose app was, and those of the process before.
func TestInboxEnds(t *testing.T) {
	for name, end := range map[string]func(*room, Inbox){
		"expired":     func(h *room, _ Inbox) { h.wait(time.Minute) },
		"swept":       func(h *room, _ Inbox) { h.wait(time.Minute); h.Sweep(h.now) },
		"deleted":     func(h *room, in Inbox) { h.Take(in.Token) },
		"app deleted": func(h *room, _ Inbox) { h.ForgetApp("acme") },
		"restarted":   func(h *room, _ Inbox) { h.Registry = open(h.t).Registry },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			in := h.inbox("acme", time.Minute)
			e := h.endpoint(in.URL, "a secret of mine", "acme")
			h.send(in.Token, "x", http.Header{})
			end(h, in)
			gone := h.Deliver(in.Token, Request{App: "acme", Header: http.Header{}}, 1, e)
			if gone.Status != 410 || !strings.Contains(gone.Text, "There is no such inbox") {
				t.Errorf("%+v", gone)
			}
			if h.send(in.Token, "x", http.Header{}) != 410 {
				t.Error("it still takes requests from outside")
			}
			_, find := h.Find(in.Token)
			_, _, look := h.Look(in.Token, 0)
			if !bellhop.IsNotFound(find) || !bellhop.IsNotFound(look) {
				t.Errorf("looking for it: %v, %v", find, look)
			}
			if list, err := h.List(bellhop.Everything()); err != nil || len(list) != 0 {
				t.Errorf("listed: %v, %v", list, err)
			}
			h.Sweep(h.now)
			if h.bytes != 0 || len(h.live) != 0 {
				t.Errorf("%d inboxes with %d bytes are left", len(h.live), h.bytes)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	if h.send(in.Token, "x", http.Header{}) != 200 || h.arrived(in.Token)[0].Signature != nil {
		t.Error("a signature was checked although no endpoint sends here")
	}
	const secret = "a secret of mine"
	e := h.endpoint(in.URL+"/shop", secret, "acme")
	h.endpoint("https://example.com/", "of another URL", "acme")
	h.endpoint(in.URL, "of another app", "globex")
	h.endpoint(h.inbox("acme", 0).URL, "of another inbox", "acme")
	last := func() Signature {
		t.Helper()
		s := h.arrived(in.Token)[0].Signature
		if s == nil || s.Endpoint != e.ID || s.Dialect != "github" || strings.Contains(s.Detail, secret) {
			t.Fatalf("signature %+v", s)
		}
		return *s
	}
	h.send(in.Token, "{}", http.Header{})
	if s := last(); s.Verified || !strings.Contains(s.Detail, "The header X-Hub-Signature-256 is missing.") {
		t.Errorf("unsigned: %+v", s)
	}
	h.send(in.Token, `{"n":1}`, signed(t, `{"n":1}`, secret))
	if s := last(); !s.Verified || s.Detail != "The signature verifies: dialect github, with the secret made at 2026-03-01T12:00:00Z." {
		t.Errorf("signed with the endpoint's secret: %+v", s)
	}
	for _, other := range []string{"another secret", "of another URL", "of another app", "of another inbox"} {
		h.send(in.Token, `{"n":1}`, signed(t, `{"n":1}`, other))
		if s := last(); s.Verified || !strings.Contains(s.Detail, "The signature does not match") {
			t.Errorf("signed with %s: %+v", other, s)
		}
	}
	if _, err := h.Receive(in.Token, Request{Header: signed(t, "x", secret)}, func() ([]byte, bool, error) { return []byte("x"), true, nil }); err != nil {
		t.Fatal(err)
	}
	if s, r := last(), h.arrived(in.Token)[0]; s.Verified || !r.Truncated || !strings.Contains(s.Detail, "longer than 1048576 bytes") {
		t.Errorf("a body that goes on: %+v", s)
	}
	h.sealer.broken = errors.New("no key")
	h.send(in.Token, "{}", signed(t, "{}", secret))
	if s := last(); s.Verified || !strings.Contains(s.Detail, "cannot be opened") {
		t.Errorf("with secrets that cannot be opened: %+v", s)
	}
}

// TestSecretsThatEnded: what a receiver should not accept any more does not verify.
func TestSecretsThatEnded(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	e := h.endpoint(in.URL, "new", "acme").Endpoint
	e.Secrets = append(e.Secrets, bellhop.Secret{
		Sealed: h.sealer.Seal([]byte("old"), e.ID.String()), CreatedAt: h.now.Add(-time.Hour), ExpiresAt: h.now.Add(time.Minute),
	})
	h.routes = []*routes.Route{h.table.Compile(e)}
	for _, want := range []bool{true, false} {
		h.send(in.Token, "{}", signed(t, "{}", "old"))
		if s := h.arrived(in.Token)[0].Signature; s.Verified != want || want && !strings.Contains(s.Detail, "made at 2026-03-01T11:00:00Z") {
			t.Errorf("want verified %v: %+v", want, s)
		}
		h.wait(time.Minute)
	}
}

// TestTheNewestEndpointsAreChecked: each check hashes the whole body, and whoever has
// the token can make some.
func TestTheNewestEndpointsAreChecked(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	for i := range 5 {
		h.endpoint(in.URL, fmt.Sprintf("the secret of endpoint %d", i), "acme")
	}
	for i, e := range h.routes {
		h.send(in.Token, "{}", signed(t, "{}", fmt.Sprintf("the secret of endpoint %d", i)))
		want := Signature{Verified: true, Endpoint: e.ID}
		if i < 2 {
			want = Signature{Endpoint: h.routes[4].ID}
		}
		if s := h.arrived(in.Token)[0].Signature; s.Verified != want.Verified || s.Endpoint != want.Endpoint {
			t.Errorf("signed by endpoint %d: %+v", i, s)
		}
	}
}

// TestErasingARequestOnItsWay: it must not come to light in the inbox afterwards.
func TestErasingARequestOnItsWay(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	e := h.endpoint(in.URL, "a secret of mine", "acme")
	h.deliver(in.Token, "acme", "stays", 1, e)
	h.sealer.meanwhile = func() { h.Forget(map[bellhop.EventID]bool{2: true}) } // while the signature is checked
	if got := h.deliver(in.Token, "acme", "goes", 2, e); got != 200 {
		t.Errorf("answered %d", got)
	}
	h.deliver(in.Token, "acme", "is kept, and then goes", 3, e)
	h.Forget(map[bellhop.EventID]bool{3: true, 4: false})
	h.deliver(in.Token, "acme", "stays as well", 4, e)
	got := h.arrived(in.Token)
	if len(got) != 2 || string(got[0].Body) != "stays as well" || string(got[1].Body) != "stays" {
		t.Errorf("%d requests are kept", len(got))
	}
	h.deliver(in.Token, "acme", "goes", 2, e) // a straggler
	if len(h.arrived(in.Token)) != 2 {
		t.Error("an erased event is kept")
	}
}

// TestDeletingAnApp takes its events out of inboxes, also out of another app's, to
// which an endpoint of both has brought them, and those that are still on their way.
func TestDeletingAnApp(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", time.Hour)
	e := h.endpoint(in.URL, "a secret of mine", "acme", "other")
	h.deliver(in.Token, "acme", "stays", 1, e)
	h.deliver(in.Token, "other", "goes", 2, e)
	if n := len(h.arrived(in.Token)); n != 2 {
		t.Fatalf("%d requests", n)
	}
	h.sealer.meanwhile = func() { h.ForgetApp("other") }
	if got := h.deliver(in.Token, "other", "goes", 3, e); got != 200 {
		t.Errorf("answered %d", got)
	}
	h.wait(longestTimeout)
	h.Sweep(h.now)
	h.deliver(in.Token, "other", "goes", 4, e)
	if got := h.arrived(in.Token); len(got) != 1 || got[0].App != "acme" {
		t.Errorf("%d requests, the first of app %s", len(got), got[0].App)
	}

	// One of the same name that is made at once is not taken for it: its inboxes are
	// its own.
	fresh := h.inbox("other", time.Hour)
	h.deliver(fresh.Token, "other", "stays", 5, e)
	if n := len(h.arrived(fresh.Token)); n != 1 {
		t.Errorf("%d requests in an inbox of the new app", n)
	}
	h.wait(time.Millisecond)
	h.Sweep(h.now)
	h.deliver(in.Token, "other", "stays", 6, e)
	if n := len(h.arrived(in.Token)); n != 2 {
		t.Errorf("%d requests after the time of those on their way", n)
	}
}

func TestTombstones(t *testing.T) {
	var stones tombstones[int]
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stones.add(1, 0, now)
	stones.add(2, 0, now)
	now = now.Add(longestTimeout)
	stones.add(1, 0, now) // again
	now = now.Add(1)
	stones.expire(now)
	if !stones.forbid(1, 0) || stones.forbid(2, 0) || stones.forbid(3, 0) {
		t.Errorf("left: %v", stones.graves)
	}
	now = now.Add(longestTimeout)
	stones.expire(now)
	if len(stones.graves) != 0 || len(stones.order) != 0 {
		t.Errorf("left: %v, %v", stones.graves, stones.order)
	}
	for i := range maxTombstones + 10 {
		stones.add(i, 0, now)
		now = now.Add(1) // within the time of all
	}
	stones.expire(now)
	if len(stones.graves) != maxTombstones || stones.forbid(9, 0) || !stones.forbid(10, 0) {
		t.Errorf("%d are remembered", len(stones.graves))
	}
}

// TestInboxesHaveSlotsOfTheirOwn: slow senders to one inbox do not keep the others
// from theirs.
func TestInboxesHaveSlotsOfTheirOwn(t *testing.T) {
	h := open(t)
	in, other := h.inbox("acme", 0), h.inbox("acme", 0)
	waiting, arrive := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range maxUnderWay {
		wg.Go(func() {
			answer, err := h.Receive(in.Token, Request{Header: http.Header{}}, func() ([]byte, bool, error) {
				waiting <- struct{}{}
				<-arrive
				return nil, false, nil
			})
			if answer.Status != 200 || err != nil {
				t.Errorf("a slow one: %d, %v", answer.Status, err)
			}
		})
	}
	for range maxUnderWay {
		<-waiting
	}
	if got := h.send(in.Token, "x", http.Header{}); got != 503 {
		t.Errorf("a fifth at once: %d", got)
	}
	if got := h.send(other.Token, "x", http.Header{}); got != 200 {
		t.Errorf("another inbox: %d", got)
	}
	close(arrive)
	wg.Wait()
	if got := h.send(in.Token, "x", http.Header{}); got != 200 {
		t.Errorf("afterwards: %d", got)
	}
}

// URLs that look like an inbox's, or are one's in another spelling, are not: they go
// past the guard, or are refused before that.
func TestURLTricks(t *testing.T) {
	h := open(t)
	tok := h.inbox("acme", 0).Token
	for _, url := range []string{
		base + "../v1/keys", base + "%2e%2e/v1/keys", base + tok + "/../../v1/keys", base + tok + "/%2e%2e/%2e%2e/v1/keys",
		base + tok + "/..%2f..%2fv1/keys", base + tok + "/./x", base + tok + "//x", base + tok + `\x`, base + tok + "#x", base + tok + "/ x",
		base + tok + "@evil.example", base + strings.ToUpper(tok), base + tok[:25], base + tok + "a", base, base + "/" + tok,
		base + tok + "/%zz", base + "%" + tok, base + tok + "/\u202e", base + tok + ".",
		"http://127.0.0.1:8420/IN/" + tok, "HTTP://127.0.0.1:8420/in/" + tok, "http://127.0.0.1:8421/in/" + tok, "https://127.0.0.1:8420/in/" + tok,
		"http://127.0.0.1/in/" + tok, "http://localhost:8420/in/" + tok, "http://127.1:8420/in/" + tok, "http://[::ffff:127.0.0.1]:8420/in/" + tok,
		"http://x@127.0.0.1:8420/in/" + tok, "http://127.0.0.1:8420@evil.example/in/" + tok, "http://127.0.0.1:8420/x/../in/" + tok, "http://127.0.0.1:8420//in/" + tok,
	} {
		if token, ok := h.Token(url); ok {
			t.Errorf("%s has the token %s", url, token)
		}
		if h.Covers(url) != strings.HasPrefix(url, base) {
			t.Errorf("%s is covered: %v", url, h.Covers(url))
		}
	}
	for _, url := range []string{base + tok, base + tok + "/", base + tok + "?x=1", base + tok + "/a/b?c=../d"} {
		if token, ok := h.Token(url); !ok || token != tok {
			t.Errorf("%s has the token %q, %v", url, token, ok)
		}
	}
}

// Without a base there are no inboxes, and no URL is one's.
func TestOff(t *testing.T) {
	s, err := New("", Options{})
	if err != nil || s.Enabled() {
		t.Fatalf("enabled: %v, %v", s.Enabled(), err)
	}
	const none = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	_, add := s.Add("acme", 0)
	_, list := s.List(bellhop.Everything())
	_, find := s.Find(none)
	_, _, look := s.Look(none, 0)
	_, answer := s.Answer(none, AnswerChange{})
	for _, err := range []error{add, list, find, look, answer} {
		if bellhop.CodeOf(err) != bellhop.CodeInboxesOff || !strings.Contains(err.Error(), "--inbox") {
			t.Errorf("%v", err)
		}
	}
	if s.Covers(base+none) || s.Covers("") {
		t.Error("a URL is covered")
	}
	if _, ok := s.Token(base + none); ok {
		t.Error("a URL has a token")
	}
	s.Forget(map[bellhop.EventID]bool{1: true})
	s.ForgetApp("acme")
	if len(s.events.order)+len(s.apps.order) != 0 {
		t.Error("it remembers for nobody")
	}
	for _, url := range []string{"/in/", "https://hooks.example.com/in", "ftp://hooks.example.com/in/", "https://me@hooks.example.com/in/", "https://hooks.example.com/in/?x", "https://hooks.example.com/in/#", "://"} {
		if _, err := New(url, Options{}); err == nil {
			t.Errorf("%s is taken for the address of inboxes", url)
		}
	}
}

func TestInboxesAreBounded(t *testing.T) {
	h := open(t)
	for _, d := range []time.Duration{-time.Second, time.Millisecond, 24*time.Hour + 1} {
		if _, err := h.Add("acme", bellhop.Duration(d)); bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("expires in %s: %v", d, err)
		}
	}
	in := h.inbox("acme", 24*time.Hour)
	for i := range 150 {
		if i == 100 {
			if h.send(in.Token, "too many at once", http.Header{}) != 429 {
				t.Error("no limit to what comes from outside")
			}
			h.wait(time.Minute)
		}
		h.send(in.Token, "small", http.Header{})
	}
	if got := h.arrived(in.Token); len(got) != 100 || got[0].ID != 150 || got[99].ID != 51 {
		t.Errorf("%d requests, from %d", len(got), got[0].ID)
	}
	// Long bodies are cut, and leave room for fewer.
	long := strings.Repeat("x", 300<<10)
	kept := func(token string) int {
		n := 0
		for _, r := range h.arrived(token) {
			n += len(r.Body)
		}
		return n
	}
	h.wait(time.Minute)
	for range 40 {
		h.send(in.Token, long, http.Header{})
	}
	if r := h.arrived(in.Token)[0]; len(r.Body) != 256<<10 || !r.Truncated || kept(in.Token) > 4<<20 {
		t.Errorf("kept %d of a body, %d in all", len(r.Body), kept(in.Token))
	}
	all := []string{in.Token}
	for range 19 {
		x := h.inbox("acme", time.Hour)
		all = append(all, x.Token)
		for range 20 {
			h.send(x.Token, long, http.Header{})
		}
		h.wait(time.Millisecond)
	}
	sum := 0
	for _, token := range all {
		sum += kept(token)
	}
	if sum > 32<<20 || sum < 24<<20 || kept(all[0]) != 0 || kept(all[19]) == 0 {
		t.Errorf("%d bytes in all inboxes; %d in the oldest, %d in the newest", sum, kept(all[0]), kept(all[19]))
	}
	if _, err := h.Add("acme", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
		t.Errorf("one more of the app: %v", err)
	}
	for _, app := range []string{"b", "c", "d", "e"} {
		for range 20 {
			h.inbox(app, time.Hour)
		}
	}
	if _, err := h.Add("f", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
		t.Errorf("one more of all: %v", err)
	}
	h.wait(2 * time.Hour)
	if list, err := h.List(bellhop.Everything()); err != nil || len(list) != 1 || list[0].Token != in.Token {
		t.Errorf("after their time: %d inboxes, %v", len(list), err)
	}
	h.inbox("f", 0)
}
