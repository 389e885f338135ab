package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// hourly retries after an hour, ten times.
func hourly(c *bellhop.EndpointChange) {
	delays := make([]bellhop.Duration, 10)
	for i := range delays {
		delays[i] = bellhop.Duration(time.Hour)
	}
	c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: delays})
}

func (h *house) tryAll(e bellhop.EndpointID, cause bellhop.Cause) int {
	h.t.Helper()
	moved, err := h.TryEndpoint(h.t.Context(), owner, e, cause)
	if err != nil {
		h.t.Fatal(err)
	}
	return moved
}

func (h *house) failures(e bellhop.EndpointID) []bellhop.Failure {
	h.t.Helper()
	f, err := h.Failures(h.t.Context(), owner, "", e, time.Time{})
	if err != nil {
		h.t.Fatal(err)
	}
	return f.List
}

// TestTryNow: the receiver is mended, what waits for its retry goes at once, and each
// event arrives once.
func TestTryNow(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		var events []bellhop.EventID
		for range 5 {
			events = append(events, h.publish(`{}`))
		}
		wait(time.Second)
		h.net.on("a.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		deliveries := h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID})
		if f := h.failures(e.ID); len(f) != 1 || f[0].Waiting != 5 || f[0].Failed != 0 || f[0].ResponseStatus != 503 || f[0].NextAt.Before(time.Now()) {
			t.Errorf("before: %+v", f)
		}
		began := time.Now()
		first := deliveries[2]
		moved, err := h.TryDelivery(t.Context(), owner, first.ID)
		if err != nil || moved.ID != first.ID || moved.Due.After(time.Now()) {
			t.Fatalf("%+v, %v", moved, err)
		}
		wait(time.Minute)
		if got, err := h.Delivery(t.Context(), owner, first.ID); err != nil || got.Status != bellhop.DeliverySucceeded || got.Attempts != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if n := len(h.attempts(bellhop.AttemptFilter{Since: began})); n != 1 {
			t.Errorf("%d requests were made for one delivery", n)
		}
		if moved := h.tryAll(e.ID, bellhop.Cause{Reason: "timeout"}); moved != 0 {
			t.Errorf("%d moved for another cause", moved)
		}
		if moved := h.tryAll(e.ID, bellhop.Cause{ResponseStatus: 503}); moved != 4 {
			t.Errorf("%d moved, want 4", moved)
		}
		wait(time.Minute)
		taken := map[bellhop.EventID]int{}
		for _, a := range h.attempts(bellhop.AttemptFilter{Status: bellhop.AttemptSucceeded}) {
			taken[a.Event]++
		}
		for _, event := range events {
			if taken[event] != 1 {
				t.Errorf("%s was taken %d times", event, taken[event])
			}
		}
		if n := len(h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID})); n != 5 {
			t.Errorf("there are %d deliveries: some were copied", n)
		}
		if f := h.failures(e.ID); len(f) != 0 {
			t.Errorf("after: %+v", f)
		}
		_, err = h.TryDelivery(t.Context(), owner, first.ID)
		if bellhop.CodeOf(err) != bellhop.CodeConflict || !strings.Contains(err.Error(), "resend") {
			t.Errorf("one that has ended: %v", err)
		}
		for _, action := range []string{"delivery.try", "endpoint.try"} {
			if list, err := h.Audit(t.Context(), owner, "", bellhop.AuditFilter{Action: action, Limit: 10}); err != nil || len(list) != 1 {
				t.Errorf("%s: %+v, %v", action, list, err)
			}
		}
	})
}

// TestTryNowUsesUpNoRetry: attempts that somebody asks for are beside the schedule, the rest
// of which follows.
func TestTryNowUsesUpNoRetry(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(422)) // which opens no circuit
		delays := []bellhop.Duration{bellhop.Duration(10 * time.Minute), bellhop.Duration(time.Hour)}
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: delays}) })
		h.publish(`{}`)
		wait(time.Second)
		d := h.deliveries(bellhop.DeliveryFilter{})[0]
		tried := 1
		for range 7 {
			if _, err := h.TryDelivery(t.Context(), owner, d.ID); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			if moved := h.tryAll(e.ID, bellhop.Cause{}); moved != 1 {
				t.Fatalf("%d moved", moved)
			}
			wait(time.Second)
			tried += 2
		}
		at := func(state bellhop.DeliveryStatus, attempts int) {
			t.Helper()
			if got, err := h.Delivery(t.Context(), owner, d.ID); err != nil || got.Status != state || got.Attempts != attempts {
				t.Errorf("%+v, %v; want %s after %d attempts", got, err, state, attempts)
			}
		}
		at(bellhop.DeliveryPending, tried)
		wait(12 * time.Minute)
		at(bellhop.DeliveryPending, tried+1)
		wait(2 * time.Hour)
		at(bellhop.DeliveryFailed, tried+2)
	})
}

// TestTryNowBehindACircuit: one delivery goes at once, and the others if it is taken.
func TestTryNowBehindACircuit(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		for range 40 {
			h.publish(`{}`)
		}
		wait(10 * time.Minute) // probes are minutes apart by now
		state, err := h.e.LaneState(t.Context(), e.ID)
		if err != nil || state.Circuit != "open" || time.Until(state.NextProbe) < 10*time.Second {
			t.Fatalf("%+v, %v", state, err)
		}
		tried := func() int { return len(h.attempts(bellhop.AttemptFilter{})) }
		before := tried()
		h.tryAll(e.ID, bellhop.Cause{})
		wait(time.Second)
		if n := tried() - before; n != 1 {
			t.Errorf("%d were tried at a receiver that fails, want 1", n)
		}
		h.net.on("a.example", status(200))
		wait(time.Second)
		began := time.Now()
		h.tryAll(e.ID, bellhop.Cause{})
		wait(2 * time.Second)
		if left := h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliveryPending}); len(left) != 0 {
			t.Errorf("%d still wait %s after", len(left), time.Since(began))
		}
	})
}

// TestTryNowSaysWhyNot: it names the remedy, and does nothing.
func TestTryNowSaysWhyNot(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("other")
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		h.publish(`{}`)
		wait(time.Second)
		d := h.deliveries(bellhop.DeliveryFilter{})[0]
		for state, remedy := range map[bellhop.EndpointStatus]string{bellhop.EndpointPaused: "resume", bellhop.EndpointDisabled: "active"} {
			h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(state)})
			_, err := h.TryDelivery(t.Context(), owner, d.ID)
			_, err2 := h.TryEndpoint(t.Context(), owner, e.ID, bellhop.Cause{})
			for _, err := range []error{err, err2} {
				if bellhop.CodeOf(err) != bellhop.CodeEndpointStatus || !strings.Contains(err.Error(), remedy) {
					t.Errorf("%s: %v", state, err)
				}
			}
		}
		if got := h.deliveries(bellhop.DeliveryFilter{})[0]; !got.Due.Equal(d.Due) {
			t.Errorf("moved to %s", got.Due)
		}
		for _, p := range []bellhop.Principal{as(bellhop.RoleEditor, "other"), as(bellhop.RoleViewer, "acme")} {
			if _, err := h.TryDelivery(t.Context(), p, d.ID); err == nil {
				t.Errorf("%+v may", p)
			}
			if _, err := h.TryEndpoint(t.Context(), p, e.ID, bellhop.Cause{}); err == nil {
				t.Errorf("%+v may", p)
			}
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		at := time.Now().Add(time.Hour)
		h.publish(`{}`, scheduled(at))
		later := h.deliveries(bellhop.DeliveryFilter{})[0]
		if _, err := h.TryDelivery(t.Context(), owner, later.ID); bellhop.CodeOf(err) != bellhop.CodeConflict || !strings.Contains(err.Error(), "scheduled") {
			t.Errorf("a scheduled one: %v", err)
		}
	})
}

func scheduled(at time.Time) func(*engine.Publication) {
	return func(p *engine.Publication) { p.DeliverAt = at }
}

// TestReplayOfWhatFailed: those that wait are moved, those given up are sent again, each
// counted, and no event goes out twice.
func TestReplayOfWhatFailed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		since := time.Now()
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		once := bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		for range 3 {
			h.publish(`{}`)
		}
		wait(time.Second)
		h.net.on("a.example", status(401))
		h.set(e.ID, bellhop.EndpointChange{Retry: once})
		for range 2 {
			h.publish(`{}`)
		}
		wait(time.Second)
		h.net.on("a.example", status(200))
		replay := func(cause bellhop.Cause, dry bool) desk.ReplayResult {
			t.Helper()
			res, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayFailed, Cause: cause, DryRun: dry})
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		if got, want := replay(bellhop.Cause{}, true), (desk.ReplayResult{Matched: 2, Failed: 2, Waiting: 3}); got != want {
			t.Errorf("dry run %+v, want %+v", got, want)
		}
		if got, want := replay(bellhop.Cause{ResponseStatus: 503}, true), (desk.ReplayResult{Waiting: 3}); got != want {
			t.Errorf("of 503 %+v, want %+v", got, want)
		}
		if got, want := replay(bellhop.Cause{Reason: bellhop.ReasonStatus, ResponseStatus: 401}, true), (desk.ReplayResult{Matched: 2, Failed: 2}); got != want {
			t.Errorf("of 401 %+v, want %+v", got, want)
		}
		if got, want := replay(bellhop.Cause{}, false), (desk.ReplayResult{Matched: 2, Enqueued: 2, Failed: 2, Waiting: 3, Moved: 3}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		wait(5 * time.Minute)
		taken := map[bellhop.EventID]int{}
		for _, a := range h.attempts(bellhop.AttemptFilter{Status: bellhop.AttemptSucceeded}) {
			taken[a.Event]++
		}
		if len(taken) != 5 {
			t.Errorf("%d events arrived", len(taken))
		}
		for event, n := range taken {
			if n != 1 {
				t.Errorf("%s was taken %d times", event, n)
			}
		}
		if got := replay(bellhop.Cause{}, true); got != (desk.ReplayResult{}) {
			t.Errorf("afterwards %+v", got)
		}
		_, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayAll, Cause: bellhop.Cause{Reason: "timeout"}})
		if bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("a cause for all: %v", err)
		}
	})
}

// TestResumeSaysWhatGoesOut: what waits for its retry is not what goes out now.
func TestResumeSaysWhatGoesOut(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		for range 3 {
			h.publish(`{}`)
		}
		wait(time.Second)
		if _, err := h.PauseEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h.publish(`{}`)
		}
		wait(time.Second)
		h.net.on("a.example", status(200))
		began := time.Now()
		got, err := h.ResumeEndpoint(t.Context(), owner, e.ID)
		if err != nil || got.DueNow != 2 || got.Later != 3 || got.NextAt.Before(time.Now().Add(50*time.Minute)) {
			t.Errorf("%+v, %v", got, err)
		}
		wait(time.Minute)
		if n := len(h.attempts(bellhop.AttemptFilter{Since: began})); n != 2 {
			t.Errorf("%d went out", n)
		}
	})
}

// TestATestIsNoDelivery: neither what it comes to is part of the statistics, nor is it
// given up.
func TestATestIsNoDelivery(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(500))
		e := h.endpoint("a.example")
		for _, s := range []int{500, 200} {
			h.net.on("a.example", status(s))
			if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil {
				t.Fatal(err)
			}
		}
		s, err := h.EndpointStats(t.Context(), owner, e.ID, desk.StatsRange{})
		if err != nil || s.Total.Succeeded != 0 || s.Total.Failed != 0 || s.Total.Exhausted != 0 || len(s.Buckets) > 0 {
			t.Errorf("%+v, %v", s.Total, err)
		}
		if f := h.failures(0); len(f) > 0 {
			t.Errorf("%+v", f)
		}
		if n := len(h.attempts(bellhop.AttemptFilter{})); n != 2 {
			t.Errorf("the log has %d lines", n)
		}
	})
}

// TestASuccessSettlesOlderCopies: what was sent again and has arrived is not sent once
// more by the retry of the one before, and explain says so.
func TestASuccessSettlesOlderCopies(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly)
		event, other := h.publish(`{}`), h.publish(`{}`)
		wait(time.Second)
		if _, err := h.Resend(t.Context(), owner, event, e.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second) // it fails as well, and waits
		explain := func(event bellhop.EventID) bellhop.Explanation {
			t.Helper()
			list, err := h.Explain(t.Context(), owner, event, 0, 10)
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			return list[0]
		}
		if x := explain(event); x.CopiesWaiting != 1 || x.Outcome != bellhop.FateRetrying || !strings.Contains(x.Detail, "Another delivery") {
			t.Errorf("while both wait: %+v", x)
		}
		h.net.on("a.example", status(200))
		if _, err := h.Resend(t.Context(), owner, event, e.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if x := explain(event); x.Outcome != bellhop.FateSucceeded || x.CopiesWaiting != 0 || !strings.Contains(x.Detail, "2 earlier deliveries") {
			t.Errorf("after it has arrived: %+v", x)
		}
		wait(3 * time.Hour)
		taken := 0
		for _, r := range h.attempts(bellhop.AttemptFilter{Event: event, Status: bellhop.AttemptSucceeded}) {
			if taken++; r.Trigger != bellhop.TriggerResend {
				t.Errorf("taken by a %s", r.Trigger)
			}
		}
		if taken != 1 {
			t.Errorf("the event was taken %d times", taken)
		}
		settled := 0
		for _, a := range h.attempts(bellhop.AttemptFilter{Event: event, Status: bellhop.AttemptCanceled}) {
			if settled++; a.Reason != bellhop.ReasonSettled || !a.Final || !strings.Contains(a.Detail, "sent again and has arrived") {
				t.Errorf("%+v", a)
			}
		}
		if settled != 2 {
			t.Errorf("%d deliveries are settled", settled)
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Event: other}); len(d) != 1 || d[0].Status != bellhop.DeliverySucceeded {
			t.Errorf("another event: %+v", d)
		}
		if s, err := h.EndpointStats(t.Context(), owner, e.ID, desk.StatsRange{}); err != nil || s.Total.Exhausted != 0 || s.Pending != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestASettledOneIsNotSentFromTheQueue: it may be in memory already.
func TestASettledOneIsNotSentFromTheQueue(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(503))
		e := h.endpoint("a.example", hourly, func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		event := h.publish(`{}`)
		wait(time.Second)
		h.net.on("a.example", func(received) answer { return answer{status: 200, after: 5 * time.Second} })
		h.publish(`"first"`) // which is under way while the others come
		if _, err := h.Resend(t.Context(), owner, event, e.ID); err != nil {
			t.Fatal(err)
		}
		h.tryAll(e.ID, bellhop.Cause{})
		wait(time.Minute)
		if got := h.attempts(bellhop.AttemptFilter{Event: event, Status: bellhop.AttemptSucceeded}); len(got) != 1 || got[0].Trigger != bellhop.TriggerResend {
			t.Errorf("%d attempts succeeded: %+v", len(got), got)
		}
	})
}
