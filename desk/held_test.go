package desk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
)

// holding is a store that takes what was answered 422 for a request that could not be
// made.
type holding struct{ bellhop.Store }

func (s holding) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	for i := range results {
		if a := &results[i].Attempt; a.ResponseStatus == 422 {
			a.NextAt, a.Reason, a.Detail = time.Time{}, bellhop.ReasonTransform, "The transformation failed at line 3, column 5: total is not defined."
			results[i].Held = true
		}
	}
	return s.Store.Record(ctx, l, results, now)
}

func (h *house) explained(event bellhop.EventID) bellhop.Explanation {
	h.t.Helper()
	list, err := h.Explain(h.t.Context(), owner, event, 0, 10)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("explained: %+v, %v", list, err)
	}
	return list[0]
}

func TestHeldDeliveriesSayWhyAndWaitUntilTheyMayGo(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := openOn(t, holding{memstore.New()}, desk.Options{}, seldom)
		h.net.on("a.example", status(422))
		e := h.endpoint("a.example")
		first, second := h.publish(`{"n":1}`), h.publish(`{"n":2}`)
		wait(9 * 24 * time.Hour)
		h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("Another name")})
		wait(time.Minute)
		if got := h.net.at("a.example"); len(got) != 2 {
			t.Fatalf("%d requests were made", len(got))
		}
		x := h.explained(first)
		if x.Outcome != bellhop.FateHeld || x.Reason != bellhop.ReasonTransform || !x.NextAt.IsZero() ||
			!strings.Contains(x.Detail, "line 3, column 5") || !strings.Contains(x.Detail, "goes out by itself") {
			t.Errorf("explained: %+v", x)
		}
		if list := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliveryHeld}); len(list) != 2 {
			t.Errorf("held: %+v", list)
		}
		trouble := h.troubles("")["a.example"]
		if trouble.Reason != desk.TroubleHeld || trouble.Held != 2 || trouble.Pending != 2 ||
			!strings.Contains(trouble.Detail, "2 deliveries are held") || !strings.Contains(trouble.Detail, "line 3") || !strings.Contains(trouble.Detail, second.String()) {
			t.Errorf("trouble: %+v", trouble)
		}
		stats, err := h.EndpointStats(t.Context(), owner, e.ID, desk.StatsRange{})
		if err != nil || stats.Held.Count != 2 || stats.Held.Reason != bellhop.ReasonTransform || !strings.Contains(stats.Held.Detail, "line 3") || stats.Held.At.IsZero() {
			t.Errorf("stats: %+v, %v", stats.Held, err)
		}

		h.net.on("a.example", status(204))
		made, err := h.Resend(t.Context(), owner, first, e.ID)
		if err != nil || len(made) != 1 || made[0].ID != x.Delivery || made[0].Status != bellhop.DeliveryPending {
			t.Errorf("sent again: %+v, %v", made, err)
		}
		wait(time.Second)
		if x := h.explained(first); x.Outcome != bellhop.FateSucceeded || x.Attempts != 2 {
			t.Errorf("explained then: %+v", x)
		}
		if x := h.explained(second); x.Outcome != bellhop.FateHeld {
			t.Errorf("the other one: %+v", x)
		}
		before, err := h.Endpoint(t.Context(), owner, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			now, err := h.ResumeEndpoint(t.Context(), owner, e.ID)
			if err != nil || now.Revision != before.Revision {
				t.Fatalf("resumed, it has the revision %d instead of %d: %v", now.Revision, before.Revision, err)
			}
		}
		wait(time.Second)
		if x := h.explained(second); x.Outcome != bellhop.FateSucceeded || x.Attempts != 2 {
			t.Errorf("the other one after the endpoint was resumed: %+v", x)
		}
		if got := h.troubles(""); len(got) != 0 {
			t.Errorf("in the end: %+v", got)
		}
	})
}

func TestAChangeLetsWhatIsHeldGoInItsOrder(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := openOn(t, holding{memstore.New()}, desk.Options{}, seldom)
		h.net.on("a.example", status(422))
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingSubject) })
		var want []string
		for i := range 20 {
			data := fmt.Sprintf(`{"n":%d}`, i)
			h.publish(data, func(p *engine.Publication) { p.Subject = "ticket:1" })
			want = append(want, data)
		}
		wait(9 * 24 * time.Hour)
		if got := h.net.at("a.example"); len(got) != 1 {
			t.Fatalf("%d requests were made: one holds all of its subject back", len(got))
		}
		h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://b.example/hook")})
		wait(time.Minute)
		var got []string
		for _, r := range h.net.at("b.example") {
			got = append(got, r.body)
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !strings.Contains(got[i], want[i]) {
				t.Fatalf("received %q, want %q", got, want)
			}
		}
	})
}

// seldom lets days of heartbeats pass quickly.
func seldom(c *engine.Config) { c.Lease = 2 * time.Minute }
