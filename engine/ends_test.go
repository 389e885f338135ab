package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

func retrying(delays ...time.Duration) func(*bellhop.EndpointChange) {
	p := bellhop.RetryPolicy{Delays: []bellhop.Duration{}}
	for _, d := range delays {
		p.Delays = append(p.Delays, bellhop.Duration(d))
	}
	return func(c *bellhop.EndpointChange) { c.Retry = bellhop.Of(p) }
}

// ended counts the deliveries of an endpoint by how they stand, and of the failed ones
// those that ended without a request as their last line. Each has a last line.
func (h *house) ended(e bellhop.EndpointID) (pending, succeeded, failed, expired int) {
	h.t.Helper()
	for _, d := range h.deliveries(bellhop.DeliveryFilter{Endpoint: e, Limit: 1000}) {
		switch d.Status {
		case bellhop.DeliverySucceeded:
			succeeded++
			continue
		case bellhop.DeliveryFailed:
			failed++
		default:
			pending++
			continue
		}
		last, err := h.store.Attempt(h.t.Context(), d.LastAttempt)
		if err != nil || !last.Final || last.Detail == "" {
			h.t.Fatalf("the last line of %v is %+v (%v)", d.ID, last, err)
		}
		if last.Reason == bellhop.ReasonExpired {
			expired++
			if last.Number != d.Attempts+1 || last.URL != "" || last.Duration != 0 {
				h.t.Errorf("%d requests were made for a delivery whose last line is %+v", d.Attempts, last)
			}
		}
	}
	return pending, succeeded, failed, expired
}

// Behind an open circuit, a delivery ends as its schedule does.
func TestDeliveriesEndBehindAnOpenCircuit(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example", retrying(time.Second, time.Second))
		for range 30 {
			h.publish(`{}`)
		}
		wait(30 * time.Second)
		if pending, _, _, _ := h.ended(e.ID); pending == 0 {
			t.Error("all have ended after half a minute: an outage as short as that loses events")
		}
		wait(45 * time.Second)
		if pending, _, failed, expired := h.ended(e.ID); pending != 0 || failed != 30 || expired == 0 {
			t.Errorf("after 75 s %d are pending, %d failed, %d of them without a last request", pending, failed, expired)
		}
	})
}

// A schedule may last for less than a minute, and does then.
func TestDeliveriesEndByAShortSchedule(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{
				Initial: bellhop.Duration(time.Second), Factor: 2, Max: bellhop.Duration(10 * time.Second), Until: bellhop.Duration(20 * time.Second),
			})
		})
		for range 30 {
			h.publish(`{}`)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		wait(19 * time.Second)
		if pending, _, failed, _ := h.ended(e.ID); failed != 0 || pending != 30 {
			t.Errorf("before its 20 s are over %d are pending, %d failed", pending, failed)
		}
		wait(7 * time.Second) // and a heartbeat
		if pending, _, failed, expired := h.ended(e.ID); pending != 0 || failed != 30 || expired == 0 {
			t.Errorf("after 26 s %d are pending, %d failed, %d of them without a last request", pending, failed, expired)
		}
	})
}

// Seven days are seven days for whatever is not sent: behind an open circuit, at an
// endpoint that is disabled, and in an order.
func TestDeliveriesEndAfterSevenDays(t *testing.T) {
	testlong.Only(t)
	for name, c := range map[string]struct {
		change func(*bellhop.EndpointChange)
		then   bellhop.EndpointStatus
	}{
		"behind an open circuit": {},
		"in an order":            {change: func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) }},
		"in orders of subjects":  {change: func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingSubject) }},
		"disabled":               {then: bellhop.EndpointDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, func(c *engine.Config) { c.Lease = time.Hour }) // fewer heartbeats to simulate
				h.net.on("down.example", status(500))
				e := h.endpoint("down.example", func(ch *bellhop.EndpointChange) {
					if c.change != nil {
						c.change(ch)
					}
				})
				for range 40 {
					h.publish(`{}`)
				}
				if c.then != "" {
					h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(c.then)})
				}
				wait(7*24*time.Hour - time.Hour)
				if _, _, failed, _ := h.ended(e.ID); failed != 0 {
					t.Errorf("%d have failed before seven days are over", failed)
				}
				wait(2 * time.Hour)
				if pending, _, failed, expired := h.ended(e.ID); pending != 0 || failed != 40 || expired == 0 {
					t.Errorf("after seven days %d are pending, %d failed, %d of them without a last request", pending, failed, expired)
				}
			})
		})
	}
}

// arrived is when an ordered endpoint was sent a body for the first time; zero if it was not.
func (h *house) arrived(host, body string) time.Time {
	for _, r := range h.net.at(host) {
		if r.body == body {
			return r.at
		}
	}
	return time.Time{}
}

// What is behind deliveries that were ended without a request goes at once, in its order,
// and not with the next heartbeat; also where their number is what some steps end, so that
// the last step finds none.
func TestWhatIsBehindEndedDeliveriesGoesAtOnce(t *testing.T) {
	const host = "a.example"
	ordered := func(h *house, delays ...time.Duration) {
		h.net.on(host, func(r received) answer {
			if r.body == `"old"` {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint(host, retrying(delays...), func(c *bellhop.EndpointChange) {
			c.Ordering, c.Dialect = bellhop.Of(bellhop.OrderingEndpoint), bellhop.Of("raw")
		})
	}
	publish := func(h *house, n int) {
		for range n {
			h.publish(`"old"`, func(p *engine.Publication) { p.Subject = "old" })
		}
	}
	gone := bellhop.EraseSelector{App: "acme", Subject: "old"}
	for _, n := range []int{500, 1000, 7} {
		t.Run(fmt.Sprint(n, " that are erased"), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, seldom)
				ordered(h, time.Hour)
				publish(h, n)
				h.publish(`"young"`)
				wait(10 * time.Second)
				erased := time.Now()
				h.erase(gone)
				wait(time.Minute)
				if at := h.arrived(host, `"young"`); at.IsZero() || at.Sub(erased) > time.Second {
					t.Errorf("it came at %v, when what was before it was erased at %v", at, erased)
				}
			})
		})
	}
	for _, n := range []int{16, 16 + 32, 16 + 32 + 64, 20} {
		t.Run(fmt.Sprint(n, " that maintenance sweeps"), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, seldom)
				ordered(h, time.Hour)
				publish(h, n)
				h.publish(`"young"`)
				wait(10 * time.Second)
				if _, err := h.store.Erase(t.Context(), gone, nil, h.Now()); err != nil {
					t.Fatal(err)
				}
				h.endsAtOnce(host, n, bellhop.ReasonErased)
			})
		})
		t.Run(fmt.Sprint(n, " that are too old"), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, func(c *engine.Config) { c.Lease = time.Hour })
				const day = 24 * time.Hour
				ordered(h, day, day, day, day, day, day)
				publish(h, n+1) // the first one has its last attempt after six days
				wait(7 * day)
				h.publish(`"young"`)
				wait(day)
				h.endsAtOnce(host, n, bellhop.ReasonExpired)
			})
		})
	}
}

// endsAtOnce waits until n deliveries have ended for a reason, and looks whether what was
// behind them came then.
func (h *house) endsAtOnce(host string, n int, reason string) {
	h.t.Helper()
	wait(10 * time.Minute)
	var ended []time.Time
	for _, a := range h.attempts(bellhop.AttemptFilter{}) {
		if a.Reason == reason {
			ended = append(ended, a.ID.Time())
		}
	}
	if len(ended) != n {
		h.t.Fatalf("%d have ended, want %d", len(ended), n)
	}
	// A request that finds out how the endpoint is may just have gone before it; the next
	// heartbeat is much later.
	if at := h.arrived(host, `"young"`); at.IsZero() || at.Sub(ended[n-1]) > 30*time.Second {
		h.t.Errorf("it came at %v, when the last one before it ended at %v", at, ended[n-1])
	}
}

// A pause holds: what it held is as young as ever when it ends.
func TestAPauseDoesNotAge(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.Lease = time.Hour })
		h.net.on("late.example", func(r received) answer {
			if r.n < 12 {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		e := h.endpoint("late.example")
		h.publish(`{}`)
		wait(time.Minute) // two attempts
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		h.publish(`{}`)
		wait(10 * 24 * time.Hour)
		if pending, _, _, _ := h.ended(e.ID); pending != 2 {
			t.Errorf("a pause of ten days left %d of 2", pending)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(6 * 24 * time.Hour)
		if pending, succeeded, failed, _ := h.ended(e.ID); succeeded != 2 {
			t.Errorf("after it %d are pending, %d succeeded, %d failed", pending, succeeded, failed)
		}
	})
}

// A list of delays counts attempts: what only waits its turn at an endpoint that works
// is not given up for that.
func TestABacklogDoesNotEndByAShortSchedule(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("slow.example", retrying(time.Second), func(c *bellhop.EndpointChange) {
			c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 1, Burst: 1})
		})
		for range 900 {
			h.publish(`{}`)
		}
		wait(20 * time.Minute)
		if _, succeeded, _, _ := h.ended(e.ID); succeeded != 900 {
			t.Errorf("%d of 900 came", succeeded)
		}
	})
}

// An endpoint is never disabled before its own schedule is over.
func TestDisablingWaitsForTheSchedule(t *testing.T) {
	testlong.Only(t)
	for name, c := range map[string]struct {
		retry bellhop.RetryPolicy
		after time.Duration
		want  time.Duration
	}{
		"by default":       {want: 8 * 24 * time.Hour},
		"a long schedule":  {retry: bellhop.RetryPolicy{Initial: bellhop.Duration(time.Hour), Factor: 1, Max: bellhop.Duration(6 * time.Hour), Until: bellhop.Duration(16 * 24 * time.Hour)}, want: 16 * 24 * time.Hour * 8 / 7},
		"a short setting":  {after: time.Hour, want: 8 * 24 * time.Hour},
		"a short schedule": {retry: bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}}, after: time.Hour, want: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t, func(cfg *engine.Config) { cfg.Lease, cfg.DisableAfter = 6*time.Hour, c.after })
				h.net.on("down.example", status(500))
				e := h.endpoint("down.example", func(ch *bellhop.EndpointChange) { ch.Retry = bellhop.Of(c.retry) })
				began := time.Now()
				for h.Routes().Routes().Endpoint(e.ID).Status == bellhop.EndpointActive && time.Since(began) < 30*24*time.Hour {
					h.publish(`{}`)
					wait(c.want / 64)
				}
				if took := time.Since(began); took < c.want || took > c.want+c.want/8 {
					t.Errorf("it was disabled after %v, want %v", took, c.want)
				}
			})
		})
	}
}

// What the clock alone says is not believed: a jump ends nothing.
func TestAJumpOfTheClockEndsNoDelivery(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h, w, _ := onAWall(t)
		h.net.on("down.example", status(500))
		down, off := h.endpoint("down.example"), h.endpoint("off.example")
		h.set(off.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		for range 20 {
			h.publish(`{}`)
		}
		h.set(off.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		wait(time.Minute)
		if pending, _, _, _ := h.ended(off.ID); pending != 20 {
			t.Fatalf("%d wait at the disabled endpoint", pending)
		}
		w.set(10 * day)
		wait(time.Hour)
		for _, e := range []bellhop.EndpointID{down.ID, off.ID} {
			if _, _, failed, _ := h.ended(e); failed != 0 {
				t.Errorf("%d deliveries were ended by a clock that jumped", failed)
			}
		}
		w.set(-10 * day)
		wait(time.Hour)
		for _, e := range []bellhop.EndpointID{down.ID, off.ID} {
			if _, _, failed, _ := h.ended(e); failed != 0 {
				t.Errorf("%d deliveries were ended by a clock that was set back", failed)
			}
		}
	})
}
