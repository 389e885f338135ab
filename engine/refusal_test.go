package engine_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// A receiver may refuse the types that it does not know, as the documented one of
// Allthings does. What it takes is not delayed by that: neither by the circuit nor by
// the retries of what it refused, however slowly it refuses.
func TestWhatIsRefusedDoesNotDelayWhatIsTaken(t *testing.T) {
	for name, change := range map[string]func(*bellhop.EndpointChange){
		"as by default":        func(*bellhop.EndpointChange) {},
		"one at a time":        func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) },
		"in order of subjects": func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingSubject) },
		"a few per second": func(c *bellhop.EndpointChange) {
			c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 1, Burst: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t)
				h.net.on("allthings.example", func(r received) answer {
					if r.body == `{"type":"ticket.created"}` {
						return answer{status: 200}
					}
					return answer{status: 400, after: time.Second}
				})
				e := h.endpoint("allthings.example", change, func(c *bellhop.EndpointChange) {
					c.Dialect = bellhop.Of("raw")
				})
				for range 200 {
					h.publish(`{"type":"booking.accepted"}`)
				}
				wait(20 * time.Minute) // now retries are due all the time
				if s, err := h.LaneState(t.Context(), e.ID); err != nil || s.Circuit != "closed" {
					t.Errorf("the circuit is %s (%v)", s.Circuit, err)
				}
				began := time.Now()
				for range 5 {
					h.publish(`{"type":"ticket.created"}`)
				}
				wait(time.Hour)
				var taken []time.Duration
				for _, r := range h.net.at("allthings.example") {
					if r.body == `{"type":"ticket.created"}` {
						taken = append(taken, r.at.Sub(began))
					}
				}
				if len(taken) != 5 || taken[4] > 8*time.Second {
					t.Errorf("what it takes came after %v", taken)
				}
			})
		})
	}
}

// A circuit that one kind of event has opened, which the receiver fails on, closes
// with the first probe of another kind: what failed last is not probed with again.
func TestAProbeIsNotWhatFailedBefore(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("half.example", func(r received) answer {
			if r.body == `"poison"` {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint("half.example", func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("raw") })
		for range 30 {
			h.publish(`"poison"`)
		}
		wait(time.Second)
		began := time.Now()
		for range 5 {
			h.publish(`"well"`)
		}
		wait(time.Hour)
		n := 0
		for _, r := range h.net.at("half.example") {
			if r.body == `"well"` {
				if n++; r.at.Sub(began) > 10*time.Second {
					t.Errorf("what it takes came after %v", r.at.Sub(began))
				}
			}
		}
		if n != 5 {
			t.Errorf("%d of 5 came", n)
		}
	})
}
