package desk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
	"github.com/bellhop/bellhop/engine"
)

// TestACheckIsNoDelivery: the receiver gets at most ten requests, with the endpoint's own
// headers, and they leave nothing behind but a line in the audit log.
func TestACheckIsNoDelivery(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxTrials = 8 })
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Headers = bellhop.Of(map[string]string{"X-Own": "1"}) })
		secrets, err := h.Secrets(t.Context(), owner, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		h.net.on("a.example", func(got received) answer {
			if got.header.Get("X-Own") != "1" {
				t.Errorf("without the endpoint's header: %v", got.header)
			}
			if dialect.Verify("standard", got.header, []byte(got.body), secrets[0].Secret) != nil {
				return answer{status: 401}
			}
			return answer{status: 200}
		})
		report, err := h.CheckEndpoint(t.Context(), as(bellhop.RoleEditor, "acme"), e.ID)
		if err != nil || !report.OK || len(report.Results) != 8 {
			t.Fatalf("%+v, %v", report, err)
		}
		if n := len(h.net.at("a.example")); n != 9 {
			t.Errorf("%d requests", n)
		}
		attempts, err := h.Attempts(t.Context(), owner, "", bellhop.AttemptFilter{Limit: 10})
		if err != nil || len(attempts) != 0 {
			t.Errorf("the log has %+v, %v", attempts, err)
		}
		stats, err := h.EndpointStats(t.Context(), owner, e.ID, desk.StatsRange{})
		if err != nil || stats.Total.Succeeded+stats.Total.Failed != 0 || stats.Lane.ConsecutiveFailures != 0 {
			t.Errorf("%+v, %v", stats, err)
		}
		entries, err := h.Audit(t.Context(), owner, "acme", bellhop.AuditFilter{Action: "endpoint.check", Limit: 10})
		if err != nil || len(entries) != 1 || entries[0].Object != e.ID.String() {
			t.Errorf("%+v, %v", entries, err)
		}

		_, err = h.CheckEndpoint(t.Context(), as(bellhop.RoleViewer, "acme"), e.ID)
		code(t, "a viewer", err, bellhop.CodeForbidden)
		_, err = h.CheckEndpoint(t.Context(), as(bellhop.RoleEditor, "globex"), e.ID)
		code(t, "another app's", err, bellhop.CodeNotFound)
		release, err := h.e.TrialSlot(0, []string{"acme"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.CheckEndpoint(t.Context(), owner, e.ID)
		code(t, "no slot", err, bellhop.CodeTooMany)
		release()
		slack := h.endpoint("hooks.slack.com", func(c *bellhop.EndpointChange) { c.Recipe = bellhop.Of("slack") })
		before := len(h.net.log)
		_, err = h.CheckEndpoint(t.Context(), owner, slack.ID)
		code(t, "a recipe", err, bellhop.CodeEndpointStatus)
		if len(h.net.log) != before {
			t.Error("a recipe's target was sent something")
		}
	})
}

// TestACheckOfARequestTellsNoSecret: editors check with the secrets of their endpoints,
// others with the one that they give; no answer holds any, and no other app's is used.
func TestACheckOfARequestTellsNoSecret(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		mine, second := h.endpoint("a.example"), h.endpoint("b.example")
		theirs := h.endpoint("c.example", of("globex"))
		secretOf := func(e bellhop.EndpointID) string {
			s, err := h.Secrets(t.Context(), owner, e)
			if err != nil {
				t.Fatal(err)
			}
			return s[0].Secret
		}
		all := []string{secretOf(mine.ID), secretOf(second.ID), secretOf(theirs.ID)}
		captured := func(e bellhop.EndpointID, host string) (headers, body string) {
			if _, err := h.TestEndpoint(t.Context(), owner, e, "", nil); err != nil {
				t.Fatal(err)
			}
			got := h.net.at(host)
			var lines []string
			for name, values := range got[len(got)-1].header {
				lines = append(lines, name+": "+values[0])
			}
			return strings.Join(lines, "\n"), got[len(got)-1].body
		}
		editor, viewer := as(bellhop.RoleEditor, "acme"), as(bellhop.RoleViewer, "acme")
		ask := func(p bellhop.Principal, r desk.RequestCheck) (desk.CheckedRequest, error) {
			t.Helper()
			out, err := h.CheckRequest(t.Context(), p, r)
			for _, s := range all {
				if strings.Contains(fmt.Sprintf("%+v %v", out, err), s) && (out.SignedBy == nil || out.SignedBy.Text != s) {
					t.Errorf("a secret is told: %+v, %v", out, err)
				}
			}
			return out, err
		}
		headers, body := captured(mine.ID, "a.example")
		request := desk.RequestCheck{Headers: headers, Body: []byte(body), HasBody: true}

		out, err := ask(editor, request)
		if err != nil || !out.OK || out.Endpoint != mine.ID || out.Bytes != len(body) {
			t.Errorf("whosever it is: %+v, %v", out, err)
		}
		request.Endpoint = second.ID
		out, err = ask(editor, request)
		if err != nil || out.OK || out.Code() != dialect.CodeWrongSecret || out.Endpoint != mine.ID {
			t.Errorf("as the other's: %+v, %v", out, err)
		}
		request.Endpoint = mine.ID
		request.Body = []byte(body + "\n")
		out, err = ask(editor, request)
		if err != nil || out.Code() != dialect.CodeChangedBody || out.Findings[0].Confidence != check.Certain {
			t.Errorf("with a line break: %+v, %v", out, err)
		}

		// A viewer may not use what he may not see.
		request.Body = []byte(body)
		_, err = ask(viewer, request)
		code(t, "a viewer, by the endpoint", err, bellhop.CodeForbidden)
		request.Endpoint = 0
		_, err = ask(viewer, request)
		code(t, "a viewer, without a secret", err, bellhop.CodeInvalid, "secret")
		request.Secret = secretOf(mine.ID)
		if out, err = ask(viewer, request); err != nil || !out.OK {
			t.Errorf("a viewer, with a secret: %+v, %v", out, err)
		}
		_, err = ask(as(bellhop.RolePublisher, "acme"), request)
		code(t, "a publisher", err, bellhop.CodeForbidden)

		// What the receiver has is another endpoint's.
		request.Endpoint, request.Secret = mine.ID, secretOf(second.ID)
		out, err = ask(editor, request)
		if err != nil || out.Code() != dialect.CodeWrongSecret || out.Endpoint != mine.ID || !strings.Contains(out.Detail, mine.ID.String()) {
			t.Errorf("with the second's secret: %+v, %v", out, err)
		}

		// An attempt alone: what Bellhop sent is right, and what arrived is compared with it.
		a, err := h.TestEndpoint(t.Context(), owner, mine.ID, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err = ask(editor, desk.RequestCheck{Attempt: a.ID})
		if err != nil || !out.OK || !out.Sent || out.Endpoint != mine.ID {
			t.Errorf("an attempt: %+v, %v", out, err)
		}
		out, err = ask(editor, desk.RequestCheck{Attempt: a.ID, Body: []byte(`{"type":"other"}`), HasBody: true})
		if err != nil || out.OK || out.Code() != dialect.CodeChangedBody || out.Findings[0].Confidence != check.Certain {
			t.Errorf("an attempt whose body is another: %+v, %v", out, err)
		}

		// Another app's request and endpoints do not exist.
		headers, body = captured(theirs.ID, "c.example")
		out, err = ask(editor, desk.RequestCheck{Headers: headers, Body: []byte(body), HasBody: true})
		if err != nil || out.OK || out.Endpoint != 0 || strings.Contains(out.Detail, theirs.ID.String()) {
			t.Errorf("another app's request: %+v, %v", out, err)
		}
		_, err = ask(editor, desk.RequestCheck{Headers: headers, Body: []byte(body), HasBody: true, Endpoint: theirs.ID})
		code(t, "another app's endpoint", err, bellhop.CodeNotFound)

		for field, bad := range map[string]desk.RequestCheck{
			"headers": {HasBody: true},
			"body":    {Headers: headers},
			"dialect": {Headers: headers, HasBody: true, Dialect: "none"},
		} {
			_, err = ask(editor, bad)
			code(t, field, err, bellhop.CodeInvalid, field)
		}
		_, err = ask(editor, desk.RequestCheck{Headers: strings.Repeat("a: b\n", 20<<10), HasBody: true})
		code(t, "long headers", err, bellhop.CodeInvalid, "headers")
	})
}
