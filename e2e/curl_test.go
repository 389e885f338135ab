package e2e

import (
	"net/http"
	"os/exec"
	"reflect"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// What "bellhop logs show --curl" prints makes the very request again: the receiver gets
// the same method, path, headers and bytes, and takes them as genuine, in the dialects
// that were said to be impossible, and where a script made a body that is no text.
func TestCurlRepeatsTheRequest(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	s := serve(t)
	s.app("acme")
	const data = "{\n\t\"quotes\":\"it's \\\"$(id)\\\" `id` \\\\ !\", \"at\":\"@file\", \"emoji\":\"🎫\", \"transaction_id\":\"T 1\"}"
	var first client.Receipt
	receivers := map[string]*receiver{}
	secrets := map[string]string{}
	ids := map[string]bellhop.EndpointID{}
	for _, name := range []string{"stripe", "showpass", "allthings", "standard", "cloudevents-binary", "script"} {
		r := newReceiver(t, answers(http.StatusOK))
		e := s.endpoint("acme", r.URL+"/hooks/[a]{b}?q=1&r='x'", func(c *bellhop.EndpointChange) {
			c.Headers = bellhop.Of(map[string]string{"X-Odd": `it's "$HOME"`})
			c.Auth = bellhop.Of(&bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: "tok-1"})
			if name == "script" {
				c.Transform = bellhop.Of(&bellhop.Transform{Code: `function transform(e) { return {method: "PUT", body: "\u0000\u0001 it's \u2028 binary"} }`})
				return
			}
			c.Dialect = bellhop.Of(name)
		})
		receivers[name], secrets[name], ids[name] = r, e.Secret, e.ID
	}
	before := map[string]int{}
	for name, r := range receivers {
		before[name] = len(r.requests()) // allthings has been called
	}
	first = s.publish("acme", "invoice.paid", data)
	for name, r := range receivers {
		attempts := s.attempts(first.ID, ids[name], 1)
		command := s.cli("logs", "show", attempts[0].ID.String(), "--curl")
		sh := exec.Command("sh", "-c", command)
		sh.Env = append(sh.Environ(), "AUTHORIZATION=Bearer tok-1", "HOME=/nowhere")
		if out, err := sh.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", name, err, out, command)
			continue
		}
		got := r.wait(t, before[name]+2)[before[name]:]
		sent, again := got[0], got[1]
		if name != "script" {
			again.verify(t, name, secrets[name])
		}
		if string(sent.body) != string(again.body) || sent.method != again.method || sent.path != again.path {
			t.Errorf("%s: %s %s %q was sent, and again %s %s %q", name, sent.method, sent.path, sent.body, again.method, again.path, again.body)
		}
		if !reflect.DeepEqual(sent.header, again.header) {
			t.Errorf("%s: %v was sent, and again %v\n%s", name, sent.header, again.header, command)
		}
	}
}
