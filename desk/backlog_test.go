package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

// pendingAt counts what waits at an endpoint.
func (h *house) pendingAt(e bellhop.EndpointID) int64 {
	h.t.Helper()
	s, err := h.EndpointStats(h.t.Context(), owner, e, desk.StatsRange{})
	if err != nil {
		h.t.Fatal(err)
	}
	return s.Pending
}

// TestReplayInALoop: however often events are replayed to an endpoint that is paused,
// each waits there once.
func TestReplayInALoop(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		since := time.Now()
		for i := range 30 {
			h.publish(fmt.Sprint(i))
		}
		wait(time.Second)
		e := h.endpoint("a.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		for range 5 {
			h.publish(`"held"`)
		}
		wait(time.Second)
		for turn := range 10 {
			res, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayAll})
			want := desk.ReplayResult{Matched: 35, Enqueued: 30, AlreadyWaiting: 5}
			if turn > 0 {
				want = desk.ReplayResult{Matched: 35, AlreadyWaiting: 35}
			}
			if err != nil || res != want {
				t.Fatalf("turn %d: %+v, %v; want %+v", turn, res, err, want)
			}
		}
		if n := h.pendingAt(e.ID); n != 35 {
			t.Errorf("%d deliveries wait", n)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Minute)
		if got := h.net.at("a.example"); len(got) != 35 {
			t.Errorf("%d requests", len(got))
		}
	})
}

// TestBoundsOfWhatWaits: replays and resends stop where too much waits, say so, and go
// on where they stopped.
func TestBoundsOfWhatWaits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, memstore.New(), desk.Options{MaxResent: 10, MaxPending: 40})
		since := time.Now()
		var last bellhop.EventID
		for i := range 30 {
			last = h.publish(fmt.Sprint(i))
		}
		wait(time.Second)
		e := h.endpoint("a.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		q := desk.Replay{Since: since, Status: bellhop.ReplayAll}
		res, err := h.Replay(t.Context(), owner, e.ID, q)
		if err != nil || res.Enqueued != 10 || res.Next == 0 || !res.Full {
			t.Fatalf("to the bound: %+v, %v", res, err)
		}
		q.After = res.Next
		res, err = h.Replay(t.Context(), owner, e.ID, q)
		code(t, "a replay beyond the bound", err, bellhop.CodeBacklogFull)
		if res.Next != q.After || res.Enqueued != 0 {
			t.Errorf("beside the error: %+v", res)
		}
		_, err = h.Resend(t.Context(), owner, last, e.ID)
		code(t, "a resend beyond the bound", err, bellhop.CodeBacklogFull)
		_, err = h.Resend(t.Context(), owner, last, 0)
		code(t, "a resend to all", err, bellhop.CodeBacklogFull)
		if n := h.pendingAt(e.ID); n != 10 {
			t.Errorf("%d wait", n)
		}
		// What is published is accepted all the same.
		for range 30 {
			h.publish(`"more"`)
		}
		other := h.endpoint("b.example")
		_, err = h.Resend(t.Context(), owner, last, other.ID)
		code(t, "a resend when the app has too much", err, bellhop.CodeBacklogFull)
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Minute)
		for calls := 0; q.After != 0 && calls < 10; calls++ {
			if res, err = h.Replay(t.Context(), owner, e.ID, q); err != nil {
				t.Fatal(err)
			}
			q.After = res.Next
			wait(time.Minute)
		}
		if got := h.net.at("a.example"); len(got) != 60+30 {
			// The replay goes over what was published meanwhile, too.
			t.Errorf("%d requests", len(got))
		}
	})
}

// TestBoundOfPublishes: an app that has too much unfinished is refused before anything
// of it is acknowledged, where the operator wants that, and nobody else is.
func TestBoundOfPublishes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxPending = 20 })
		h.app("globex")
		e := h.endpoint("a.example")
		h.endpoint("b.example", of("globex"))
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		p := engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(`1`), ExternalID: "first"}
		first, err := h.Publish(t.Context(), owner, p)
		if err != nil {
			t.Fatal(err)
		}
		for range 19 {
			h.publish(`{}`)
		}
		again, err := h.Publish(t.Context(), owner, p)
		if err != nil || again.Event != first.Event || !again.Duplicate {
			t.Errorf("a publish that is repeated: %+v, %v", again, err)
		}
		p.ExternalID = "another"
		_, err = h.Publish(t.Context(), owner, p)
		code(t, "one more", err, bellhop.CodeBacklogFull)
		_, err = h.PublishBatch(t.Context(), owner, []engine.Publication{{App: "globex", Type: "a", Data: bellhop.JSON(`1`)}, p})
		code(t, "a batch with one more", err, bellhop.CodeBacklogFull)
		if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil {
			t.Errorf("a test, which does not wait: %v", err)
		}
		h.publish(`{}`, func(p *engine.Publication) { p.App = "globex" })
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Minute)
		if _, err = h.Publish(t.Context(), owner, p); err != nil {
			t.Errorf("once there is room: %v", err)
		}
		wait(time.Minute)
		if n, want := len(h.net.at("a.example")), 22; n != want {
			t.Errorf("%d requests, want %d: what was acknowledged, and nothing else", n, want)
		}
	})
}

// TestExplainGoesByTheNewestChain: an event that was sent again with success has
// arrived, and settles the older one; a replay of what failed agrees.
func TestExplainGoesByTheNewestChain(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		since := time.Now()
		broken := true
		h.net.on("a.example", func(r received) answer {
			if broken {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour)}})
		})
		event := h.publish(`{}`)
		wait(time.Minute)
		broken = false
		if _, err := h.Resend(t.Context(), owner, event, e.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		broken = true
		stands := func(want bellhop.Fate, failed int) {
			t.Helper()
			x, err := h.Explain(t.Context(), owner, event, 0, 10)
			if err != nil || len(x) != 1 || x[0].Outcome != want {
				t.Errorf("explained: %+v, %v; want %s", x, err, want)
			}
			res, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayFailed, DryRun: true})
			if err != nil || res.Matched != failed {
				t.Errorf("a replay of what failed takes %+v, %v", res, err)
			}
		}
		stands(bellhop.FateSucceeded, 0)
		wait(2 * time.Hour)
		if list := h.deliveries(bellhop.DeliveryFilter{Event: event}); len(list) != 2 || list[1].Status != bellhop.DeliveryCanceled {
			t.Fatalf("%+v", list)
		}
		stands(bellhop.FateSucceeded, 0)
		if _, err := h.Resend(t.Context(), owner, event, e.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		stands(bellhop.FateRetrying, 0)
		wait(2 * time.Hour)
		stands(bellhop.FateFailed, 1)
	})
}

// TestExplainInPages: an event of many endpoints, some of which are gone, is explained
// page by page, each endpoint once.
func TestExplainInPages(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		want := map[bellhop.EndpointID]bool{}
		var last bellhop.Endpoint
		for i := range 25 {
			change := []func(*bellhop.EndpointChange){}
			if i%3 == 0 {
				change = append(change, wanting("nothing"))
			}
			last = h.endpoint(fmt.Sprintf("e%d.example", i), change...)
			want[last.ID] = true
		}
		event := h.publish(`{}`)
		wait(time.Minute)
		for i, e := range h.all() {
			if i%5 == 2 {
				if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
					t.Fatal(err)
				}
				if len(e.Events) > 0 { // it never got the event, and is gone
					delete(want, e.ID)
				}
			}
		}
		for _, size := range []int{1, 4, 7, 100} {
			got := map[bellhop.EndpointID]bool{}
			for before := bellhop.EndpointID(0); ; {
				page, err := h.Explain(t.Context(), owner, event, before, size)
				if err != nil || len(page) > size {
					t.Fatalf("%d explanations, %v", len(page), err)
				}
				for _, x := range page {
					if got[x.Endpoint] || before != 0 && x.Endpoint >= before {
						t.Errorf("pages of %d: %v comes twice or out of order", size, x.Endpoint)
					}
					got[x.Endpoint], before = true, x.Endpoint
				}
				if len(page) < size {
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("pages of %d: %d endpoints, want %d", size, len(got), len(want))
			}
		}
	})
}
