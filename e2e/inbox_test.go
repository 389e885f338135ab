package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
)

func (s *server) inbox(app string, expiresIn time.Duration) client.Inbox {
	s.t.Helper()
	in, err := s.api.CreateInbox(s.t.Context(), client.InboxInput{App: app, ExpiresIn: bellhop.Duration(expiresIn)})
	if err != nil {
		s.t.Fatal(err)
	}
	return in
}

func (s *server) look(token string) client.InboxContent {
	s.t.Helper()
	content, err := s.api.Inbox(s.t.Context(), token, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

// send posts to a URL as anybody may, and gives status and answer.
func (s *server) send(url, body string) (int, string) {
	s.t.Helper()
	resp, err := s.http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A new user's first event, without a receiver of his own. Neither plain http nor
// loopback is allowed here: only the inbox itself is.
func TestInbox(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--inbox")
	s.start()
	s.app("acme")
	in := s.inbox("acme", 0)
	if in.URL != s.url+"/in/"+in.Token {
		t.Errorf("%+v", in)
	}
	e := s.endpoint("acme", in.URL, func(c *bellhop.EndpointChange) { c.Retry = delays() })

	event := s.publish("acme", "invoice.purchase", `{"total":"123.90"}`)
	first := s.attempts(event.ID, e.ID, 1)[0]
	if first.Status != bellhop.AttemptSucceeded || first.ResponseStatus != 200 || first.ResponseBody != "Request 1 of this inbox.\n" {
		t.Errorf("attempt %+v", first)
	}
	got := s.look(in.Token).Requests[0]
	if got.Signature == nil || !got.Signature.Verified || got.Signature.Endpoint != e.ID || !strings.Contains(got.Body, `{"total":"123.90"}`) {
		t.Errorf("%+v, signature %+v", got, got.Signature)
	}
	if err := dialect.Verify("standard", got.Headers, []byte(got.Body), e.Secret); err != nil {
		t.Errorf("what the inbox shows does not verify: %v", err)
	}

	if _, err := s.api.AnswerInbox(t.Context(), in.Token, client.InboxPatch{Status: bellhop.Of(500)}); err != nil {
		t.Fatal(err)
	}
	event = s.publish("acme", "invoice.purchase", `{"n":2}`)
	if a := s.attempts(event.ID, e.ID, 1)[0]; a.Status != bellhop.AttemptFailed || a.ResponseStatus != 500 {
		t.Errorf("attempt %+v", a)
	}
	if _, err := s.api.AnswerInbox(t.Context(), in.Token, client.InboxPatch{Status: bellhop.Of(200)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.Resend(t.Context(), event.ID, e.ID); err != nil {
		t.Fatal(err)
	}
	if a := s.attempts(event.ID, e.ID, 2)[1]; a.Status != bellhop.AttemptSucceeded || a.Trigger != bellhop.TriggerResend {
		t.Errorf("attempt %+v", a)
	}

	if status, answer := s.send(in.URL+"/from/outside", "hello"); status != 200 || answer != "Request 4 of this inbox.\n" {
		t.Errorf("from outside: %d %s", status, answer)
	}
	if got := s.look(in.Token).Requests[0]; got.Body != "hello" || got.Signature == nil || got.Signature.Verified {
		t.Errorf("%+v, signature %+v", got, got.Signature)
	}
	if status, _ := s.send(in.URL, strings.Repeat("x", 10<<20)); status != 200 {
		t.Errorf("10 MB from outside: %d", status)
	}

	short := s.inbox("acme", time.Second)
	other := s.endpoint("acme", short.URL, func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"late"}) })
	eventually(t, "the inbox has expired", func() bool { status, _ := s.send(short.URL, ""); return status == http.StatusGone })
	event = s.publish("acme", "late", `{}`)
	if a := s.attempts(event.ID, other.ID, 1)[0]; a.ResponseStatus != 410 || !strings.Contains(a.ResponseBody, "There is no such inbox") {
		t.Errorf("attempt %+v", a)
	}
	eventually(t, "the endpoint is disabled", func() bool {
		e, err := s.api.Endpoint(t.Context(), other.ID)
		return err == nil && e.Status == bellhop.EndpointDisabled
	})

	// The guard is as closed as ever to everything else on this server.
	for _, url := range []string{
		s.url + "/v1/keys", s.url + "/in/../v1/keys", s.url + "/in/" + in.Token + "/../../v1/keys", in.URL + "@evil.example", in.URL + "/%2e%2e/%2e%2e/v1/keys",
		strings.Replace(in.URL, "http:", "HTTP:", 1), strings.Replace(in.URL, "127.0.0.1", "localhost", 1), strings.Replace(in.URL, "127.0.0.1", "LOCALHOST", 1),
		"http://127.0.0.1:1/in/" + in.Token, strings.Replace(in.URL, "http://", "http://a@", 1),
	} {
		if _, err := s.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(url)}); err == nil {
			t.Errorf("%s is taken", url)
		}
	}
}

// Inboxes are off unless asked for, and on for development unless said otherwise.
func TestInboxesOff(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{}, {"--dev", "--inbox=false"}} {
		s := newServer(t, flags...)
		s.start()
		s.app("acme")
		_, err := s.api.CreateInbox(t.Context(), client.InboxInput{App: "acme"})
		if err == nil || !strings.Contains(err.Error(), "--inbox") {
			t.Errorf("%v: %v", flags, err)
		}
		if status, _ := s.send(s.url+"/in/aaaaaaaaaaaaaaaaaaaaaaaaaa", ""); status != http.StatusNotFound {
			t.Errorf("%v: %d", flags, status)
		}
	}
}

// What a preview shows is what a receiver gets, byte for byte in its form.
func TestPreview(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	settings := bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(r.URL + "/a?b=c"), Dialect: bellhop.Of("stripe")}
	v, err := s.api.PreviewEndpoint(t.Context(), client.PreviewInput{Endpoint: wire.EndpointInputOf(settings), Type: "a.b", Data: bellhop.JSON(`{"n":1.10}`)})
	if err != nil {
		t.Fatal(err)
	}
	settings.Secret = bellhop.Of(v.Secret)
	e, err := s.api.CreateEndpoint(t.Context(), settings)
	if err != nil || e.Secret != v.Secret {
		t.Fatalf("%+v, %v", e, err)
	}
	s.publish("acme", "a.b", `{"n":1.10}`)
	got := r.wait(t, 1)[0]
	got.verify(t, "stripe", v.Secret)
	shown := http.Header{}
	for _, h := range v.Headers {
		shown.Add(h.Name, h.Value)
	}
	if err := dialect.Verify("stripe", shown, []byte(v.Body), v.Secret); err != nil {
		t.Error(err)
	}
	for name := range got.header {
		if shown.Get(name) == "" {
			t.Errorf("%s was sent and not shown", name)
		}
	}
	if v.Method != "POST" || v.URL != r.URL+"/a?b=c" || shown.Get("Host") != strings.TrimPrefix(r.URL, "http://") || len(shown) != len(got.header)+1 {
		t.Errorf("%+v; sent %v", v, got.header)
	}
}
