package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// TestAHoldStopsAllAndIsReleasedOldestFirst: while all sending is held, events are
// accepted for every endpoint and nothing is sent, for longer than deliveries live, also
// by the next process; then everything goes out, oldest first.
func TestAHoldStopsAllAndIsReleasedOldestFirst(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		one := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Concurrency = bellhop.Of(1)
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}})
		})
		h.net.on("failing.example", func(received) answer { return answer{status: 500} })
		h.endpoint("failing.example")
		h.publish(`{}`)
		wait(time.Minute)
		asked := len(h.net.at("failing.example"))

		hold := func(held bool) {
			t.Helper()
			if _, err := h.store.SetHold(t.Context(), held, nil, time.Now()); err != nil {
				t.Fatal(err)
			}
			h.RefreshRoutes(t.Context())
		}
		hold(true)
		var want []string
		for i := range 1000 {
			want = append(want, h.publish(fmt.Sprint(i)).String())
			if i%500 == 0 {
				wait(time.Millisecond)
			}
		}
		wait(3 * time.Duration(one.Retry.Lasts()))
		if n, m := len(h.net.at("a.example")), len(h.net.at("failing.example")); n != 1 || m != asked {
			t.Fatalf("while held, %d and %d requests, of which 1 and %d before", n, m, asked)
		}
		states, err := h.Health(t.Context(), bellhop.Everything(), h.Routes().Routes().Endpoint(one.ID))
		if err != nil || states[0].State != bellhop.HealthPaused || states[0].Reason != engine.HealthAllHeld {
			t.Errorf("%+v %v", states, err)
		}
		hold(false)
		wait(time.Minute)
		var got []string
		for _, r := range h.net.at("a.example")[1:] {
			got = append(got, r.id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d of %d arrived, or not oldest first", len(got), len(want))
		}
		if n := len(h.net.at("failing.example")); n == asked {
			t.Error("what was failing before the hold is not tried any more")
		}
	})
}
