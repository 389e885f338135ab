package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

// gauges gives the metrics by name, and by the values of their labels, but for zeros.
func gauges(t *testing.T, registry *prometheus.Registry, names ...string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += " " + l.GetValue()
			}
			for _, name := range names {
				if v := m.GetGauge().GetValue(); f.GetName() == name && v != 0 {
					all[key] = v
				}
			}
		}
	}
	return all
}

// TestWhatWaits: what could be sent and is not is told apart from what waits for its
// endpoint, its time, its turn or its owner.
func TestWhatWaits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		h := open(t, func(c *engine.Config) { c.Metrics = registry })
		hangs := func(received) answer { return answer{status: 200, after: 14 * time.Second} }
		number := 0
		make := func(host string, answers func(received) answer, change ...func(*bellhop.EndpointChange)) bellhop.Endpoint {
			h.net.on(host, answers)
			number++
			return h.endpoint(host, append(change, wanting(fmt.Sprint("t.", number)))...)
		}
		publish := func(n int, change ...func(*engine.Publication)) {
			for range n {
				h.publish(`1`, append(change, ofType(fmt.Sprint("t.", number)))...)
			}
		}
		paused := make("paused.example", status(200))
		h.set(paused.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		publish(2)
		make("broken.example", func(received) answer { return answer{fail: errReset} })
		publish(30)
		wait(3 * time.Second)
		make("refuses.example", status(400))
		publish(3)
		make("later.example", status(200))
		at := time.Now().Add(time.Hour)
		publish(4, func(p *engine.Publication) { p.DeliverAt = at })
		make("hangs.example", hangs, func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		publish(6)
		make("limited.example", status(200), func(c *bellhop.EndpointChange) {
			c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 0.01, Burst: 1})
		})
		publish(8)
		wait(2 * time.Second)
		got := gauges(t, registry, "bellhop_deliveries_waiting", "bellhop_deliveries_due", "bellhop_due_age_seconds")
		circuit, retrying := got["bellhop_deliveries_waiting circuit"], got["bellhop_deliveries_waiting retrying"]
		if circuit < 15 || circuit+retrying != 33 {
			t.Errorf("%v behind the circuit, %v between attempts", circuit, retrying)
		}
		delete(got, "bellhop_deliveries_waiting circuit")
		delete(got, "bellhop_deliveries_waiting retrying")
		want := map[string]float64{
			"bellhop_deliveries_waiting paused": 2, "bellhop_deliveries_waiting scheduled": 4,
			"bellhop_deliveries_waiting sending": 1, "bellhop_deliveries_waiting limited": 5 + 7,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		health := map[string]float64{"bellhop_endpoints failing": 2, "bellhop_endpoints paused": 1, "bellhop_endpoints unknown": 2, "bellhop_endpoints healthy": 1}
		if diff := cmp.Diff(health, gauges(t, registry, "bellhop_endpoints")); diff != "" {
			t.Error(diff)
		}
		wait(countAgain)
		if age := gauges(t, registry, "bellhop_waiting_age_seconds"); age["bellhop_waiting_age_seconds limited"] != (2*time.Second+countAgain).Seconds() || age["bellhop_waiting_age_seconds paused"] < 5 {
			t.Errorf("%v", age)
		}
	})
}

// countAgain is when what waits is counted anew.
const countAgain = 10 * time.Second

// TestDue: what waits for nothing but Bellhop itself, here for one of too few requests at
// once, is due, and ages.
func TestDue(t *testing.T) {
	simulate(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		h := open(t, func(c *engine.Config) { c.Metrics, c.MaxInFlight = registry, 1 })
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 14 * time.Second} })
		h.endpoint("slow.example", wanting("slow"))
		h.endpoint("other.example", wanting("other"))
		h.publish(`1`, ofType("slow"))
		wait(time.Millisecond)
		h.publish(`1`, ofType("other"))
		wait(5 * time.Second)
		want := map[string]float64{"bellhop_deliveries_due": 1, "bellhop_due_age_seconds": 5, "bellhop_deliveries_waiting sending": 1}
		if diff := cmp.Diff(want, gauges(t, registry, "bellhop_deliveries_due", "bellhop_due_age_seconds", "bellhop_deliveries_waiting")); diff != "" {
			t.Error(diff)
		}
	})
}

// unspread is a store that makes no deliveries of large fan-outs yet.
type unspread struct {
	bellhop.Store
	spreads atomic.Bool
}

func (s *unspread) Spread(ctx context.Context, l bellhop.Lease, ids []bellhop.DeliveryID, now time.Time) ([]bellhop.Backlog, error) {
	if !s.spreads.Load() {
		return nil, nil
	}
	return s.Store.Spread(ctx, l, ids, now)
}

// TestOwed: deliveries that are still to be made are counted as such, and once they are made
// as the others.
func TestOwed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		registry, store := prometheus.NewRegistry(), &unspread{Store: memstore.New()}
		h := openOn(t, store, func(c *engine.Config) { c.Metrics = registry })
		h.app("big")
		tens(t, h.Engine, 300, func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointPaused })
		if _, err := h.PublishBatch(t.Context(), batch(40)); err != nil {
			t.Fatal(err)
		}
		// A thousand are made at once.
		want := map[string]float64{"bellhop_deliveries_pending": 1000, "bellhop_deliveries_owed": 11_000}
		if diff := cmp.Diff(want, gauges(t, registry, "bellhop_deliveries_pending", "bellhop_deliveries_owed")); diff != "" {
			t.Error(diff)
		}
		store.spreads.Store(true)
		wait(10 * time.Minute)
		want = map[string]float64{"bellhop_deliveries_pending": 12_000}
		if diff := cmp.Diff(want, gauges(t, registry, "bellhop_deliveries_pending", "bellhop_deliveries_owed")); diff != "" {
			t.Error(diff)
		}
	})
}

// slowly is a store in which counting takes long.
type slowly struct {
	bellhop.Store
	takes  time.Duration
	counts atomic.Int32
}

func (s *slowly) CountWaiting(ctx context.Context, sums map[bellhop.EndpointID]*bellhop.Waiting, after bellhop.DeliveryID, limit int, now time.Time) (bellhop.DeliveryID, error) {
	s.counts.Add(1)
	time.Sleep(s.takes)
	return s.Store.CountWaiting(ctx, sums, after, limit, now)
}

// TestScrapingCostsLittle: a scrape waits a moment for a count and no longer, and however
// often it comes, counting takes a small part of the time.
func TestScrapingCostsLittle(t *testing.T) {
	simulate(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		store := &slowly{Store: memstore.New(), takes: 3 * time.Second}
		h := openOn(t, store, func(c *engine.Config) { c.Metrics = registry })
		h.endpoint("a.example")
		began := time.Now()
		scrapes := 0
		for time.Since(began) < 10*time.Minute {
			at := time.Now()
			told := gauges(t, registry, "bellhop_deliveries_pending", "bellhop_deliveries_due")
			if took := time.Since(at); took > 300*time.Millisecond {
				t.Fatalf("a scrape took %v: %v", took, told)
			}
			scrapes++
			wait(time.Second)
		}
		if n := store.counts.Load(); n < 5 || n > 11 {
			t.Errorf("%d counts of %v for %d scrapes in ten minutes", n, store.takes, scrapes)
		}
	})
}
