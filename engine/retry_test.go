package engine_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

func TestSevenDaysOfRetries(t *testing.T) {
	began := time.Now()
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) {
			c.DisableAfter = 30 * 24 * time.Hour
			c.Lease = time.Hour // fewer heartbeats to simulate
		})
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example")
		h.publish(`{"n":1}`)
		start := time.Now()
		wait(7*24*time.Hour - time.Minute)
		if d := h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID}); len(d) != 1 || d[0].Status != bellhop.DeliveryPending {
			t.Errorf("just before the end: %+v", d)
		}
		wait(24 * time.Hour)

		schedule := bellhop.RetryPolicy{}.Schedule()
		got := h.net.at("down.example")
		if len(got) != len(schedule)+1 {
			t.Fatalf("%d attempts, want %d", len(got), len(schedule)+1)
		}
		due := start
		for i, r := range got {
			if d := r.at.Sub(due); d < 0 || d > time.Second {
				t.Errorf("attempt %d came at %v, want %v", i+1, r.at.Sub(start), due.Sub(start))
			}
			if i < len(schedule) {
				due = r.at.Add(time.Duration(schedule[i]))
			}
			if r.id != got[0].id {
				t.Errorf("attempt %d has the id %s, the first one %s", i+1, r.id, got[0].id)
			}
		}
		if span := got[len(got)-1].at.Sub(start); span < 7*24*time.Hour || span > 7*24*time.Hour+time.Minute {
			t.Errorf("the retries lasted %v, want seven days", span)
		}
		d := h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID})
		if len(d) != 1 || d[0].Status != bellhop.DeliveryFailed || d[0].Attempts != len(got) {
			t.Errorf("deliveries: %+v", d)
		}
	})
	if took := time.Since(began); took > 10*time.Second { // others may use the machine, too
		t.Errorf("seven days took %v", took)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, header := range map[string]func(now time.Time) string{
		"seconds": func(time.Time) string { return "600" },
		"date":    func(now time.Time) string { return now.Add(10 * time.Minute).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h := open(t)
				h.net.on("busy.example", func(r received) answer {
					if r.n > 1 {
						return answer{status: 200}
					}
					return answer{status: 503, header: http.Header{"Retry-After": {header(time.Now())}}}
				})
				h.endpoint("busy.example")
				h.publish(`{}`)
				wait(time.Hour)
				got := h.net.at("busy.example")
				if len(got) != 2 {
					t.Fatalf("%d attempts, want 2", len(got))
				}
				if d := got[1].at.Sub(got[0].at); d < 599*time.Second || d > 602*time.Second {
					t.Errorf("came back after %v, want 10m", d)
				}
			})
		})
	}
}

func TestRetryAfterIsBoundedByTheSchedule(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("busy.example", func(r received) answer {
			if r.n > 1 {
				return answer{status: 200}
			}
			return answer{status: 429, header: http.Header{"Retry-After": {"99999999999"}}}
		})
		h.endpoint("busy.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Minute), bellhop.Duration(time.Hour)}})
		})
		h.publish(`{}`)
		wait(3 * time.Hour)
		got := h.net.at("busy.example")
		if len(got) != 2 || got[1].at.Sub(got[0].at) > time.Hour+time.Second {
			t.Errorf("got %d attempts; the second must come within the longest delay", len(got))
		}
	})
}

func TestGoneDisablesTheEndpointAndTellsTheOwner(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("gone.example", status(410))
		e := h.endpoint("gone.example")
		h.endpoint("owner.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"bellhop.*"}) })
		h.endpoint("all.example")
		h.publish(`{}`)
		wait(time.Second)
		got, err := h.Endpoint(e.ID)
		if err != nil || got.Status != bellhop.EndpointDisabled || got.DisabledReason == "" {
			t.Fatalf("endpoint: %+v, %v", got, err)
		}
		if n := len(h.net.at("owner.example")); n != 1 {
			t.Errorf("the owner was told %d times", n)
		}
		if n := len(h.net.at("all.example")); n != 1 {
			t.Errorf("an endpoint that listens to all got %d events, want the published one alone", n)
		}
		h.publish(`{}`)
		wait(time.Hour)
		if n := len(h.net.at("gone.example")); n != 1 {
			t.Errorf("%d requests to a disabled endpoint", n-1)
		}

		// What was pending is held, and goes out when it works again.
		h.net.on("gone.example", status(200))
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Minute)
		if n := len(h.net.at("gone.example")); n != 2 {
			t.Errorf("after enabling: %d requests, want 2", n)
		}
	})
}

func TestEightDaysOfFailureDisable(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.net.on("down.example", func(received) answer { return answer{fail: errReset} })
		e := h.endpoint("down.example")
		day := func(n int) {
			for range n {
				h.publish(`{}`)
				wait(24 * time.Hour)
			}
		}
		day(7)
		wait(12 * time.Hour)
		if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointActive {
			t.Fatalf("disabled after seven and a half days: %s", got.DisabledReason)
		}
		day(1)
		if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointDisabled {
			t.Fatalf("still %s after eight and a half days", got.Status)
		}
	})
}

func TestOneSuccessResetsTheEightDays(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		start := time.Now()
		h.net.on("flaky.example", func(r received) answer {
			if age := time.Since(start); age > 3*24*time.Hour && age < 4*24*time.Hour {
				return answer{status: 200}
			}
			return answer{status: 500}
		})
		e := h.endpoint("flaky.example")
		for range 11 {
			h.publish(`{}`)
			wait(24 * time.Hour)
		}
		if got, _ := h.Endpoint(e.ID); got.Status != bellhop.EndpointActive {
			t.Errorf("disabled although it had worked in between: %s", got.DisabledReason)
		}
	})
}

func TestOverloadHalvesConcurrencyAndSuccessGrowsIt(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		var busy atomic.Bool
		busy.Store(true)
		h.net.on("busy.example", func(received) answer {
			if busy.Load() {
				return answer{status: 429, after: time.Second}
			}
			return answer{status: 200, after: time.Second}
		})
		e := h.endpoint("busy.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(8) })
		for range 8 {
			h.publish(`{}`)
		}
		wait(2 * time.Second)
		if s, _ := h.LaneState(t.Context(), e.ID); s.Concurrency != 4 {
			t.Errorf("concurrency %d after eight 429 at once, want it halved once, to 4", s.Concurrency)
		}
		busy.Store(false)
		for range 200 {
			h.publish(`{}`)
		}
		wait(10 * time.Minute)
		if s, _ := h.LaneState(t.Context(), e.ID); s.Concurrency < 7 {
			t.Errorf("concurrency %d after 200 successes, want it grown back", s.Concurrency)
		}
	})
}

func TestCircuitOpensProbesAndCloses(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		var up atomic.Bool
		h.net.on("down.example", func(received) answer {
			if up.Load() {
				return answer{status: 200}
			}
			return answer{status: 500}
		})
		e := h.endpoint("down.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		for range 100 {
			h.publish(`{}`)
		}
		wait(time.Minute)
		s, err := h.LaneState(t.Context(), e.ID)
		if err != nil || s.Circuit == "closed" || s.LastFailure != "status" {
			t.Fatalf("lane: %+v, %v", s, err)
		}
		if n := len(h.net.at("down.example")); n < 11 || n > 20 {
			t.Errorf("%d requests in the first minute; ten open the circuit, then single probes go out", n)
		}
		burnt := 0
		for _, d := range h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID}) {
			burnt += d.Attempts
		}
		if n := len(h.net.at("down.example")); burnt != n {
			t.Errorf("%d attempts counted for %d requests", burnt, n)
		}
		up.Store(true)
		wait(24 * time.Hour)
		if s, _ := h.LaneState(t.Context(), e.ID); s.Circuit != "closed" {
			t.Errorf("circuit %s after recovery", s.Circuit)
		}
		for _, d := range h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID}) {
			if d.Status != bellhop.DeliverySucceeded {
				t.Errorf("delivery %s is %s", d.ID, d.Status)
			}
		}
	})
}
