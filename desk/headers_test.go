package desk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// TestHeaderValuesAreForThoseWhoMayChangeThem: an endpoint's own headers often carry
// a token. Whoever reaches one of its apps alone must not see it, wherever it shows.
func TestHeaderValuesAreForThoseWhoMayChangeThem(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		h.app("globex")
		in := h.inbox("acme", 0)
		h.net.on("a.example", status(410))
		headers := func(c *bellhop.EndpointChange) {
			c.Headers = bellhop.Of(map[string]string{"Authorization": "Bearer door-code", "X-Door": "door-code"})
		}
		e := h.endpoint("a.example", of("acme", "globex"), headers)
		boxed := h.endpoint("", of("acme", "globex"), at(in.URL), headers)
		event := h.publish(`{}`)
		h.publish(`{}`, func(p *engine.Publication) { p.App = "globex" })
		wait(time.Second)
		attempt := h.attempts(bellhop.AttemptFilter{Event: event, Endpoint: e.ID})[0]
		if got := h.net.at("a.example")[0].header.Get("X-Door"); got != "door-code" {
			t.Fatalf("sent %q", got)
		}

		look := map[string]func(p bellhop.Principal) (any, error){
			"get": func(p bellhop.Principal) (any, error) { return h.Endpoint(t.Context(), p, e.ID) },
			"list": func(p bellhop.Principal) (any, error) {
				return h.Endpoints(t.Context(), p, "", bellhop.EndpointFilter{})
			},
			"troubled": func(p bellhop.Principal) (any, error) { return h.Troubled(t.Context(), p, "", 0) },
			"attempt": func(p bellhop.Principal) (any, error) {
				a, err := h.Attempt(t.Context(), p, attempt.ID)
				if err == nil && !slices.Equal(asSent(a.RequestHeader, "webhook-id"), []string{event.String()}) {
					err = fmt.Errorf("what is not the endpoint's own is hidden: %v", a.RequestHeader)
				}
				return a, err
			},
			"attempts": func(p bellhop.Principal) (any, error) {
				return h.Attempts(t.Context(), p, "", bellhop.AttemptFilter{Event: event, WithBodies: true, Limit: 10})
			},
			"inbox": func(p bellhop.Principal) (any, error) {
				_, requests, err := h.Inbox(t.Context(), p, in.Token, 0)
				return requests, err
			},
		}
		for name, f := range look {
			for who, c := range map[string]struct {
				p    bellhop.Principal
				sees bool
			}{
				"owner":                 {owner, true},
				"admin of both":         {as(bellhop.RoleAdmin, "acme", "globex"), true},
				"editor of both":        {as(bellhop.RoleEditor, "acme", "globex"), true},
				"editor of all":         {bellhop.Principal{Role: bellhop.RoleEditor, Scope: bellhop.Everything()}, true},
				"admin of one":          {as(bellhop.RoleAdmin, "acme"), false},
				"editor of one":         {as(bellhop.RoleEditor, "acme"), false},
				"viewer of both":        {as(bellhop.RoleViewer, "acme", "globex"), false},
				"viewer of all":         {bellhop.Principal{Role: bellhop.RoleViewer, Scope: bellhop.Everything()}, false},
				"publisher of the apps": {as(bellhop.RolePublisher, "acme", "globex"), false},
			} {
				got, err := f(c.p)
				if bellhop.CodeOf(err) == bellhop.CodeForbidden && c.p.Role == bellhop.RolePublisher {
					continue
				}
				text := fmt.Sprintf("%+v", got)
				if b, err := json.Marshal(got); err == nil {
					text = string(b)
				}
				if sees := strings.Contains(text, "door-code"); err != nil || sees != c.sees || !sees && !strings.Contains(text, desk.Hidden) {
					t.Errorf("%s as %s: sees the token %v, want %v; %v: %s", name, who, sees, c.sees, err, text)
				}
				if strings.Contains(text, "globex") && !c.p.Scope.Sees("globex") {
					t.Errorf("%s as %s names the other app: %s", name, who, text)
				}
			}
		}
		// In the audit log they are for nobody; the other app is for those who reach it.
		for _, p := range []bellhop.Principal{owner, as(bellhop.RoleAdmin, "acme")} {
			entries, err := h.Audit(t.Context(), p, "acme", bellhop.AuditFilter{Object: boxed.ID.String(), Limit: 10})
			if err != nil || len(entries) != 1 {
				t.Fatalf("%+v, %v", entries, err)
			}
			detail := string(entries[0].Detail)
			sees := strings.Contains(detail, "globex") && slices.Contains(entries[0].Apps, "globex")
			if strings.Contains(detail, "door-code") || !strings.Contains(detail, "X-Door") || sees != p.Scope.All || !strings.Contains(detail, `"acme"`) {
				t.Errorf("as %+v: %v %s", p, entries[0].Apps, detail)
			}
		}

		// What a change answers is for those who could make it.
		ours := as(bellhop.RoleEditor, "acme")
		mine, _, err := h.CreateEndpoint(t.Context(), ours, hook("b.example", headers))
		if err != nil || mine.Headers["X-Door"] != "door-code" {
			t.Errorf("created: %+v, %v", mine.Headers, err)
		}
		if mine, err = h.UpdateEndpoint(t.Context(), ours, mine.ID, bellhop.EndpointChange{Name: bellhop.Of("x")}); err != nil || mine.Headers["X-Door"] != "door-code" {
			t.Errorf("updated: %+v, %v", mine.Headers, err)
		}
		// To show it changed nothing that is kept.
		if got := h.all(); got[0].Headers["X-Door"] != "door-code" || len(got[2].Apps) != 2 {
			t.Errorf("%+v", got)
		}

		// Of an endpoint that is gone nobody knows any more whose it was.
		if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		for p, want := range map[bellhop.Role]string{bellhop.RoleEditor: desk.Hidden, bellhop.RoleAdmin: "door-code"} {
			who := as(p, "acme", "globex")
			if p == bellhop.RoleAdmin {
				who = owner
			}
			if a, err := h.Attempt(t.Context(), who, attempt.ID); err != nil || a.RequestHeader.Get("X-Door") != want {
				t.Errorf("gone, as %s: %v, %v", p, a.RequestHeader, err)
			}
		}
	})
}

// TestInboxShowsWhatCameFromOutside to those who may change endpoints, where no
// endpoint sends to it.
func TestInboxShowsWhatCameFromOutside(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, withInboxes)
		in := h.inbox("acme", 0)
		h.send(in.Token, "{}", http.Header{"X-Door": {"door-code"}})
		for role, want := range map[bellhop.Role]string{bellhop.RoleEditor: "door-code", bellhop.RoleViewer: desk.Hidden} {
			_, requests, err := h.Inbox(t.Context(), as(role, "acme"), in.Token, 0)
			if err != nil || len(requests) != 1 || requests[0].Header.Get("X-Door") != want {
				t.Errorf("%s: %+v, %v", role, requests, err)
			}
		}
		if got := h.arrived(in.Token)[0].Header.Get("X-Door"); got != "door-code" {
			t.Errorf("to show it has changed it: %q", got)
		}
	})
}

// asSent gives a header by its name as it was written on the wire.
func asSent(h http.Header, name string) []string { return h[name] }

// An endpoint that was saved with header values beyond ASCII, when they were allowed, and
// with a stray percent sign in its URL, goes on, and can be changed otherwise.
func TestEndpointsFromBeforeGoOn(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		created := h.endpoint("a.example")
		e := h.e.Routes().Routes().Endpoint(created.ID).Endpoint
		e.Headers, e.URL = map[string]string{"X-API-KEY": "caf\u00e9"}, "https://a.example/hook?discount=5%&n=%41"
		if err := h.store.SaveEndpoint(t.Context(), e, h.e.AuditEntry(bellhop.System, "endpoint.save", e.ID.String(), e.Apps, nil), h.e.Now()); err != nil {
			t.Fatal(err)
		}
		h.e.RefreshRoutes(t.Context())
		if e = h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("renamed")}); e.Name != "renamed" {
			t.Errorf("%+v", e)
		}
		event := h.publish(`{}`)
		wait(time.Second)
		list := h.attempts(bellhop.AttemptFilter{Event: event, WithBodies: true})
		if len(list) != 1 || list[0].Status != bellhop.AttemptSucceeded || len(map[string][]string(list[0].RequestHeader)["X-API-KEY"]) != 1 {
			t.Errorf("%+v", list)
		}
		for name, c := range map[string]bellhop.EndpointChange{
			"headers.X-API-KEY": {Headers: bellhop.Of(e.Headers)}, "url": {URL: bellhop.Of(e.URL)},
		} {
			_, err := h.UpdateEndpoint(t.Context(), owner, e.ID, c)
			if refused, ok := errors.AsType[*bellhop.Error](err); !ok || len(refused.Fields) != 1 || refused.Fields[0].Field != name {
				t.Errorf("%s, given anew: %v", name, err)
			}
		}
	})
}
