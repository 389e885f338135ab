package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

func TestEventReachesEveryEndpointThatAskedForIt(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("other")
		h.endpoint("all.example")
		h.endpoint("invoices.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"invoice.*"}) })
		h.endpoint("tickets.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"ticket.created"}) })
		h.endpoint("damage.example", func(c *bellhop.EndpointChange) { c.Subjects = bellhop.Of([]string{"ticket:damage-report:*"}) })
		h.endpoint("paid.example", func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(`{"status":["paid"]}`)) })
		h.endpoint("other.example", func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{"other"}) })
		h.endpoint("both.example", func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{"other", "acme"}) })

		data := "{ \"status\":\"paid\",\n\"n\":1.0, \"big\":12345678901234567890, \"z\":\"Zo\\u00eb\" }"
		r, err := h.Publish(t.Context(), engine.Publication{
			App: "acme", Type: "invoice.purchase", Subject: "ticket:damage-report:42", Data: bellhop.JSON(data),
		})
		if err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if r.Deliveries != 5 {
			t.Errorf("bound for %d endpoints, want 5", r.Deliveries)
		}
		for host, want := range map[string]int{
			"all.example": 1, "invoices.example": 1, "tickets.example": 0, "damage.example": 1,
			"paid.example": 1, "other.example": 0, "both.example": 1,
		} {
			got := h.net.at(host)
			if len(got) != want {
				t.Errorf("%s got %d events, want %d", host, len(got), want)
			}
			for _, x := range got {
				if !strings.Contains(x.body, data) {
					t.Errorf("%s: data is not byte for byte in %s", host, x.body)
				}
			}
		}
	})
}

func TestPublishIsIdempotent(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.endpoint("a.example")
		p := engine.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON(`{"n":1}`), ExternalID: "order-1"}
		first, err := h.Publish(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Publish(t.Context(), p)
		if err != nil || !again.Duplicate || again.Event != first.Event || again.Deliveries != first.Deliveries {
			t.Errorf("again: %+v, %v; first %+v", again, err, first)
		}
		batch, err := h.PublishBatch(t.Context(), []engine.Publication{p, {App: "acme", Type: "a.b", Data: bellhop.JSON(`2`), ExternalID: "x"}, {App: "acme", Type: "a.b", Data: bellhop.JSON(`2`), ExternalID: "x"}})
		if err != nil || !batch[0].Duplicate || batch[1].Duplicate || !batch[2].Duplicate || batch[2].Event != batch[1].Event {
			t.Errorf("batch: %+v, %v", batch, err)
		}
		p.Data = bellhop.JSON(`{"n":2}`)
		if _, err := h.Publish(t.Context(), p); bellhop.CodeOf(err) != bellhop.CodeIDConflict {
			t.Errorf("another content under the same id: %v", err)
		}
		wait(time.Second)
		if n := len(h.net.at("a.example")); n != 2 {
			t.Errorf("%d deliveries, want 2", n)
		}
	})
}

func TestBatchIsAllOrNothing(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.endpoint("a.example")
		_, err := h.PublishBatch(t.Context(), []engine.Publication{
			{App: "acme", Type: "a", Data: bellhop.JSON(`1`)},
			{App: "nobody", Type: "a", Data: bellhop.JSON(`1`)},
		})
		var e *bellhop.Error
		if !errors.As(err, &e) || e.Code != bellhop.CodeUnknownApp || e.Fields[0].Field != "events[1].app" {
			t.Errorf("err: %v", err)
		}
		wait(time.Second)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Errorf("%d events of a refused batch were sent", n)
		}
		if list, _ := h.store.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 10}); len(list) != 0 {
			t.Errorf("%d events of a refused batch were stored", len(list))
		}
	})
}

func TestScheduledPublishWaits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.endpoint("a.example")
		at := time.Now().Add(36 * time.Hour)
		e := h.publish(`{}`, func(p *engine.Publication) { p.DeliverAt = at })
		wait(time.Minute)
		if d := h.deliveries(bellhop.DeliveryFilter{Event: e}); len(d) != 1 || !d[0].Due.Equal(at) {
			t.Errorf("deliveries: %+v", d)
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

func TestPauseHoldsAndResumeSendsOldestFirst(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		var want []string
		for i := range 2000 { // more than a lane holds
			want = append(want, h.publish(fmt.Sprint(i)).String())
			if i%500 == 0 {
				wait(time.Millisecond)
			}
		}
		wait(time.Hour)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Fatalf("%d requests while paused", n)
		}
		held := h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID, Status: bellhop.DeliveryHeld, Limit: 3000})
		if len(held) != len(want) {
			t.Errorf("%d deliveries held, want %d", len(held), len(want))
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Minute)
		var got []string
		for _, r := range h.net.at("a.example") {
			got = append(got, r.id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d of %d arrived, or not oldest first", len(got), len(want))
		}
	})
}

func TestHangingEndpointsDelayNobody(t *testing.T) {
	for name, c := range map[string]struct {
		hanging int
		settle  time.Duration // until the failing ones are known as such
	}{
		"few":                  {8, 0},
		"more than slots have": {200, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, func(c *engine.Config) { c.MaxInFlight = 64 })
				for i := range c.hanging {
					h.net.on(fmt.Sprintf("hang%d.example", i), func(received) answer { return answer{status: 200, after: time.Hour} })
					h.endpoint(fmt.Sprintf("hang%d.example", i))
				}
				h.publish(`{}`)
				wait(c.settle)
				h.endpoint("well.example")
				for range 200 {
					sent := h.publish(`{}`)
					wait(100 * time.Millisecond)
					got := h.net.at("well.example")
					if len(got) == 0 || got[len(got)-1].id != sent.String() {
						t.Fatalf("the healthy endpoint has not got event %s after 100 ms", sent)
					}
				}
			})
		})
	}
}

func TestRateLimit(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.endpoint("slow.example", func(c *bellhop.EndpointChange) {
			c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 2, Burst: 4})
		})
		for range 2000 {
			h.publish(`{}`)
		}
		wait(100 * time.Second)
		if n := len(h.net.at("slow.example")); n < 200 || n > 205 {
			t.Errorf("%d requests in 100 s at 2/s with a burst of 4", n)
		}
	})
}

// resend does what a desk does to send an event again.
func (h *house) resend(event bellhop.EventID, endpoint bellhop.EndpointID) {
	h.t.Helper()
	e, err := h.store.Event(h.t.Context(), event)
	if err != nil {
		h.t.Fatal(err)
	}
	d := h.NewDelivery(&e, h.Routes().Routes().Endpoint(endpoint), bellhop.TriggerResend, h.Now())
	entry := h.AuditEntry(bellhop.System, "event.resend", event.String(), nil, nil)
	if n, err := h.Redeliver(h.t.Context(), bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}, Audit: entry}); err != nil || n.Added != 1 {
		h.t.Fatalf("resend: %+v, %v", n, err)
	}
}

func TestResendIsAChainOfItsOwn(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour), bellhop.Duration(time.Hour)}})
		})
		ev := h.publish(`{}`)
		wait(time.Minute)
		h.resend(ev, e.ID)
		wait(4 * time.Hour)
		if n := len(h.net.at("down.example")); n != 6 {
			t.Errorf("%d requests, want 3 of each chain", n)
		}
		all := h.deliveries(bellhop.DeliveryFilter{Event: ev})
		if len(all) != 2 || all[0].Attempts != 3 || all[1].Attempts != 3 {
			t.Errorf("deliveries: %+v", all)
		}
	})
}

func TestEraseCancelsAndBlanks(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.net.on("down.example", status(500))
		h.endpoint("down.example")
		person := func(p *engine.Publication) { p.Subject = "person:7" }
		one := h.publish(`{"name":"Ayşe"}`, person)
		two := h.publish(`{"name":"Ayşe"}`, person)
		other := h.publish(`{"name":"Luca"}`)
		wait(time.Second)
		if gone := h.erase(bellhop.EraseSelector{App: "acme", Subject: "person:7"}); len(gone) != 2 {
			t.Fatalf("erased %v", gone)
		}
		wait(24 * time.Hour)
		for _, e := range []bellhop.EventID{one, two} {
			ev, err := h.store.Event(t.Context(), e)
			if err != nil || !ev.Erased || ev.Data != nil {
				t.Errorf("event: %+v, %v", ev, err)
			}
			d := h.deliveries(bellhop.DeliveryFilter{Event: e})
			if len(d) != 1 || d[0].Status != bellhop.DeliveryCanceled {
				t.Errorf("deliveries: %+v", d)
			}
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Event: other}); len(d) != 1 || d[0].Status != bellhop.DeliveryPending {
			t.Errorf("the other event: %+v", d)
		}
	})
}

func TestRetentionDeletesHistoryButNotWhatIsHeld(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.endpoint("a.example")
		held := h.endpoint("held.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"held"}) })
		h.set(held.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		old := h.publish(`1`)
		kept := h.publish(`2`, func(p *engine.Publication) { p.Type = "held" })
		wait(31 * 24 * time.Hour)
		young := h.publish(`3`)
		wait(2 * time.Hour)
		if _, err := h.store.Event(t.Context(), old); !bellhop.IsNotFound(err) {
			t.Errorf("the old event: %v", err)
		}
		for _, e := range []bellhop.EventID{kept, young} {
			if _, err := h.store.Event(t.Context(), e); err != nil {
				t.Errorf("an event that must stay: %v", err)
			}
		}
		h.set(held.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Second)
		if n := len(h.net.at("held.example")); n != 1 {
			t.Errorf("held for 31 days: sent %d times", n)
		}
	})
}

func TestRotationOverlaps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		e := h.endpoint("a.example")
		count := func() int {
			h.publish(`{}`)
			wait(time.Second)
			got := h.net.at("a.example")
			return len(strings.Fields(got[len(got)-1].header.Get("webhook-signature")))
		}
		if n := count(); n != 1 {
			t.Errorf("%d signatures at first", n)
		}
		e.Secrets = append([]bellhop.Secret{{
			Sealed: h.config.Sealer.Seal([]byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), e.ID.String()), CreatedAt: time.Now(),
		}}, e.Secrets...)
		e.Secrets[1].ExpiresAt = time.Now().Add(24 * time.Hour)
		save(t, h.Engine, e)
		if n := count(); n != 2 {
			t.Errorf("%d signatures during the overlap", n)
		}
		wait(25 * time.Hour)
		if n := count(); n != 1 {
			t.Errorf("%d signatures after the overlap", n)
		}
	})
}

func TestDrainLetsRequestsFinish(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 5 * time.Second} })
		h.net.on("stuck.example", func(received) answer { return answer{status: 200, after: time.Hour} })
		h.endpoint("slow.example")
		h.endpoint("stuck.example", func(c *bellhop.EndpointChange) {
			c.Timeout = bellhop.Of(bellhop.Duration(time.Minute))
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		})
		ev := h.publish(`{}`)
		wait(time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took < 19*time.Second || took > 21*time.Second {
			t.Errorf("draining took %v, want the drain timeout of 20 s", took)
		}
		var states []bellhop.DeliveryStatus
		for _, d := range h.deliveries(bellhop.DeliveryFilter{Event: ev}) {
			states = append(states, d.Status)
		}
		slices.Sort(states)
		if !slices.Equal(states, []bellhop.DeliveryStatus{bellhop.DeliveryPending, bellhop.DeliverySucceeded}) {
			t.Errorf("after draining: %v", states)
		}
		h.net.on("stuck.example", status(200))
		h.start()
		wait(time.Second)
		if n := len(h.net.at("stuck.example")); n != 2 {
			t.Errorf("what was cut off was sent %d times, want again after the restart", n)
		}
	})
}
