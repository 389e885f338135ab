package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

const inboxURL = "http://127.0.0.1:8420/in/"

// withInboxes turns inboxes on at an address that the guard refuses.
func withInboxes(c *engine.Config) { c.InboxURL = inboxURL }

func (h *house) inbox(app string, expiresIn time.Duration) desk.Inbox {
	h.t.Helper()
	in, err := h.CreateInbox(h.t.Context(), owner, app, bellhop.Duration(expiresIn))
	if err != nil {
		h.t.Fatal(err)
	}
	return in
}

// arrived gives what an inbox keeps, newest first.
func (h *house) arrived(token string) []*desk.InboxRequest {
	h.t.Helper()
	_, requests, err := h.Inbox(h.t.Context(), owner, token, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return requests
}

// send sends a request to an inbox from outside.
func (h *house) send(token, body string, header http.Header) int {
	h.t.Helper()
	answer, err := h.Receive(h.t.Context(), token, desk.InboxRequest{Method: "POST", Path: "/in/" + token, Header: header},
		func() ([]byte, bool, error) { return []byte(body), false, nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status
}

// firstAttempt gives an event's first attempt, in full.
func (h *house) firstAttempt(event bellhop.EventID) bellhop.Attempt {
	h.t.Helper()
	a, err := h.store.Attempt(h.t.Context(), h.attempts(bellhop.AttemptFilter{Event: event})[0].ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func at(url string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.URL = bellhop.Of(url) }
}

func TestInboxReceives(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", 0)
		if in.URL != inboxURL+in.Token || in.Answer.Status != 200 || in.ExpiresAt.Sub(in.CreatedAt) != time.Hour {
			t.Errorf("%+v", in)
		}
		e := h.endpoint("", at(in.URL+"/shop?x=1"), func(c *bellhop.EndpointChange) {
			c.Headers = bellhop.Of(map[string]string{"X-Token": "s"})
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(10 * time.Second)}})
		})
		event := h.publish(`{"n":1}`)
		wait(time.Second)
		got := h.arrived(in.Token)
		if len(got) != 1 {
			t.Fatalf("%d requests", len(got))
		}
		r := got[0]
		if r.ID != 1 || r.Method != "POST" || r.Path != "/in/"+in.Token+"/shop?x=1" || r.Answered != 200 || r.Truncated || !strings.Contains(string(r.Body), `{"n":1}`) {
			t.Errorf("%+v", r)
		}
		for name, want := range map[string]string{"Host": "127.0.0.1:8420", "User-Agent": "Bellhop", "X-Token": "s", "Webhook-Id": event.String(), "Content-Type": "application/json"} {
			if v := r.Header.Get(name); v != want {
				t.Errorf("%s: %q, want %q", name, v, want)
			}
		}
		if s := r.Signature; s == nil || !s.Verified || s.Endpoint != e.ID || s.Dialect != "standard" || !strings.HasPrefix(s.Detail, "The signature verifies: dialect standard, with the secret made at 2") {
			t.Errorf("signature %+v", s)
		}
		if n := len(h.net.log); n != 0 {
			t.Errorf("%d requests left the process", n)
		}
		a := h.firstAttempt(event)
		if a.Status != bellhop.AttemptSucceeded || a.ResponseStatus != 200 || a.URL != in.URL+"/shop?x=1" || a.RequestHeader.Get("X-Token") != "s" {
			t.Errorf("attempt %+v", a)
		}

		// A receiver that fails, and is mended.
		if _, err := h.AnswerInbox(t.Context(), owner, in.Token, desk.AnswerChange{Status: bellhop.Of(500)}); err != nil {
			t.Fatal(err)
		}
		event = h.publish(`{"n":2}`)
		wait(time.Second)
		if a := h.attempts(bellhop.AttemptFilter{Event: event})[0]; a.Status != bellhop.AttemptFailed || a.ResponseStatus != 500 || a.Reason != "status" {
			t.Errorf("attempt %+v", a)
		}
		if _, err := h.AnswerInbox(t.Context(), owner, in.Token, desk.AnswerChange{Status: bellhop.Of(204)}); err != nil {
			t.Fatal(err)
		}
		for status, want := range map[int]string{200: "Request ", 204: "", 205: "", 304: ""} {
			other := h.inbox("acme", 0)
			if _, err := h.AnswerInbox(t.Context(), owner, other.Token, desk.AnswerChange{Status: bellhop.Of(status)}); err != nil {
				t.Fatal(err)
			}
			got, err := h.Receive(t.Context(), other.Token, desk.InboxRequest{Header: http.Header{}}, func() ([]byte, bool, error) { return nil, false, nil })
			if err != nil || got.Status != status || !strings.HasPrefix(got.Text, want) || want == "" && got.Text != "" {
				t.Errorf("answers %+v, %v", got, err)
			}
		}
		wait(time.Minute)
		if a := h.attempts(bellhop.AttemptFilter{Event: event}); len(a) != 2 || a[1].Status != bellhop.AttemptSucceeded {
			t.Errorf("attempts %+v", a)
		}
		if a, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil || a.ResponseStatus != 204 {
			t.Errorf("test: %+v, %v", a, err)
		}
		if _, later, err := h.Inbox(h.t.Context(), owner, in.Token, 3); err != nil || len(later) != 1 || later[0].ID != 4 {
			t.Errorf("after 3: %v, %v", later, err)
		}

		// What is erased must not live on in an inbox.
		if err := h.EraseEvent(t.Context(), owner, event); err != nil {
			t.Fatal(err)
		}
		for _, r := range h.arrived(in.Token) {
			if strings.Contains(string(r.Body), `"n":2`) {
				t.Error("the erased event is still in the inbox")
			}
		}
	})
}

// meddler is a sealer during which something else happens.
type meddler struct {
	bellhop.Sealer
	meanwhile func()
}

func (m *meddler) Open(sealed []byte, context string) ([]byte, error) {
	if f := m.meanwhile; f != nil {
		m.meanwhile = nil
		f()
	}
	return m.Sealer.Open(sealed, context)
}

// TestErasingARequestOnItsWay: it must not come to light in the inbox afterwards.
func TestErasingARequestOnItsWay(t *testing.T) {
	simulate(t, func(t *testing.T) {
		m := &meddler{Sealer: sealer(t)}
		h := open(t, withInboxes, func(c *engine.Config) { c.Sealer = m })
		in := h.inbox("acme", 0)
		h.endpoint("", at(in.URL))
		h.publish(`{"stays":1}`)
		wait(time.Second)
		erased := 0
		m.meanwhile = func() { // while the signature is checked
			gone, err := h.EraseSubject(t.Context(), owner, "acme", "someone")
			if err != nil {
				t.Error(err)
			}
			erased = gone
		}
		h.publish(`{"goes":1}`, func(p *engine.Publication) { p.Subject = "someone" })
		wait(time.Second)
		if got := h.arrived(in.Token); erased != 1 || len(got) != 1 || !strings.Contains(string(got[0].Body), "stays") {
			t.Errorf("%d erased, %d requests are kept", erased, len(got))
		}
	})
}

// TestDeletingAnAppTakesItsEventsOutOfInboxes: also out of another app's, to which
// an endpoint of both has brought them.
func TestDeletingAnAppTakesItsEventsOutOfInboxes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		h.app("other")
		in := h.inbox("acme", time.Hour)
		h.endpoint("", at(in.URL), func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{"acme", "other"}) })
		h.publish(`{"stays":1}`)
		h.publish(`{"goes":1}`, func(p *engine.Publication) { p.App = "other" })
		wait(time.Second)
		if n := len(h.arrived(in.Token)); n != 2 {
			t.Fatalf("%d requests", n)
		}
		if err := h.DeleteApp(t.Context(), owner, "other"); err != nil {
			t.Fatal(err)
		}
		if got := h.arrived(in.Token); len(got) != 1 || got[0].App != "acme" {
			t.Errorf("%d requests, the first of app %s", len(got), got[0].App)
		}
	})
}

// An inbox that ended answers 410, which disables the endpoint: one that has
// expired, and one that was deleted.
func TestInboxEnds(t *testing.T) {
	ends := map[string]func(*house, desk.Inbox){
		"expired": func(*house, desk.Inbox) { wait(2 * time.Minute) },
		"deleted": func(h *house, in desk.Inbox) {
			if err := h.DeleteInbox(h.t.Context(), owner, in.Token); err != nil {
				h.t.Fatal(err)
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, withInboxes)
				in := h.inbox("acme", time.Minute)
				e := h.endpoint("", at(in.URL))
				end(h, in)
				event := h.publish(`{}`)
				wait(time.Second)
				a := h.firstAttempt(event)
				if a.ResponseStatus != 410 || !strings.Contains(string(a.ResponseBody), "There is no such inbox") {
					t.Errorf("attempt %+v: %s", a, a.ResponseBody)
				}
				if e, err := h.Endpoint(t.Context(), owner, e.ID); err != nil || e.Status != bellhop.EndpointDisabled {
					t.Errorf("%+v, %v", e, err)
				}
				if h.send(in.Token, "x", http.Header{}) != 410 {
					t.Error("it still takes requests from outside")
				}
				if _, _, err := h.Inbox(h.t.Context(), owner, in.Token, 0); !bellhop.IsNotFound(err) {
					t.Errorf("looking into it: %v", err)
				}
				if _, _, err := h.CreateEndpoint(t.Context(), owner, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(in.URL)}); bellhop.CodeOf(err) != bellhop.CodeInvalid {
					t.Errorf("a new endpoint at it: %v", err)
				}
			})
		})
	}
}

// TestInboxesOutliveTheProcess: they, what they keep and how they answer are the store's.
func TestInboxesOutliveTheProcess(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", time.Hour)
		if _, err := h.AnswerInbox(t.Context(), owner, in.Token, desk.AnswerChange{Status: bellhop.Of(202)}); err != nil {
			t.Fatal(err)
		}
		h.send(in.Token, "before", http.Header{})
		h.stop()
		h.start()
		if got := h.send(in.Token, "after", http.Header{}); got != 202 {
			t.Errorf("answered %d", got)
		}
		if got := h.arrived(in.Token); len(got) != 2 || string(got[0].Body) != "after" || string(got[1].Body) != "before" {
			t.Errorf("%d requests are kept", len(got))
		}
		list, err := h.Inboxes(t.Context(), owner, "")
		if err != nil || len(list) != 1 || list[0].Token != in.Token || list[0].URL != in.URL || list[0].Received != 2 {
			t.Errorf("listed: %+v, %v", list, err)
		}
	})
}

func TestInboxSignature(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", 0)
		if h.send(in.Token, "x", http.Header{}) != 200 || h.arrived(in.Token)[0].Signature != nil {
			t.Error("a signature was checked although no endpoint sends here")
		}
		e, secret, err := h.CreateEndpoint(t.Context(), owner, bellhop.EndpointChange{
			Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(in.URL), Dialect: bellhop.Of("github"), Secret: bellhop.Of("a secret of mine"),
		})
		if err != nil {
			t.Fatal(err)
		}
		last := func() desk.InboxSignature {
			t.Helper()
			r := h.arrived(in.Token)[0]
			if r.Signature == nil || r.Signature.Endpoint != e.ID || strings.Contains(r.Signature.Detail, secret) {
				t.Fatalf("signature %+v", r.Signature)
			}
			return *r.Signature
		}
		h.send(in.Token, "{}", http.Header{})
		if s := last(); s.Verified || !strings.Contains(s.Detail, "The header X-Hub-Signature-256 is missing.") {
			t.Errorf("unsigned: %+v", s)
		}
		d, err := dialect.Lookup("github")
		if err != nil {
			t.Fatal(err)
		}
		signed := func(body, secret string) http.Header {
			t.Helper()
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
		h.send(in.Token, `{"n":1}`, signed(`{"n":1}`, secret))
		if s := last(); !s.Verified {
			t.Errorf("signed with the endpoint's secret: %+v", s)
		}
		h.send(in.Token, `{"n":1}`, signed(`{"n":1}`, "another secret"))
		if s := last(); s.Verified || !strings.Contains(s.Detail, "The signature does not match") {
			t.Errorf("signed with another secret: %+v", s)
		}
	})
}

// TestInboxChecksTheNewestEndpoints: each check hashes the whole body, and whoever
// has the token can make some.
func TestInboxChecksTheNewestEndpoints(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", 0)
		d, err := dialect.Lookup("github")
		if err != nil {
			t.Fatal(err)
		}
		var made []bellhop.EndpointID
		var signed []http.Header
		for i := range 5 {
			secret := fmt.Sprintf("the secret of endpoint %d", i)
			e := h.endpoint("", at(in.URL), func(c *bellhop.EndpointChange) {
				c.Dialect, c.Secret = bellhop.Of("github"), bellhop.Of(secret)
			})
			signer, err := d.NewSigner([]string{secret})
			if err != nil {
				t.Fatal(err)
			}
			r, err := signer.Render(dialect.Message{ID: "evt_1", Data: []byte("{}"), Timestamp: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for _, x := range r.Headers {
				header.Add(x.Name, x.Value)
			}
			made, signed = append(made, e.ID), append(signed, header)
			wait(time.Second)
		}
		for i, header := range signed {
			h.send(in.Token, "{}", header)
			want := desk.InboxSignature{Verified: true, Endpoint: made[i]}
			if i < 2 {
				want = desk.InboxSignature{Endpoint: made[4]}
			}
			if s := h.arrived(in.Token)[0].Signature; s.Verified != want.Verified || s.Endpoint != want.Endpoint {
				t.Errorf("signed by endpoint %d: %+v", i, s)
			}
		}
	})
}

// TestInboxesHaveSlotsOfTheirOwn: slow senders to one inbox do not keep the others
// from theirs.
func TestInboxesHaveSlotsOfTheirOwn(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in, other := h.inbox("acme", 0), h.inbox("acme", 0)
		arrive := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				answer, err := h.Receive(t.Context(), in.Token, desk.InboxRequest{Header: http.Header{}}, func() ([]byte, bool, error) {
					<-arrive
					return nil, false, nil
				})
				if answer.Status != 200 || err != nil {
					t.Errorf("a slow one: %d, %v", answer.Status, err)
				}
			})
		}
		wait(time.Second)
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
	})
}

// URLs that look like an inbox's, or are one's in another spelling, are not: they
// go past the guard, or are refused before that.
func TestInboxURLTricks(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		h.app("globex")
		in, foreign := h.inbox("acme", 0), h.inbox("globex", 0)
		tok := in.Token
		for _, url := range []string{
			inboxURL + "../v1/keys", inboxURL + "%2e%2e/v1/keys", inboxURL + tok + "/../../v1/keys", inboxURL + tok + "/%2e%2e/%2e%2e/v1/keys",
			inboxURL + tok + "/..%2f..%2fv1/keys", inboxURL + tok + "/./x", inboxURL + tok + "//x", inboxURL + tok + `\x`, inboxURL + tok + "#x", inboxURL + tok + "/ x",
			inboxURL + tok + "@evil.example", inboxURL + strings.ToUpper(tok), inboxURL + tok[:25], inboxURL + tok + "a", inboxURL, inboxURL + "/" + tok,
			inboxURL + tok + "/%zz", inboxURL + "%" + tok, inboxURL + tok + "/\u202e", inboxURL + tok + ".",
			"http://127.0.0.1:8420/IN/" + tok, "HTTP://127.0.0.1:8420/in/" + tok, "http://127.0.0.1:8421/in/" + tok, "https://127.0.0.1:8420/in/" + tok,
			"http://127.0.0.1/in/" + tok, "http://localhost:8420/in/" + tok, "http://127.1:8420/in/" + tok, "http://[::ffff:127.0.0.1]:8420/in/" + tok,
			"http://x@127.0.0.1:8420/in/" + tok, "http://127.0.0.1:8420@evil.example/in/" + tok, "http://127.0.0.1:8420/x/../in/" + tok, "http://127.0.0.1:8420//in/" + tok,
			inboxURL + "aaaaaaaaaaaaaaaaaaaaaaaaaa", foreign.URL,
		} {
			_, _, err := h.CreateEndpoint(t.Context(), owner, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(url)})
			if bellhop.CodeOf(err) != bellhop.CodeInvalid || !strings.Contains(err.Error(), "url: ") {
				t.Errorf("%s: %v", url, err)
			}
		}
		e := h.endpoint("", at(in.URL))
		if _, err := h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"globex"})}); bellhop.CodeOf(err) != bellhop.CodeInvalid || !strings.Contains(err.Error(), "apps: ") {
			t.Errorf("another app at the same inbox: %v", err)
		}
		h.set(e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme", "globex"})})
		h.publish(`{"of":"globex"}`, func(p *engine.Publication) { p.App = "globex" })
		wait(time.Second)
		if got := h.arrived(tok); len(got) != 1 || got[0].App != "globex" {
			t.Errorf("%+v", got)
		}
		if err := h.DeleteApp(t.Context(), owner, "acme"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Inbox(h.t.Context(), owner, tok, 0); !bellhop.IsNotFound(err) {
			t.Errorf("the inbox of a deleted app: %v", err)
		}
		if n := len(h.net.log); n != 0 {
			t.Errorf("%d requests left the process", n)
		}
	})
}

// Without InboxURL nothing is different: the guard judges each URL.
func TestInboxesOff(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		_, create := h.CreateInbox(ctx, owner, "acme", 0)
		_, list := h.Inboxes(h.t.Context(), owner, "")
		_, _, look := h.Inbox(h.t.Context(), owner, "aaaaaaaaaaaaaaaaaaaaaaaaaa", 0)
		_, answer := h.AnswerInbox(ctx, owner, "aaaaaaaaaaaaaaaaaaaaaaaaaa", desk.AnswerChange{})
		for _, err := range []error{create, list, look, answer, h.DeleteInbox(ctx, owner, "aaaaaaaaaaaaaaaaaaaaaaaaaa")} {
			if bellhop.CodeOf(err) != bellhop.CodeInboxesOff || !strings.Contains(err.Error(), "--inbox") {
				t.Errorf("%v", err)
			}
		}
		_, _, err := h.CreateEndpoint(ctx, owner, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(inboxURL + "aaaaaaaaaaaaaaaaaaaaaaaaaa")})
		if err == nil || !strings.Contains(err.Error(), "plain http") {
			t.Errorf("%v", err)
		}
		for _, url := range []string{"/in/", "https://hooks.example.com/in", "ftp://hooks.example.com/in/", "https://me@hooks.example.com/in/", "https://hooks.example.com/in/?x", "https://hooks.example.com/in/#", "://"} {
			if _, err := engine.New(context.Background(), h.store, engine.Config{Sealer: sealer(t), InboxURL: url}); err == nil {
				t.Errorf("%s is taken for the address of inboxes", url)
			}
		}
	})
}

func TestInboxesAreBounded(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		for _, d := range []time.Duration{-time.Second, time.Millisecond, 24*time.Hour + 1} {
			if _, err := h.CreateInbox(t.Context(), owner, "acme", bellhop.Duration(d)); bellhop.CodeOf(err) != bellhop.CodeInvalid {
				t.Errorf("expires in %s: %v", d, err)
			}
		}
		in := h.inbox("acme", 24*time.Hour)
		for i := range 150 {
			if i == 100 {
				if h.send(in.Token, "too many at once", http.Header{}) != 429 {
					t.Error("no limit to what comes from outside")
				}
				wait(time.Minute)
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
		wait(time.Minute)
		for range 40 {
			h.send(in.Token, long, http.Header{})
		}
		if r := h.arrived(in.Token)[0]; len(r.Body) != 256<<10 || !r.Truncated || kept(in.Token) > 4<<20 {
			t.Errorf("kept %d of a body, %d in all", len(r.Body), kept(in.Token))
		}
		// None takes the room of another.
		other := h.inbox("acme", time.Hour)
		h.send(other.Token, "small", http.Header{})
		for range 18 {
			x := h.inbox("acme", time.Hour)
			for range 20 {
				h.send(x.Token, long, http.Header{})
			}
			wait(time.Millisecond)
		}
		if n := len(h.arrived(other.Token)); n != 1 {
			t.Errorf("%d requests in the one that gets no others", n)
		}
		if _, err := h.CreateInbox(t.Context(), owner, "acme", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
			t.Errorf("one more of the app: %v", err)
		}
		for i := range 24 {
			app := fmt.Sprint("app", i)
			h.app(app)
			for range 20 {
				h.inbox(app, time.Hour)
			}
		}
		h.app("f")
		if _, err := h.CreateInbox(t.Context(), owner, "f", 0); bellhop.CodeOf(err) != bellhop.CodeConflict {
			t.Errorf("one more of all: %v", err)
		}
		wait(2 * time.Hour)
		if list, err := h.Inboxes(h.t.Context(), owner, ""); err != nil || len(list) != 1 || list[0].Token != in.Token {
			t.Errorf("after their time: %d inboxes, %v", len(list), err)
		}
		h.inbox("f", 0)
	})
}
