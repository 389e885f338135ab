package desk_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

// types are those of what a host received, in order, without tests.
func (h *house) types(host string) (list []string) {
	h.t.Helper()
	for _, r := range h.net.at(host) {
		var body struct{ Type string }
		if err := json.Unmarshal([]byte(r.body), &body); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, body.Type)
	}
	return list
}

func once(c *bellhop.EndpointChange) {
	c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
}

func TestWhoMayListenToAllApps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		ctx, all := t.Context(), bellhop.Everything()
		for what, p := range map[string]bellhop.Principal{
			"an admin of some apps": as(bellhop.RoleAdmin, "acme", "globex"),
			"an editor of all":      {Role: bellhop.RoleEditor, Scope: all},
			"an editor of one":      as(bellhop.RoleEditor, "acme"),
		} {
			_, _, err := h.CreateEndpoint(ctx, p, hook("ops.example", of("*")))
			code(t, what, err, bellhop.CodeForbidden, "apps")
		}
		if _, err := h.Matches(ctx, owner, bellhop.EndpointChange{Apps: bellhop.Of([]string{"*"})}); err != nil {
			t.Errorf("what it would have got: %v", err)
		}
		_, err := h.Matches(ctx, as(bellhop.RoleAdmin, "acme"), bellhop.EndpointChange{Apps: bellhop.Of([]string{"*"})})
		code(t, "tried by an admin of an app", err, bellhop.CodeForbidden, "apps")
		_, _, err = h.CreateEndpoint(ctx, owner, hook("ops.example", of("*", "acme")))
		code(t, "beside an app", err, bellhop.CodeInvalid, "apps")
		_, _, err = h.CreateEndpoint(ctx, owner, hook("ops.example", of("*"), wanting("invoice.*")))
		code(t, "events of customers", err, bellhop.CodeInvalid, "events[0]")

		e := h.endpoint("ops.example", of("*"))
		shop := h.endpoint("shop.example")
		_, err = h.UpdateEndpoint(ctx, as(bellhop.RoleAdmin, "acme"), shop.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"*"})})
		code(t, "one's own made one of all", err, bellhop.CodeForbidden, "apps")
		editor := bellhop.Principal{Role: bellhop.RoleEditor, Scope: all}
		_, err = h.UpdateEndpoint(ctx, editor, e.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
		code(t, "changed by an editor", err, bellhop.CodeForbidden, "apps")
		code(t, "deleted by an editor", h.DeleteEndpoint(ctx, editor, e.ID), bellhop.CodeForbidden, "apps")
		_, err = h.Endpoint(ctx, as(bellhop.RoleAdmin, "acme", "globex"), e.ID)
		code(t, "seen by an admin of apps", err, bellhop.CodeNotFound)
		if list, err := h.Endpoints(ctx, owner, "*", bellhop.EndpointFilter{}); err != nil || len(list) != 1 || list[0].ID != e.ID {
			t.Errorf("listed by app: %v, %v", list, err)
		}
		_, _, err = h.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"*"}})
		code(t, "a key of it", err, bellhop.CodeUnknownApp)
		_, err = h.Publish(ctx, owner, engine.Publication{App: "*", Type: "invoice.purchase", Data: bellhop.JSON("{}")})
		code(t, "published to it", err, bellhop.CodeUnknownApp, "app")
		if a, err := h.TestEndpoint(ctx, owner, e.ID, "", nil); err != nil || a.Status != bellhop.AttemptSucceeded {
			t.Errorf("tested: %+v, %v", a, err)
		}
		// Apps come and go; it stays, and gets nothing of theirs.
		h.publish(`{}`)
		if err := h.DeleteApp(ctx, owner, "globex"); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if got := slices.Sorted(slices.Values(h.types("ops.example"))); !slices.Equal(got, []string{"bellhop.endpoint.created", "webhook.test"}) {
			t.Errorf("it got %v", got)
		}
	})
}

func TestDeliveriesThatAreGivenUpAreTold(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("shop.example", status(500))
		h.net.on("ops2.example", status(500))
		shop := h.endpoint("shop.example", once, func(c *bellhop.EndpointChange) { c.Name = bellhop.Of("Shop") })
		h.endpoint("watch.example", wanting("bellhop.delivery.exhausted"))
		h.endpoint("ops.example", of("*"), wanting("bellhop.delivery.*"))
		h.endpoint("ops2.example", of("*"), once, wanting("bellhop.delivery.*"))
		event := h.publish(`{"secret":1}`)
		wait(time.Minute)
		for _, host := range []string{"watch.example", "ops.example", "ops2.example"} {
			got := h.net.at(host)
			if len(got) != 1 {
				t.Fatalf("%s got %d", host, len(got))
			}
			var body struct {
				Type string
				Data struct {
					Event, App, Endpoint, Delivery, Reason string
					EventType                              string `json:"event_type"`
					ResponseStatus                         int    `json:"response_status"`
					Attempts                               int
				}
			}
			if err := json.Unmarshal([]byte(got[0].body), &body); err != nil {
				t.Fatal(err)
			}
			d := body.Data
			if body.Type != engine.TypeDeliveryExhausted || d.Event != event.String() || d.App != "acme" || d.EventType != "invoice.purchase" ||
				d.Endpoint != shop.ID.String() || d.Reason != "status" || d.ResponseStatus != 500 || d.Attempts != 1 || d.Delivery == "" || strings.Contains(got[0].body, "secret") {
				t.Errorf("%s got %s", host, got[0].body)
			}
		}
		// That one of them was not told is told to nobody: it would not end.
		wait(24 * time.Hour)
		if n := len(h.net.at("ops.example")); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		if left, err := h.store.Reactions(t.Context(), "", 10); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		page, err := h.Events(t.Context(), owner, "*", desk.EventQuery{EventFilter: bellhop.EventFilter{Limit: 10}})
		ex := page.Events
		if err != nil || len(ex) != 1 || ex[0].Subject != "endpoint:"+shop.ID.String() {
			t.Errorf("events of all apps: %+v, %v", ex, err)
		}
		if list, err := h.Events(t.Context(), as(bellhop.RoleAdmin, "acme"), "", desk.EventQuery{EventFilter: bellhop.EventFilter{Limit: 10}}); err != nil || slices.ContainsFunc(list.Events, func(e desk.ListedEvent) bool { return e.App == "*" }) {
			t.Errorf("an admin of an app sees %+v, %v", list, err)
		}
	})
}

// toldChange is what a host got of Bellhop's own.
type toldChange struct {
	Type string
	Data struct {
		Endpoint, Delivery, Reason, URL, Name string
		Apps                                  []string
		Attempts                              int
		NextTryAt                             time.Time `json:"next_try_at"`
		SucceededAt                           time.Time `json:"succeeded_at"`
	}
}

func (h *house) toldChanges(host string) (list []toldChange) {
	h.t.Helper()
	for _, r := range h.net.at(host) {
		var x toldChange
		if err := json.Unmarshal([]byte(r.body), &x); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// TestDeliveriesThatFailAndRecoverAreTold once each, with the fourth failure and the success
// after it, over a restart; and nothing of those that nobody would call failing.
func TestDeliveriesThatFailAndRecoverAreTold(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("shop.example", status(500))
		four := func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: slices.Repeat([]bellhop.Duration{bellhop.Duration(time.Minute)}, 6)})
		}
		shop := h.endpoint("shop.example", four)
		watch := wanting("bellhop.delivery.*")
		h.endpoint("watch.example", watch)
		h.net.on("ops.example", status(500)) // which is told of itself to nobody
		h.endpoint("ops.example", of("*"), watch, four)
		h.publish(`{"secret":1}`)
		wait(2*time.Minute + 30*time.Second)
		if got := h.toldChanges("watch.example"); len(got) != 0 {
			t.Errorf("after three failures: %+v", got)
		}
		wait(time.Minute)
		got := h.toldChanges("watch.example")
		if len(got) != 1 || got[0].Type != engine.TypeDeliveryFailing || got[0].Data.Endpoint != shop.ID.String() || got[0].Data.Attempts != 4 ||
			got[0].Data.Reason != "status" || got[0].Data.NextTryAt.IsZero() || got[0].Data.Delivery == "" {
			t.Fatalf("after four failures: %+v", got)
		}
		h.stop()
		h.start()
		wait(time.Minute)
		h.net.on("shop.example", status(200))
		wait(time.Hour)
		got = h.toldChanges("watch.example")
		if len(got) != 2 || got[1].Type != engine.TypeDeliveryRecovered || got[1].Data.Delivery != got[0].Data.Delivery || got[1].Data.Attempts < 5 || got[1].Data.SucceededAt.IsZero() {
			t.Errorf("after the success: %+v", got)
		}
		// What succeeds in time is no news, and what fails at its fourth and last attempt is
		// given up, and not failing.
		h.net.on("shop.example", status(500))
		h.publish(`{}`)
		wait(90 * time.Second)
		h.net.on("shop.example", status(200))
		wait(time.Hour)
		h.net.on("shop.example", status(500))
		h.set(shop.ID, bellhop.EndpointChange{Retry: bellhop.Of(bellhop.RetryPolicy{Delays: slices.Repeat([]bellhop.Duration{bellhop.Duration(time.Minute)}, 3)})})
		h.publish(`{}`)
		wait(time.Hour)
		got = h.toldChanges("watch.example")
		if len(got) != 3 || got[2].Type != engine.TypeDeliveryExhausted {
			t.Errorf("in the end: %+v", got)
		}
		for _, x := range h.toldChanges("ops.example") {
			if x.Data.Endpoint != shop.ID.String() {
				t.Errorf("all were told of %+v", x)
			}
		}
		if left, err := h.store.Reactions(t.Context(), "", 10); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// TestChangesOfEndpointsAreTold to those who listen, but of none to itself.
func TestChangesOfEndpointsAreTold(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		ctx := t.Context()
		count := func() int {
			page, err := h.Events(ctx, owner, "", desk.EventQuery{EventFilter: bellhop.EventFilter{Limit: 100}})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Events)
		}
		early := h.endpoint("early.example")
		h.set(early.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
		if n := count(); n != 0 {
			t.Errorf("%d events where nobody listens", n)
		}
		watch := h.endpoint("watch.example", wanting("bellhop.endpoint.*"))
		h.endpoint("ops.example", of("*"), wanting("bellhop.endpoint.*"))
		h.endpoint("other.example", of("globex"), wanting("bellhop.endpoint.*"))
		shop := h.endpoint("shop.example", of("acme", "globex"))
		h.set(shop.ID, bellhop.EndpointChange{Name: bellhop.Of("Shop")})
		h.set(shop.ID, bellhop.EndpointChange{Name: bellhop.Of("Shop"), Apps: bellhop.Of([]string{"acme"})}) // in the same moment
		if _, _, err := h.RotateSecret(ctx, owner, shop.ID, nil, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := h.PauseEndpoint(ctx, owner, shop.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteEndpoint(ctx, owner, shop.ID); err != nil {
			t.Fatal(err)
		}
		h.set(watch.ID, bellhop.EndpointChange{Name: bellhop.Of("Watch")})
		wait(time.Minute)
		of := func(host string) map[string]int {
			n := map[string]int{}
			for _, x := range h.toldChanges(host) {
				if x.Data.Endpoint == shop.ID.String() {
					n[strings.TrimPrefix(x.Type, "bellhop.endpoint.")]++
				}
				if (x.Data.Apps != nil) != (host == "ops.example") || x.Data.URL == "" {
					t.Errorf("%s got %+v", host, x)
				}
			}
			return n
		}
		for host, want := range map[string]map[string]int{
			"watch.example": {"created": 1, "updated": 4, "deleted": 1},
			"ops.example":   {"created": 1, "updated": 4, "deleted": 1},
			"other.example": {"created": 1, "updated": 1},
			"early.example": {},
		} {
			if got := of(host); !maps.Equal(got, want) {
				t.Errorf("%s was told %v, want %v", host, got, want)
			}
		}
		for _, x := range h.toldChanges("watch.example") {
			if x.Data.Endpoint == watch.ID.String() {
				t.Errorf("it was told of itself: %+v", x)
			}
		}
	})
}
