package desk_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// health is what the list, the endpoint itself and, if it is in trouble, the list of those
// say of it: they must agree.
func (h *house) health(e bellhop.EndpointID) bellhop.HealthState {
	h.t.Helper()
	one, err := h.Endpoint(h.t.Context(), owner, e)
	if err != nil || one.Health == nil {
		h.t.Fatalf("%+v, %v", one, err)
	}
	for _, x := range h.all() {
		if x.ID == e && *x.Health != *one.Health {
			h.t.Errorf("the list says %+v, the endpoint %+v", x.Health, one.Health)
		}
	}
	troubled, err := h.Troubled(h.t.Context(), owner, "", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	found := false
	for _, x := range troubled {
		if x.Endpoint.ID == e {
			found = true
			if *x.Endpoint.Health != *one.Health {
				h.t.Errorf("those in trouble say %+v, the endpoint %+v", x.Endpoint.Health, one.Health)
			}
		}
	}
	if bad := one.Health.State == bellhop.HealthFailing || one.Health.State == bellhop.HealthOnHold; found != bad {
		h.t.Errorf("in trouble is %v: %+v", found, one.Health)
	}
	for _, state := range bellhop.Healths {
		list, err := h.Endpoints(h.t.Context(), owner, "", bellhop.EndpointFilter{Health: state})
		if err != nil || (len(list) == 1) != (state == one.Health.State) {
			h.t.Errorf("a filter by %s gives %d: %v", state, len(list), err)
		}
	}
	return *one.Health
}

func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.start()
}

// TestHealthIsWhatIsStored: to restart, to pause and resume, and to look elsewhere make
// no failing endpoint a good one.
func TestHealthIsWhatIsStored(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour), bellhop.Duration(time.Hour), bellhop.Duration(time.Hour)}})
		})
		want := func(when string, state bellhop.Health, reason string) bellhop.HealthState {
			t.Helper()
			got := h.health(e.ID)
			if got.State != state || got.Reason != reason || got.Detail == "" {
				t.Errorf("%s: %+v, want %s, %s", when, got, state, reason)
			}
			return got
		}
		want("new", bellhop.HealthUnknown, "new")
		began := time.Now()
		for range 3 {
			h.publish(`{}`)
		}
		wait(time.Second)
		before := want("after failures", bellhop.HealthFailing, bellhop.ReasonStatus)
		if before.ConsecutiveFailures != 3 || before.ResponseStatus != 503 || before.Since.Before(began) || before.LastFailure == 0 ||
			before.NextTryAt.Before(began.Add(50*time.Minute)) || before.CircuitOpen {
			t.Errorf("%+v", before)
		}
		h.restart()
		wait(time.Second)
		after := want("after a restart", bellhop.HealthFailing, bellhop.ReasonStatus)
		if after.ConsecutiveFailures != 3 || !after.Since.Equal(before.Since) || after.LastFailure != before.LastFailure {
			t.Errorf("after a restart %+v, before %+v", after, before)
		}
		for range 7 { // the circuit opens
			h.publish(`{}`)
			wait(time.Second)
		}
		open := want("behind an open circuit", bellhop.HealthFailing, bellhop.ReasonStatus)
		if !open.CircuitOpen || open.NextTryAt.IsZero() {
			t.Errorf("%+v", open)
		}
		h.stop()
		h.start()
		if got := want("and after a restart", bellhop.HealthFailing, bellhop.ReasonStatus); got != open || got.ConsecutiveFailures < 10 {
			t.Errorf("%+v, before %+v", got, open)
		}

		if _, err := h.PauseEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		want("paused", bellhop.HealthPaused, "")
		h.net.on("a.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		if _, err := h.ResumeEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		want("resumed, and nothing answered yet", bellhop.HealthUnknown, "changed")
		h.restart()
		want("and after a restart", bellhop.HealthUnknown, "changed")
		h.publish(`{}`)
		wait(time.Minute)
		want("once it has taken one", bellhop.HealthHealthy, "")
		h.restart()
		want("and after a restart", bellhop.HealthHealthy, "")

		h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://b.example/hook")})
		want("another URL", bellhop.HealthUnknown, "changed")
		h.net.on("b.example", status(400))
		h.publish(`{}`)
		wait(time.Second)
		want("it refuses what it gets", bellhop.HealthFailing, bellhop.ReasonStatus)
		if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil {
			t.Fatal(err)
		}
		if got := h.health(e.ID); got.ConsecutiveFailures != 1 {
			t.Errorf("a test that failed counts: %+v", got)
		}
		h.net.on("b.example", status(200))
		if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil {
			t.Fatal(err)
		}
		want("a test was taken", bellhop.HealthHealthy, "")
		h.restart()
		want("and after a restart", bellhop.HealthHealthy, "")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		want("disabled", bellhop.HealthDisabled, "")
	})
}

// TestHealthTellsNothingOfOthers: of an endpoint that listens to apps beyond the scope,
// nothing is counted.
func TestHealthTellsNothingOfOthers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("other")
		h.net.on("a.example", status(500))
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{"acme", "other"}) })
		for range 5 {
			h.publish(`{}`)
		}
		wait(time.Second)
		seen, err := h.Endpoint(t.Context(), as(bellhop.RoleViewer, "other"), e.ID)
		if err != nil || seen.Health.State != bellhop.HealthFailing || seen.Health.ConsecutiveFailures != 0 || seen.Health.LastFailure != 0 {
			t.Errorf("%+v, %v", seen.Health, err)
		}
		list, err := h.Troubled(t.Context(), as(bellhop.RoleViewer, "other"), "", 0)
		if err != nil || len(list) != 1 || list[0].Reason != desk.TroubleFailing || list[0].Endpoint.Health.ConsecutiveFailures != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
