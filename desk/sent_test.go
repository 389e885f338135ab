package desk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
)

// TestTheBodyThatWasSent: in every dialect, the log has the body that its receiver got,
// byte for byte, and with the headers that it shows, the receiver takes it as genuine.
func TestTheBodyThatWasSent(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		var got []received
		h.net.on("all.example", func(r received) answer {
			if len(r.header["X-Call"]) > 0 {
				got = append(got, r)
			}
			return answer{status: 200}
		})
		const data = "{ \"name\": \"Zo\\u00eb 🎫 <b>\",\n \"total\":\"118.00\", \"transaction_id\":\"T-1\", \"n\":12345678901234567890 }"
		checked := 0
		for _, def := range dialect.Builtin() {
			got = nil
			e := h.endpoint("all.example", func(c *bellhop.EndpointChange) {
				c.Dialect = bellhop.Of(def.Name)
				c.Headers = bellhop.Of(map[string]string{"X-Call": def.Name})
			})
			got = nil // allthings has called it
			event := h.publish(data)
			wait(time.Minute)
			attempts, err := h.Attempts(t.Context(), owner, "", bellhop.AttemptFilter{Event: event, Limit: 1})
			if err != nil || len(attempts) != 1 || len(got) != 1 {
				t.Fatalf("%s: %d attempts, %d arrived, %v", def.Name, len(attempts), len(got), err)
			}
			a, err := h.Attempt(t.Context(), owner, attempts[0].ID)
			if err != nil || a.Known != desk.KnownSame || string(a.Body) != got[0].body || a.Dialect != def.Name || a.SHA256() == "" {
				t.Errorf("%s: %s %q, sent was %q, %v", def.Name, a.Known, a.Body, got[0].body, err)
			}
			secrets, err := h.Secrets(t.Context(), owner, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			x, err := dialect.Lookup(def.Name)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for name, values := range a.RequestHeader {
				header[http.CanonicalHeaderKey(name)] = values
			}
			if err := x.Verify(dialect.Received{Header: header, Body: a.Body}, []string{secrets[0].Secret}, a.StartedAt().Add(2*time.Second), 0); err != nil {
				t.Errorf("%s: what the log shows does not verify: %v", def.Name, err)
			}
			checked++
			if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
				t.Fatal(err)
			}
			// The endpoint is gone, the event is not.
			if a, err = h.Attempt(t.Context(), owner, attempts[0].ID); err != nil || a.Known != desk.KnownSame {
				t.Errorf("%s: after its endpoint was deleted: %s, %v", def.Name, a.Known, err)
			}
		}
		if checked < 11 {
			t.Errorf("%d dialects were checked", checked)
		}
	})
}

// TestABodyThatCannotBeMadeAgain says so: after a change of what it was made with, after
// an erasure, and to those who may not see what a script made.
func TestABodyThatCannotBeMadeAgain(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("shop.example", status(200))
		e := h.endpoint("shop.example", func(c *bellhop.EndpointChange) {
			c.Dialect, c.DialectOptions = bellhop.Of("stripe"), bellhop.Of(map[string]string{"api_version": "2020-01-01"})
		})
		event := h.publish(`{"a":1}`)
		wait(time.Minute)
		list, err := h.Attempts(t.Context(), owner, "", bellhop.AttemptFilter{Event: event, Limit: 1})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		check := func(when string, want desk.Known, contains string) {
			t.Helper()
			a, err := h.Attempt(t.Context(), owner, list[0].ID)
			if err != nil || a.Known != want || !strings.Contains(string(a.Body), contains) || contains == "" && len(a.Body) > 0 {
				t.Errorf("%s: %s %q, %v; want %s", when, a.Known, a.Body, err, want)
			}
		}
		check("at first", desk.KnownSame, `"api_version":"2020-01-01"`)
		_, err = h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{DialectOptions: bellhop.Of(map[string]string{"api_version": "2026-01-01"})})
		if err != nil {
			t.Fatal(err)
		}
		check("with another option", desk.KnownDiffers, `"api_version":"2026-01-01"`)
		_, err = h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{Dialect: bellhop.Of("github"), DialectOptions: bellhop.Of[map[string]string](nil)})
		if err != nil {
			t.Fatal(err)
		}
		check("in its own dialect still", desk.KnownDiffers, `"object":"event"`)
		if err := h.EraseEvent(t.Context(), owner, event); err != nil {
			t.Fatal(err)
		}
		check("erased", desk.KnownUnknown, "")
		if a, _ := h.Attempt(t.Context(), owner, list[0].ID); a.SHA256() != "" {
			t.Error("the hash of what was erased is shown")
		}

		made := h.endpoint("shop.example", func(c *bellhop.EndpointChange) {
			c.Transform = bellhop.Of(&bellhop.Transform{Code: `function transform(e) { return {body: "made of " + e.data.a} }`})
		})
		event = h.publish(`{"a":2}`)
		wait(time.Minute)
		if list, err = h.Attempts(t.Context(), owner, "", bellhop.AttemptFilter{Event: event, Endpoint: made.ID, Limit: 1}); err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		check("made by a script", desk.KnownKept, "made of 2")
		a, err := h.Attempt(t.Context(), as(bellhop.RoleViewer, "acme"), list[0].ID)
		if err != nil || a.Body != nil || !a.Concealed || a.SHA256() != "" {
			t.Errorf("a viewer sees %q, %t, %s, %v", a.Body, a.Concealed, a.SHA256(), err)
		}
	})
}
