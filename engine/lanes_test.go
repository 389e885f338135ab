package engine_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

func ofType(t string) func(*engine.Publication) {
	return func(p *engine.Publication) { p.Type = t }
}

func wanting(t string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{t}) }
}

// A lane that waited for a slot, and then got one by itself, must not swallow the
// wake-up of the lane behind it.
func TestAReturnedSlotWakesALaneThatUsesIt(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxInFlight = 2; c.Lease = 240 * time.Hour })
		for _, n := range []string{"a", "b"} {
			h.net.on(n+".example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
			h.endpoint(n+".example", wanting(n))
		}
		h.endpoint("d.example", wanting("d"))
		for range 2 {
			h.publish(`1`, ofType("a"))
			h.publish(`1`, ofType("b"))
		}
		wait(11 * time.Second) // the second ones are in flight
		h.publish(`1`, ofType("d"))
		wait(time.Minute)
		if n := len(h.net.at("d.example")); n != 1 {
			t.Errorf("d got %d events although every slot is free", n)
		}
	})
}

// Before anything is known of them, endpoints that hang must not take every slot.
func TestAProvenEndpointIsNotDelayedByAStorm(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxInFlight = 64 })
		h.endpoint("well.example", wanting("well"))
		h.publish(`{}`, ofType("well"))
		wait(time.Second)
		for i := range 200 {
			host := fmt.Sprintf("hang%d.example", i)
			h.net.on(host, func(received) answer { return answer{status: 200, after: time.Hour} })
			h.endpoint(host, wanting("storm"))
		}
		for range 5 {
			h.publish(`{}`, ofType("storm"))
		}
		for range 100 {
			sent := h.publish(`{}`, ofType("well"))
			wait(100 * time.Millisecond)
			got := h.net.at("well.example")
			if got[len(got)-1].id != sent.String() {
				t.Fatalf("the healthy endpoint has not got event %s after 100 ms", sent)
			}
		}
	})
}

func TestMemoryOfAllLanesIsBounded(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.QueueBytes = 1 << 20; c.MaxInFlight = 64 })
		var ids []bellhop.EndpointID
		for i := range 100 {
			host := fmt.Sprintf("hang%d.example", i)
			h.net.on(host, func(received) answer { return answer{status: 200, after: time.Hour} })
			e := h.endpoint(host, func(c *bellhop.EndpointChange) { c.Status = bellhop.Of(bellhop.EndpointPaused) })
			ids = append(ids, e.ID)
		}
		for range 20 {
			h.publish(`"` + strings.Repeat("x", 64<<10) + `"`)
		}
		for _, e := range ids {
			h.set(e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		}
		wait(time.Second)
		queued := 0
		for _, e := range ids {
			s, err := h.LaneState(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			queued += s.Queued
		}
		// 16 events fill the bound; beyond it every lane may hold one, so as not
		// to starve.
		if queued > 16+len(ids) {
			t.Errorf("%d events of 64 KiB are queued; the bound is 1 MiB", queued)
		}
	})
}

func TestAQueuedEventDoesNotKeepItsRequestInMemory(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("hang.example", func(received) answer { return answer{status: 200, after: time.Hour} })
		h.endpoint("hang.example", wanting("rare"))
		before := heap()
		for range 30 {
			body := []byte(`1` + strings.Repeat(" ", 1<<20)) // as if the event came in a large batch
			ps := make([]engine.Publication, 100)
			for i := range ps {
				ps[i] = engine.Publication{App: "acme", Type: "common", Data: bellhop.JSON(body[:1])}
			}
			ps[50].Type = "rare"
			if _, err := h.PublishBatch(t.Context(), ps); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Second)
		if grown := heap() - before; grown > 16<<20 {
			t.Errorf("30 queued events of one byte hold %d MiB", grown>>20)
		}
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestGoneAtAnOldAddressDoesNotDisable(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("old.example", func(received) answer { return answer{status: 410, after: 5 * time.Second} })
		e := h.endpoint("old.example")
		h.publish(`1`)
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://new.example/hook")})
		wait(time.Minute)
		if got, err := h.Endpoint(e.ID); err != nil || got.Status != bellhop.EndpointActive {
			t.Errorf("%s: %s, %v", got.Status, got.DisabledReason, err)
		}
	})
}

func TestANewAddressStartsTheFiveDaysAnew(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		h.net.on("old.example", status(500))
		h.net.on("new.example", status(503))
		e := h.endpoint("old.example")
		h.publish(`1`)
		wait(4*24*time.Hour + 22*time.Hour)
		h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://new.example/hook")})
		wait(3 * time.Hour)
		h.publish(`2`)
		wait(time.Hour)
		if got, err := h.Endpoint(e.ID); err != nil || got.Status != bellhop.EndpointActive {
			t.Errorf("%s: %s, %v", got.Status, got.DisabledReason, err)
		}
	})
}

// The one success that ended a row of failures may be recorded out of turn: it
// counts all the same, also after a restart.
func TestALateSuccessEndsARowOfFailures(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		var answered atomic.Int64
		answered.Store(500)
		h.net.on("a.example", func(received) answer { return answer{status: int(answered.Load()), after: time.Second} })
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		})
		h.publish(`1`)
		wait(time.Minute)
		answered.Store(200)
		ev := h.publish(`2`)
		wait(500 * time.Millisecond) // it is in flight
		h.erase(bellhop.EraseSelector{Event: ev})
		for range 20 {
			wait(24 * time.Hour)
			h.publish(`3`)
		}
		wait(time.Minute)
		h.stop()
		h.start()
		answered.Store(500)
		h.publish(`4`)
		wait(time.Minute)
		if got, err := h.Endpoint(e.ID); err != nil || got.Status != bellhop.EndpointActive {
			t.Errorf("%s: %s, %v", got.Status, got.DisabledReason, err)
		}
	})
}

func TestScheduledForTheSameMomentKeepsTheOrder(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", func(r received) answer {
			if r.body == `"first"` && r.n == 1 {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Ordering = bellhop.Of(bellhop.OrderingSubject)
			c.Dialect = bellhop.Of("raw")
		})
		at := time.Now().Add(time.Hour)
		for _, d := range []string{`"first"`, `"second"`} {
			h.publish(d, func(p *engine.Publication) { p.Subject = "s:1"; p.DeliverAt = at })
		}
		wait(2 * time.Hour)
		var got []string
		for _, r := range h.net.at("a.example") {
			got = append(got, r.body)
		}
		if fmt.Sprint(got) != `["first" "first" "second"]` {
			t.Errorf("sent %v", got)
		}
	})
}

func TestErasedDataIsNotSentAfterwards(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		h.publish(`"x"`)
		e := h.publish(`"private"`)
		wait(time.Second)
		h.erase(bellhop.EraseSelector{Event: e})
		wait(time.Minute)
		for _, r := range h.net.at("a.example") {
			if strings.Contains(r.body, "private") {
				t.Errorf("erased data was sent")
			}
		}
	})
}

func TestErasingTheHeadOfAnOrderLetsTheNextGo(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.Lease = 24 * time.Hour })
		h.net.on("a.example", func(r received) answer {
			if r.body == `1` {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Ordering = bellhop.Of(bellhop.OrderingSubject)
			c.Dialect = bellhop.Of("raw")
		})
		subject := func(p *engine.Publication) { p.Subject = "s" }
		first := h.publish(`1`, subject)
		second := h.publish(`2`, subject)
		wait(time.Minute)
		h.erase(bellhop.EraseSelector{Event: first})
		wait(time.Second)
		got := h.net.at("a.example")
		if got[len(got)-1].id != second.String() {
			t.Error("the next of the order still waits")
		}
	})
}
