package inbox

import (
	"context"
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
	"github.com/bellhop/bellhop/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const base = "http://127.0.0.1:8420/in/"

var ctx = context.Background()

// room is a registry, its clock, and the endpoints that there are.
type room struct {
	*Registry
	t      *testing.T
	store  *memstore.Store
	made   bellhop.EventID
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
	h.store = memstore.New()
	h.Registry, err = New(base, Options{
		Store: h.store, Sealer: h.sealer, Now: clock,
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

// event stores an event of an app.
func (h *room) event(app string) bellhop.EventID {
	h.t.Helper()
	n, err := h.store.Join(ctx, bellhop.NodeAbout{}, time.Hour, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.made++
	e := bellhop.Event{ID: h.made, App: app, Type: "x.y", Data: bellhop.JSON("{}")}
	r, err := h.store.Routes(ctx, 0)
	if err == nil {
		_, err = h.store.Enqueue(ctx, n.Lease, r.Version, []bellhop.NewEvent{{Event: e}}, h.now)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return e.ID
}

func (h *room) erase(e bellhop.EventID) {
	if _, err := h.store.Erase(ctx, bellhop.EraseSelector{Event: e}, nil, h.now); err != nil {
		h.t.Error(err)
	}
}

func (h *room) wait(d time.Duration) { h.now = h.now.Add(d) }

func (h *room) inbox(app string, expiresIn time.Duration) Inbox {
	h.t.Helper()
	in, err := h.Add(ctx, app, bellhop.Duration(expiresIn))
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
	_, requests, err := h.Look(ctx, token, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return requests
}

// send sends a request to an inbox from outside.
func (h *room) send(token, body string, header http.Header) int {
	h.t.Helper()
	answer, err := h.Receive(ctx, token, Request{Method: "POST", Path: "/in/" + token, Header: header},
		func() ([]byte, bool, error) { return []byte(body), false, nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status
}

// deliver brings an event of an app to an inbox by way of an endpoint.
func (h *room) deliver(token, app, body string, event bellhop.EventID, from *routes.Route) int {
	return h.Deliver(ctx, token, Request{App: app, Method: "POST", Header: http.Header{}, Body: []byte(body)}, event, from).Status
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
	h.wait(time.Millisecond)
	globex := h.inbox("globex", 0)
	for _, tt := range []struct {
		scope bellhop.Scope
		want  []string
	}{
		{bellhop.Everything(), []string{globex.Token, in.Token}}, // newest first
		{bellhop.Only("acme", "other"), []string{in.Token}},
		{bellhop.Scope{}, nil},
	} {
		list, err := h.List(ctx, tt.scope)
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
	seen, later, err := h.Look(ctx, in.Token, 1)
	if err != nil || seen.Received != 2 || len(later) != 1 {
		t.Fatalf("after 1: %d requests of %+v, %v", len(later), seen, err)
	}
	if r := later[0]; r.ID != 2 || r.App != "acme" || !r.At.Equal(h.now) || r.Method != "POST" || r.Path != "/in/"+in.Token ||
		string(r.Body) != "b" || r.Truncated || r.Answered != 200 || r.Header.Get("X-Mine") != "1" || r.Signature != nil {
		t.Errorf("%+v", r)
	}
	for range 2 {
		if err := h.Delete(ctx, in.Token); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Find(ctx, in.Token); !bellhop.IsNotFound(err) {
		t.Errorf("deleted: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	for status, want := range map[int]string{200: "Request ", 204: "", 205: "", 304: "", 500: "Request "} {
		if changed, err := h.Answer(ctx, in.Token, AnswerChange{Status: bellhop.Of(status)}); err != nil || changed.Answer.Status != status {
			t.Fatalf("%+v, %v", changed, err)
		}
		got, err := h.Receive(ctx, in.Token, Request{Header: http.Header{}}, func() ([]byte, bool, error) { return nil, false, nil })
		if err != nil || got.Status != status || !strings.HasPrefix(got.Text, want) || want == "" && got.Text != "" {
			t.Errorf("answers %+v, %v", got, err)
		}
		if r := h.arrived(in.Token)[0]; r.Answered != status {
			t.Errorf("kept as answered %d", r.Answered)
		}
	}
	for _, status := range []int{-1, 199, 600} {
		if _, err := h.Answer(ctx, in.Token, AnswerChange{Status: bellhop.Of(status)}); bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, err := h.Answer(ctx, "aaaaaaaaaaaaaaaaaaaaaaaaaa", AnswerChange{}); !bellhop.IsNotFound(err) {
		t.Errorf("an inbox that there is not: %v", err)
	}

	broke := errors.New("it broke off")
	if _, err := h.Receive(ctx, in.Token, Request{}, func() ([]byte, bool, error) { return nil, false, broke }); !errors.Is(err, broke) {
		t.Errorf("a body that broke off: %v", err)
	}
	if n := len(h.arrived(in.Token)); n != 5 {
		t.Errorf("%d requests are kept", n)
	}
}

// An inbox that ended answers 410: one that has expired, one that was deleted, one
// whose app was, and one of another store.
func TestInboxEnds(t *testing.T) {
	for name, end := range map[string]func(*room, Inbox){
		"expired": func(h *room, _ Inbox) { h.wait(time.Minute) },
		"swept":   func(h *room, _ Inbox) { h.wait(time.Minute); _ = h.Sweep(ctx, h.now) },
		"deleted": func(h *room, in Inbox) { _ = h.Delete(ctx, in.Token) },
		"app deleted": func(h *room, _ Inbox) {
			_ = h.store.SaveApp(ctx, bellhop.App{ID: "acme"}, nil)
			_ = h.store.DeleteApp(ctx, "acme", nil)
		},
		"elsewhere": func(h *room, _ Inbox) { h.Registry = open(h.t).Registry },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			in := h.inbox("acme", time.Minute)
			e := h.endpoint(in.URL, "a secret of mine", "acme")
			h.send(in.Token, "x", http.Header{})
			end(h, in)
			gone := h.Deliver(ctx, in.Token, Request{App: "acme", Header: http.Header{}}, 1, e)
			if gone.Status != 410 || !strings.Contains(gone.Text, "There is no such inbox") {
				t.Errorf("%+v", gone)
			}
			if h.send(in.Token, "x", http.Header{}) != 410 {
				t.Error("it still takes requests from outside")
			}
			_, find := h.Find(ctx, in.Token)
			_, _, look := h.Look(ctx, in.Token, 0)
			if !bellhop.IsNotFound(find) || !bellhop.IsNotFound(look) {
				t.Errorf("looking for it: %v, %v", find, look)
			}
			if list, err := h.List(ctx, bellhop.Everything()); err != nil || len(list) != 0 {
				t.Errorf("listed: %v, %v", list, err)
			}
			h.wait(time.Hour)
			if err := h.Sweep(ctx, h.now); err != nil || len(h.outside) != 0 {
				t.Errorf("%d inboxes are remembered, %v", len(h.outside), err)
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
	if _, err := h.Receive(ctx, in.Token, Request{Header: signed(t, "x", secret)}, func() ([]byte, bool, error) { return []byte("x"), true, nil }); err != nil {
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
	stays, goes := h.event("acme"), h.event("acme")
	h.deliver(in.Token, "acme", "stays", stays, e)
	h.sealer.meanwhile = func() { h.erase(goes) } // while the signature is checked
	if got := h.deliver(in.Token, "acme", "goes", goes, e); got != 200 {
		t.Errorf("answered %d", got)
	}
	got := h.arrived(in.Token)
	if len(got) != 1 || string(got[0].Body) != "stays" {
		t.Errorf("%d requests are kept", len(got))
	}
	h.erase(stays)
	if len(h.arrived(in.Token)) != 0 {
		t.Error("an erased event is kept")
	}
}

// TestDeletingAnApp takes its events out of another app's inboxes, to which an endpoint
// of both has brought them, and those that are still on their way.
func TestDeletingAnApp(t *testing.T) {
	h := open(t)
	for _, app := range []string{"acme", "other"} {
		if err := h.store.SaveApp(ctx, bellhop.App{ID: app}, nil); err != nil {
			t.Fatal(err)
		}
	}
	in := h.inbox("acme", time.Hour)
	e := h.endpoint(in.URL, "a secret of mine", "acme", "other")
	h.deliver(in.Token, "acme", "stays", h.event("acme"), e)
	late := h.event("other")
	h.deliver(in.Token, "other", "goes", h.event("other"), e)
	if n := len(h.arrived(in.Token)); n != 2 {
		t.Fatalf("%d requests", n)
	}
	h.sealer.meanwhile = func() {
		if err := h.store.DeleteApp(ctx, "other", nil); err != nil {
			t.Error(err)
		}
	}
	if got := h.deliver(in.Token, "other", "goes", late, e); got != 200 {
		t.Errorf("answered %d", got)
	}
	if got := h.arrived(in.Token); len(got) != 1 || got[0].App != "acme" {
		t.Errorf("%d requests, the first of app %s", len(got), got[0].App)
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
			answer, err := h.Receive(ctx, in.Token, Request{Header: http.Header{}}, func() ([]byte, bool, error) {
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
	_, add := s.Add(ctx, "acme", 0)
	_, list := s.List(ctx, bellhop.Everything())
	_, find := s.Find(ctx, none)
	_, _, look := s.Look(ctx, none, 0)
	_, answer := s.Answer(ctx, none, AnswerChange{})
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
	for _, url := range []string{"/in/", "https://hooks.example.com/in", "ftp://hooks.example.com/in/", "https://me@hooks.example.com/in/", "https://hooks.example.com/in/?x", "https://hooks.example.com/in/#", "://"} {
		if _, err := New(url, Options{}); err == nil {
			t.Errorf("%s is taken for the address of inboxes", url)
		}
	}
}

func TestInboxesAreBounded(t *testing.T) {
	h := open(t)
	for _, d := range []time.Duration{-time.Second, time.Millisecond, 24*time.Hour + 1} {
		if _, err := h.Add(ctx, "acme", bellhop.Duration(d)); bellhop.CodeOf(err) != bellhop.CodeInvalid {
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
	for range bounds.PerApp - 1 {
		h.inbox("acme", time.Hour)
	}
	if _, err := h.Add(ctx, "acme", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
		t.Errorf("one more of the app: %v", err)
	}
	for i := range bounds.All - bounds.PerApp {
		h.inbox(fmt.Sprint("app", i/bounds.PerApp), time.Hour)
	}
	if _, err := h.Add(ctx, "f", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
		t.Errorf("one more of all: %v", err)
	}
	h.wait(2 * time.Hour)
	if list, err := h.List(ctx, bellhop.Everything()); err != nil || len(list) != 1 || list[0].Token != in.Token {
		t.Errorf("after their time: %d inboxes, %v", len(list), err)
	}
	h.inbox("f", 0)
}
