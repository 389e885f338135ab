package desk_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
)

func TestScheduledPublishWaits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.endpoint("a.example")
		at := time.Now().Add(36 * time.Hour)
		e := h.publish(`{}`, func(p *engine.Publication) { p.DeliverAt = at })
		wait(time.Minute)
		x, err := h.Explain(t.Context(), owner, e, 0, 100)
		if err != nil || len(x) != 1 || x[0].Reason != "scheduled" || !x[0].NextAt.Equal(at) {
			t.Errorf("explain: %+v, %v", x, err)
		}
		h.stop() // it is in the store, not in memory
		h.start()
		wait(48 * time.Hour)
		got := h.net.at("a.example")
		if len(got) != 1 || got[0].at.Before(at) || got[0].at.Sub(at) > time.Second {
			t.Errorf("sent %d times; scheduled for %v: %v", len(got), at, got)
		}
	})
}

func TestExplainSaysWhyNot(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		want := map[bellhop.EndpointID]string{}
		add := func(reason, host string, change ...func(*bellhop.EndpointChange)) bellhop.Endpoint {
			e := h.endpoint(host, change...)
			want[e.ID] = reason
			return e
		}
		h.net.on("down.example", status(500))
		add("", "well.example")
		add("status", "down.example")
		add("type", "type.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"ticket.*"}) })
		add("subject", "subject.example", func(c *bellhop.EndpointChange) { c.Subjects = bellhop.Of([]string{"x:*"}) })
		add("channels", "channels.example", func(c *bellhop.EndpointChange) { c.Channels = bellhop.Of([]string{"project:7"}) })
		add("filter", "filter.example", func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(`{"paid":[true]}`)) })
		paused := add("paused", "paused.example")
		h.set(paused.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		disabled := add("disabled", "disabled.example")
		h.set(disabled.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		open := add("circuit_open", "open.example")
		h.net.on("open.example", status(503))
		for range 20 {
			h.publish(`{"paid":false}`)
		}
		wait(time.Second)
		if s, _ := h.e.LaneState(t.Context(), open.ID); s.Circuit != "open" {
			t.Fatalf("circuit: %+v", s)
		}
		e := h.publish(`{"paid":false}`)
		wait(time.Second)
		// The endpoint that answers 500 has an open circuit by now as well.
		for id, reason := range want {
			if reason == "status" {
				want[id] = "circuit_open"
			}
		}
		add("created_later", "later.example")
		got, err := h.Explain(t.Context(), owner, e, 0, 100)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d explanations, want %d: %v", len(got), len(want), err)
		}
		for _, x := range got {
			if x.Reason != want[x.Endpoint] || x.Detail == "" {
				t.Errorf("%s: reason %q, want %q (%s)", x.URL, x.Reason, want[x.Endpoint], x.Detail)
			}
			t.Logf("%-28s %-10s %s", x.URL, x.Outcome, x.Detail)
		}
	})
}

// TestExplainOfBellhopsOwnEvents: an endpoint that wants all is told why "all" was not
// this one.
func TestExplainOfBellhopsOwnEvents(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		want := map[bellhop.EndpointID]string{
			h.endpoint("all.example").ID:                                              "own_type",
			h.endpoint("star.example", wanting("*")).ID:                               "own_type",
			h.endpoint("other.example", wanting("ticket.*")).ID:                       "type",
			h.endpoint("own.example", wanting("a.b", "bellhop.endpoint.disabled")).ID: "",
			h.endpoint("gone.example").ID:                                             "own_type",
		}
		h.net.on("gone.example", status(410))
		h.publish(`{}`)
		wait(time.Minute)
		events, err := h.Events(t.Context(), owner, "", desk.EventQuery{EventFilter: bellhop.EventFilter{Type: "bellhop.*", Limit: 10}})
		own := events.Events
		if err != nil || len(own) != 1 {
			t.Fatalf("%+v, %v", own, err)
		}
		list, err := h.Explain(t.Context(), owner, own[0].ID, 0, 100)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, x := range list {
			if x.Reason != want[x.Endpoint] || x.Reason == "own_type" && !strings.Contains(x.Detail, "bellhop.*") {
				t.Errorf("%s: %q, want %q (%s)", x.URL, x.Reason, want[x.Endpoint], x.Detail)
			}
		}
	})
}

// TestExplainKnowsWhatIsStillBeingMade: an event for very many endpoints is accepted
// before all of its deliveries are there.
func TestExplainKnowsWhatIsStillBeingMade(t *testing.T) {
	simulate(t, func(t *testing.T) {
		m := meddle(nothing)
		h := openOn(t, m, desk.Options{})
		made := h.endpoint("made.example")
		coming := h.endpoint("coming.example", wanting("nothing"))
		event := h.publish(`{}`)
		wait(time.Second)
		m.later = []bellhop.EndpointID{made.ID, coming.ID, 1}
		list, err := h.Explain(t.Context(), owner, event, 0, 100)
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		if x := list[1]; x.Endpoint != made.ID || x.Outcome != bellhop.FateSucceeded {
			t.Errorf("a delivery that is there says more: %+v", x)
		}
		if x := list[0]; x.Endpoint != coming.ID || x.Outcome != bellhop.FatePending || x.Reason != "fanning_out" || x.Detail == "" || x.Delivery != 0 {
			t.Errorf("%+v", x)
		}
	})
}

// TestExplainNamesNoEndpointOfOthers: one that has moved on to another app is no
// business of the first one's people any more, but what came of the event is.
func TestExplainNamesNoEndpointOfOthers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Name = bellhop.Of("Bookkeeping") })
		gone := h.endpoint("gone.example")
		event := h.publish(`{}`)
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"globex"}), URL: bellhop.Of("https://globex.example/token")})
		if err := h.DeleteEndpoint(t.Context(), owner, gone.ID); err != nil {
			t.Fatal(err)
		}
		for p, want := range map[string]bellhop.Explanation{
			"viewer": {}, "owner": {Name: "Bookkeeping", URL: "https://globex.example/token"},
		} {
			who := owner
			if p == "viewer" {
				who = as(bellhop.RoleViewer, "acme")
			}
			list, err := h.Explain(t.Context(), who, event, 0, 100)
			if err != nil || len(list) != 2 || list[1].Endpoint != e.ID || list[1].Name != want.Name || list[1].URL != want.URL || list[1].Outcome != bellhop.FateSucceeded {
				t.Errorf("%s: %+v, %v", p, list, err)
			}
		}
	})
}

// TestExplainNamesTheFanOutThatHoldsAnOrderBack: where the order is kept, an event
// waits until an earlier one has come to all of its endpoints.
func TestExplainNamesTheFanOutThatHoldsAnOrderBack(t *testing.T) {
	simulate(t, func(t *testing.T) {
		m := meddle(func(_ context.Context, step string) error {
			if step == "Spread" {
				return bellhop.ErrUnavailable // it goes on for as long as this
			}
			return nil
		})
		h := openOn(t, m, desk.Options{})
		e := h.endpoint("ordered.example", func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) })
		now := h.e.Now()
		first := bellhop.NewEvent{
			Event: bellhop.Event{ID: id.Next[id.Event](h.e.IDs(), now), App: "acme", Type: "a.b", Data: bellhop.JSON(`{}`), Deliveries: 1},
			Later: []bellhop.EndpointID{e.ID},
		}
		if _, err := m.Enqueue(t.Context(), h.e.Lease(), h.e.Routes().Routes().Version(), []bellhop.NewEvent{first}, now); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		event := h.publish(`{}`)
		wait(time.Second)
		list, err := h.Explain(t.Context(), owner, event, 0, 100)
		if err != nil || len(list) != 1 || list[0].Reason != "fanning_out" || !strings.Contains(list[0].Detail, "order") {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestDeletingAnAppLetsOthersOrdersGoOn, at once and not with some heartbeat.
func TestDeletingAnAppLetsOthersOrdersGoOn(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.net.on("shared.example", func(r received) answer {
			if strings.Contains(r.body, "stuck") {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint("shared.example", func(c *bellhop.EndpointChange) {
			c.Apps, c.Ordering = bellhop.Of([]string{"acme", "globex"}), bellhop.Of(bellhop.OrderingEndpoint)
		})
		h.publish(`"stuck"`)
		wait(time.Second)
		h.publish(`"next"`, func(p *engine.Publication) { p.App = "globex" })
		wait(11*time.Minute + time.Second) // between two heartbeats, and two retries
		if err := h.DeleteApp(t.Context(), owner, "acme"); err != nil {
			t.Fatal(err)
		}
		wait(100 * time.Millisecond)
		for _, r := range h.net.at("shared.example") {
			if strings.Contains(r.body, "next") {
				return
			}
		}
		t.Error("the next of the order still waits")
	})
}
