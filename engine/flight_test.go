package engine_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// What is in flight when its endpoint is deleted, or its event erased, was not ended
// before it was delivered: the log says what came of it, and what is not answered is
// ended after it.
func TestWhatIsInFlightIsAnsweredFirst(t *testing.T) {
	for name, gone := range map[string]func(h *house, e bellhop.EndpointID, event bellhop.EventID){
		"the endpoint is deleted": func(h *house, e bellhop.EndpointID, _ bellhop.EventID) { h.remove(e) },
		"the event is erased": func(h *house, _ bellhop.EndpointID, event bellhop.EventID) {
			h.erase(bellhop.EraseSelector{Event: event})
		},
		"the endpoint is disabled": func(h *house, e bellhop.EndpointID, _ bellhop.EventID) {
			h.set(e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		},
	} {
		for status, want := range map[int]bellhop.DeliveryStatus{200: bellhop.DeliverySucceeded, 500: bellhop.DeliveryCanceled} {
			t.Run(name, func(t *testing.T) {
				simulate(t, func(t *testing.T) {
					h := open(t)
					h.net.on("slow.example", func(received) answer { return answer{status: status, after: 12 * time.Second} })
					e := h.endpoint("slow.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
					event := h.publish(`{}`)
					queued := h.publish(`{}`)
					wait(5 * time.Second)
					gone(h, e.ID, event)
					h.erase(bellhop.EraseSelector{Event: queued})
					wait(6 * time.Second) // a heartbeat and more
					if d := h.deliveries(bellhop.DeliveryFilter{Event: queued}); len(d) != 1 || d[0].Status != bellhop.DeliveryCanceled || d[0].Attempts != 0 {
						t.Errorf("what waited behind it: %+v", d)
					}
					if d := h.deliveries(bellhop.DeliveryFilter{Event: event}); len(d) != 1 || d[0].Status != bellhop.DeliveryPending && d[0].Status != bellhop.DeliveryHeld {
						t.Errorf("while it is in flight: %+v", d)
					}
					wait(30 * time.Second)
					if name == "the endpoint is disabled" && status == 500 {
						want = bellhop.DeliveryHeld
					}
					d := h.deliveries(bellhop.DeliveryFilter{Event: event})
					if len(d) != 1 || d[0].Status != want || d[0].Attempts != 1 {
						t.Errorf("after it was answered %d: %+v", status, d)
					}
					for _, a := range h.attempts(bellhop.AttemptFilter{Event: event}) {
						if last := a.ID == d[0].LastAttempt; last != (a.Final || want == bellhop.DeliveryHeld) {
							t.Errorf("final is %v of %+v", a.Final, a)
						}
					}
				})
			})
		}
	}
}

// Of requests in flight together, one may be answered 410 and the others taken: the
// endpoint is disabled, and the log has both.
func TestAGoneLeavesTheOthersInFlightAlone(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("mixed.example", func(r received) answer {
			if r.body == `"gone"` {
				return answer{status: 410, after: time.Second}
			}
			return answer{status: 200, after: 5 * time.Second}
		})
		e := h.endpoint("mixed.example", func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("raw") })
		for range 3 {
			h.publish(`"well"`)
		}
		h.publish(`"gone"`)
		wait(time.Minute)
		if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointDisabled {
			t.Errorf("the endpoint is %s", got.Status)
		}
		if pending, succeeded, _, _ := h.ended(e.ID); pending != 1 || succeeded != 3 {
			t.Errorf("%d are held, %d succeeded", pending, succeeded)
		}
	})
}
