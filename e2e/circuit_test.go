package e2e

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// An endpoint that fails again and again is left alone but for a probe now and
// then: what waits keeps its attempts, is explained, and goes out as soon as a
// probe is answered well.
func TestCircuit(t *testing.T) {
	t.Parallel()
	const events = 40
	s := serve(t)
	s.app("acme")
	var well atomic.Bool
	r := newReceiver(t, func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	e := s.endpoint("acme", r.URL, oneAtATime)
	var last client.Receipt
	for i := range events {
		last = s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	eventually(t, "the circuit is open", func() bool {
		st, err := s.api.EndpointStats(t.Context(), e.ID, client.StatsFilter{})
		return err == nil && st.Lane.Circuit == "open"
	})
	tried := r.count()
	if tried < 10 || tried > 11 {
		t.Errorf("%d requests until the circuit opened", tried)
	}
	if x := s.explain(last.ID, e.ID); x.Outcome != bellhop.FatePending || x.Reason != "circuit_open" || x.Attempts != 0 || x.NextAt.IsZero() {
		t.Errorf("explained as %+v", x)
	}
	if n := s.pending(e.ID); n != events {
		t.Errorf("%d of %d deliveries are pending", n, events)
	}
	well.Store(true)
	// The first probe comes after 5 seconds, and after it all that is due.
	r.wait(t, tried+events-10)
	for d, err := range s.api.Deliveries(t.Context(), client.DeliveryFilter{Endpoint: e.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Attempts > 2 {
			t.Errorf("a delivery has used %d attempts", d.Attempts)
		}
	}
}

// A delivery whose retries are used up has failed for good, and says so.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusTeapot))
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Retry = delays(100e6, 100e6) })
	event := s.publish("acme", "invoice.purchase", `{}`)
	s.waitDone(e.ID)
	list := s.attempts(event.ID, e.ID, 3)
	if last := list[len(list)-1]; len(list) != 3 || !last.Final || !last.NextAt.IsZero() || last.Status != bellhop.AttemptFailed {
		t.Errorf("%d attempts, the last: %+v", len(list), last)
	}
	if x := s.explain(event.ID, e.ID); x.Outcome != bellhop.FateFailed || x.Reason != "status" || x.Attempts != 3 {
		t.Errorf("explained as %+v", x)
	}
	s.restart()
	if n := r.count(); n != 3 {
		t.Errorf("%d requests", n)
	}
}
