package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// Endpoints that hang do not delay another: it gets 50 events while each of them
// sits on as many.
func TestHangingNeighbours(t *testing.T) {
	t.Parallel()
	const events = 50
	s := serve(t)
	s.app("acme")
	hanging := []*receiver{newReceiver(t, hangs), newReceiver(t, hangs)}
	for _, r := range hanging {
		s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", healthy.URL, nil)

	begin := time.Now()
	for i := range events {
		if r := s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i)); r.Deliveries != 3 {
			t.Fatalf("%+v", r)
		}
	}
	within(t, 2*time.Second, "the healthy endpoint got everything", func() bool { return healthy.count() == events })
	t.Logf("%d events in %s", events, time.Since(begin))
	s.waitDone(e.ID)
	for i, r := range hanging {
		if r.count() == 0 {
			t.Errorf("the hanging endpoint %d was not tried", i)
		}
	}
}

// Where few files may be open, endpoints that hang cannot use them up: the API
// answers, and others get their events.
func TestHangingNeighboursWithFewFiles(t *testing.T) {
	t.Parallel()
	const events, dead = 20, 20
	s := newServer(t, "--dev")
	s.openFiles = 256
	s.start()
	s.app("acme")
	hanging := newReceiver(t, hangs)
	for i := range dead {
		s.endpoint("acme", fmt.Sprintf("%s/%d", hanging.URL, i), func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", healthy.URL, nil)
	for i := range events {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	s.waitDone(e.ID)
	if n := healthy.count(); n != events {
		t.Errorf("the healthy endpoint got %d of %d events", n, events)
	}
	for a, err := range s.api.Attempts(t.Context(), client.AttemptFilter{Endpoint: e.ID}) {
		if err != nil || a.Status != bellhop.AttemptSucceeded {
			t.Errorf("an attempt at the healthy endpoint: %+v, %v", a, err)
		}
	}
}
