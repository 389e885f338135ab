package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// Whatever happens, neither the log, however chatty, nor metrics, nor the audit
// log hold secrets or payloads; and on the disk, secrets are encrypted and keys
// are hashes.
func TestSecretsDoNotLeak(t *testing.T) {
	t.Parallel()
	const (
		payload  = "Zoë Łukasz of Balcony 7"
		password = "the-receivers-own-password"
		inURL    = "a-token-in-the-query"
	)
	s := newServer(t, "--dev", "--log-level", "debug", "--log-format", "json")
	s.start()
	s.app("acme")
	secrets := map[string]string{"the payload": payload, "a header's value": password, "a URL's query": inURL}

	data := `{"transaction_id":"1","name":"` + payload + `"}`
	for i, b := range []behaviour{answers(200), answers(500), failsFirst(1), resets, redirects(302, "http://127.0.0.1:1/?"+inURL), answers(410), babbles, echoes, hangs} {
		r := newReceiver(t, b)
		for _, name := range []string{"standard", "showpass"} {
			e := s.endpoint("acme", r.URL+"/?token="+inURL, func(c *bellhop.EndpointChange) {
				c.Dialect = bellhop.Of(name)
				c.Headers = bellhop.Of(map[string]string{"X-Password": password})
				c.Retry = delays(100 * time.Millisecond)
				c.Timeout = bellhop.Of(bellhop.Duration(300 * time.Millisecond))
			})
			secrets[fmt.Sprintf("the secret of endpoint %d, %s", i, name)] = e.Secret
			rotated, err := s.api.RotateSecret(t.Context(), e.ID, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			secrets[fmt.Sprintf("the rotated secret of endpoint %d, %s", i, name)] = rotated.Secrets.Secrets[0].Secret
			if _, err := s.api.Secrets(t.Context(), e.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := s.api.TestEndpoint(t.Context(), e.ID, "", bellhop.JSON(data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	viewer := ""
	for _, role := range []bellhop.Role{bellhop.RoleAdmin, bellhop.RolePublisher, bellhop.RoleEditor, bellhop.RoleViewer} {
		k, err := s.api.CreateKey(t.Context(), wire.KeyInput{Role: role})
		if err != nil {
			t.Fatal(err)
		}
		secrets["a key: "+string(role)] = k.Token
		viewer = k.Token
	}
	link, err := s.api.CreatePortalLink(t.Context(), wire.PortalInput{App: "acme", Role: bellhop.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	secrets["a portal link"] = link.Token
	secrets["a session"] = s.signIn(viewer).Value

	var event client.Receipt
	for i := range 20 {
		event = s.publishAs(client.Publication{App: "acme", Type: "guest.created", ID: fmt.Sprint(i), Subject: "guest:42", Data: bellhop.JSON(data)})
	}
	// Requests that fail, with secrets in all the wrong places.
	bad := func(key, method, path, body string) {
		t.Helper()
		if status, _, answer := s.post(t.Context(), key, method, path, []byte(body)); status < 400 {
			t.Errorf("%s %s is %d", method, path, status)
		} else if strings.Contains(string(answer), payload) {
			t.Errorf("the answer repeats the payload: %s", answer)
		}
	}
	bad("bh_this-is-no-key-but-a-secret", "GET", "/v1/events", "")
	secrets["a wrong key"] = "bh_this-is-no-key-but-a-secret"
	bad(s.key, "POST", "/v1/events", `{"app":"acme","type":"guest.created","data":{"name":"`+payload+`"}`)
	bad(s.key, "POST", "/v1/events", `{"app":"acme","type":"guest.created","data":{"name":"`+payload+`"},"data":{"name":"`+payload+`"}}`)
	bad(s.key, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"http://user:`+password+`@example.com/"}`)
	bad(s.key, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"http://127.0.0.1/","dialect":"standard","secret":"`+password+`"}`)

	// All that can be is over: attempts were made, retried and given up.
	eventually(t, "every endpoint has been tried", func() bool {
		tried := map[bellhop.EndpointID]bool{}
		for a, err := range s.api.Attempts(t.Context(), client.AttemptFilter{App: "acme", Type: "guest.created", Limit: 250}) {
			if err != nil {
				t.Fatal(err)
			}
			tried[a.Endpoint] = true
		}
		return len(tried) == 18
	})
	clear := func(where, text string) {
		t.Helper()
		for what, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s holds %s: …%s", where, what, text[max(0, i-200):min(len(text), i+len(secret)+50)])
			}
		}
	}
	status, _, audit := s.post(t.Context(), s.key, "GET", "/v1/audit?limit=250", nil)
	if status != http.StatusOK || !strings.Contains(string(audit), "endpoint.rotate_secret") {
		t.Errorf("audit: %d", status)
	}
	// The audit log says which URLs were set, to those who may see them.
	clear("the audit log", strings.ReplaceAll(string(audit), inURL, ""))
	if strings.Contains(string(audit), s.key) {
		t.Error("the audit log holds the admin key")
	}
	resp, err := s.http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	clear("the metrics", string(metrics))

	// A viewer sees the log without what an editor set in secret.
	for a, err := range client.New(s.url, viewer, s.http).Attempts(t.Context(), client.AttemptFilter{Event: event.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		_, _, full := s.post(t.Context(), viewer, "GET", "/v1/attempts/"+a.ID.String(), nil)
		if strings.Contains(string(full), password) {
			t.Errorf("a viewer sees an endpoint's header: %s", full)
			break
		}
	}
	if _, err := s.api.Resend(t.Context(), event.ID, 0); err != nil {
		t.Error(err)
	}
	if _, err := s.api.EraseSubject(t.Context(), "acme", "guest:42"); err != nil {
		t.Error(err)
	}
	s.stop()

	clear("the output", s.output.String())
	if n := strings.Count(s.output.String(), s.key); n != 2 {
		t.Errorf("the admin key is in the output %d times", n)
	}
	logged := 0
	for line := range strings.Lines(s.output.String()) {
		if strings.HasPrefix(line, "{") {
			logged++
			if !json.Valid([]byte(line)) {
				t.Errorf("a line of the log is not JSON: %s", line)
			}
		}
	}
	if logged < 10 {
		t.Errorf("only %d lines were logged", logged)
	}
	delete(secrets, "a header's value") // set by the customer and kept as it is
	delete(secrets, "a URL's query")
	delete(secrets, "the payload")
	secrets["the admin key"] = s.key
	for what, secret := range secrets {
		if s.keeps(secret) {
			t.Errorf("%s is kept, not encrypted", what)
		}
	}
}
