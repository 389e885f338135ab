package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// TestALargeEventForManyEndpointsThatHang: whatever the number of endpoints, what is in memory
// stays within --queue-memory, also after a restart, and a neighbour's events arrive meanwhile.
func TestALargeEventForManyEndpointsThatHang(t *testing.T) {
	t.Parallel()
	const (
		endpoints, events, size = 300, 2, 250_000
		bound                   = 8 << 20
		most                    = 340 // MiB, of a program that looks for races
	)
	s := serve(t, "--queue-memory", "8MiB")
	s.app("crowd")
	s.app("quiet")
	hanging := newReceiver(t, hangs)
	for i := range endpoints {
		s.endpoint("crowd", fmt.Sprintf("%s/%d", hanging.URL, i), func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("quiet", healthy.URL, nil)
	s.publish("quiet", "invoice.purchase", `0`)
	s.waitDone(e.ID)

	look := func(when string) {
		t.Helper()
		eventually(t, when+", memory is short", func() bool { return s.metrics()["bellhop_queued_bytes"] > bound/2 })
		before := healthy.count()
		for i := range 20 {
			s.publish("quiet", "invoice.purchase", fmt.Sprint(i))
			if got := s.metrics()["bellhop_queued_bytes"]; got > bound {
				t.Fatalf("%s, deliveries take %.0f bytes, and may take %d", when, got, bound)
			}
		}
		within(t, noticed, when+", the neighbour's events arrive", func() bool { return healthy.count() >= before+20 })
		flying, peak := s.metrics()["bellhop_requests_in_flight"], peak(s.cmd.Process.Pid)
		t.Logf("%s: a peak of %d MiB, %.0f requests under way", when, peak, flying)
		if fit := float64(bound / (2 * size)); flying > fit {
			t.Errorf("%s, %.0f requests are under way, and %.0f fit into the memory", when, flying, fit)
		}
		if peak > most {
			t.Errorf("%s, the server took %d MiB at its peak, more than %d", when, peak, most)
		}
	}
	for range events {
		s.publish("crowd", "invoice.flood", `"`+strings.Repeat("x", size)+`"`)
	}
	look("at first")
	e = s.endpoint("quiet", healthy.URL+"/new", nil)
	s.publish("quiet", "invoice.purchase", `1`)
	s.waitDone(e.ID)
	s.kill()
	s.start()
	look("after a restart")
}
