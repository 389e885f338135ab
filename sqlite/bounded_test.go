package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
)

// crowded is a store in which one tenant has much, and that a neighbour writes to.
type crowded struct {
	*testing.T
	s     *Store
	ids   *id.Generator
	now   time.Time
	lease bellhop.Lease
	ready atomic.Bool

	// Of the commits since they were last reset: the most rows that one changed, and
	// how long the slowest took. total is what the connection has changed ever.
	rows, longest, total atomic.Int64
}

func newCrowded(t *testing.T) *crowded {
	t.Helper()
	c := &crowded{T: t, ids: id.NewGenerator(1, 0), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{OnCommit: c.committed})
	c.must(err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c.s = s
	c.ready.Store(true)
	n, err := s.Join(t.Context(), bellhop.NodeAbout{Started: c.now}, time.Hour, c.now)
	c.must(err)
	c.lease = n.Lease
	for _, app := range []string{"acme", "neighbour"} {
		c.must(s.SaveApp(t.Context(), bellhop.App{ID: app}, nil))
	}
	return c
}

func (c *crowded) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// committed runs in the writer, so it may use its connection.
func (c *crowded) committed(_ int, d time.Duration) {
	if !c.ready.Load() {
		return
	}
	var total int64
	_ = each(c.s.writer.conn, func(st *sqlite.Stmt) { total = st.ColumnInt64(0) }, "SELECT total_changes()")
	c.rows.Store(max(c.rows.Load(), total-c.total.Swap(total)))
	c.longest.Store(max(c.longest.Load(), int64(d)))
}

func (c *crowded) endpoint(apps ...string) bellhop.Endpoint {
	c.Helper()
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](c.ids, c.now), Apps: apps, URL: "https://example.com", Status: bellhop.EndpointActive, Ordering: bellhop.OrderingNone,
	}
	c.must(c.s.SaveEndpoint(c.Context(), e, nil, c.now))
	e.Revision = 1
	return e
}

func (c *crowded) event(app, subject string, deliveries int, to bellhop.EndpointID) bellhop.NewEvent {
	n := bellhop.NewEvent{Event: bellhop.Event{
		ID: id.Next[id.Event](c.ids, c.now), App: app, Type: "a.b", Subject: subject, Data: bellhop.JSON(`{"n":1}`), Deliveries: deliveries,
	}}
	for _, d := range id.Take[id.Delivery](c.ids, deliveries, c.now) {
		n.Deliveries = append(n.Deliveries, bellhop.Delivery{ID: d, Endpoint: to, Trigger: bellhop.TriggerPublish, Due: c.now})
	}
	return n
}

func (c *crowded) enqueue(ctx context.Context, events ...bellhop.NewEvent) error {
	for {
		r, err := c.s.Routes(ctx, 0)
		if err != nil {
			return err
		}
		_, err = c.s.Enqueue(ctx, c.lease, r.Version, events, c.now)
		if err == nil || err != bellhop.ErrStaleRoutes {
			return err
		}
	}
}

// beside runs something while a neighbour writes a little, again and again, and looks
// at the largest and the slowest commit meanwhile. A commit that did all at once would
// take nearly all of the time, and several seconds; on a busy machine one with little
// may take many times as long as on an idle one.
func (c *crowded) beside(what string, mostRows int64, run func()) {
	c.Helper()
	idle := c.watch(func() { time.Sleep(100 * time.Millisecond) })
	begun := time.Now()
	busy := c.watch(run)
	took, rows := time.Since(begun), c.rows.Load()
	c.Logf("%s: the largest commit changed %d rows; the slowest took %v of %v, and %v while nothing went on", what, rows, busy, took, idle)
	if rows > mostRows {
		c.Errorf("%s: a commit changed %d rows, want at most %d", what, rows, mostRows)
	}
	if bound := max(20*idle, took/2, time.Second); busy > bound {
		c.Errorf("%s: a commit took %v, want at most %v", what, busy, bound)
	}
}

// watch gives the longest commit while something runs beside the neighbour.
func (c *crowded) watch(run func()) time.Duration {
	c.Helper()
	ctx, stop := context.WithCancel(c.Context())
	c.rows.Store(0)
	c.longest.Store(0)
	var neighbour sync.WaitGroup
	neighbour.Go(func() {
		for ctx.Err() == nil {
			if err := c.s.AddAudit(ctx, &bellhop.AuditEntry{ID: id.Next[id.Audit](c.ids, c.now)}); err != nil && ctx.Err() == nil {
				c.Error(err)
			}
		}
	})
	run()
	stop()
	neighbour.Wait()
	return time.Duration(c.longest.Load())
}

func (c *crowded) sweep(times int) {
	c.Helper()
	for range times {
		n, err := c.s.Sweep(c.Context(), id.Take[id.Attempt](c.ids, 1000, c.now), c.now)
		c.must(err)
		if n != 1000 {
			c.Fatalf("swept %d of 1000", n)
		}
	}
}

// TestALargeBacklogIsDealtWithInPieces has an endpoint with 100 000 pending deliveries
// change its ordering, lose the events of a subject, and go.
func TestALargeBacklogIsDealtWithInPieces(t *testing.T) {
	testlong.Only(t)
	c := newCrowded(t)
	e := c.endpoint("acme")
	const events, each = 100, 1000
	for i := range events {
		c.must(c.enqueue(t.Context(), c.event("acme", fmt.Sprint("guest:", i%2), each, e.ID)))
	}
	pending := func(want int64) {
		t.Helper()
		if n, _, err := c.s.Pending(t.Context(), bellhop.Everything(), e.ID); err != nil || n != want {
			t.Fatalf("%d are pending, %v; want %d", n, err, want)
		}
	}
	pending(events * each)

	c.beside("change the ordering", 2*maxBlocked+10, func() {
		e.Ordering = bellhop.OrderingEndpoint
		c.must(c.s.SaveEndpoint(t.Context(), e, nil, c.now))
		for calls := 0; ; calls++ {
			got, err := ClaimOf(t, c.s, bellhop.ClaimRequest{Lease: c.lease, Endpoint: e.ID, Limit: 10}, c.now)
			c.must(err)
			if len(got.Work) > 0 {
				break
			}
			if calls > events*each/reorderChunk+1 {
				t.Fatalf("nothing was claimed by %d calls", calls)
			}
		}
	})
	c.beside("erase a subject", 4*sweepChunk, func() {
		erased, err := c.s.Erase(t.Context(), bellhop.EraseSelector{App: "acme", Subject: "guest:0"}, nil, c.now)
		c.must(err)
		if len(erased) != events/2 {
			t.Errorf("%d events were erased", len(erased))
		}
		c.sweep(5)
	})
	pending(events*each - 5*1000)
	c.beside("end what is old", 4*sweepChunk, func() {
		stored := e
		stored.Revision++
		for range 5 {
			ids := id.Take[id.Attempt](c.ids, 1000, c.now)
			n, err := c.s.EndOld(c.Context(), bellhop.EndOld{Endpoint: e.ID, Revision: stored.Revision, Before: c.now.Add(time.Hour), Detail: "old"}, ids, c.now)
			c.must(err)
			if n != 1000 {
				t.Fatalf("ended %d of 1000", n)
			}
		}
	})
	pending(events*each - 10*1000)
	c.beside("delete the endpoint", 4*sweepChunk, func() {
		c.must(c.s.DeleteEndpoint(t.Context(), e.ID, nil, c.now))
		c.sweep(5)
	})
	pending(events*each - 15*1000)
}

// TestAnEventWithManyAttemptsIsErasedInPieces, and what is left when that is interrupted
// is erased by Wipe.
func TestAnEventWithManyAttemptsIsErasedInPieces(t *testing.T) {
	testlong.Only(t)
	c := newCrowded(t)
	e := c.endpoint("acme")
	n := c.event("acme", "guest:1", 0, e.ID)
	c.must(c.enqueue(t.Context(), n))
	const attempts = 20_000
	for range attempts / 1000 {
		c.must(c.s.write(t.Context(), "fill", 1, func(w *writer) error {
			for _, a := range id.Take[id.Attempt](c.ids, 1000, c.now) {
				err := w.addAttempt(&bellhop.Attempt{
					ID: a, Event: n.Event.ID, Endpoint: bellhop.EndpointID(a % 77), App: "acme", Status: bellhop.AttemptFailed, ResponseBody: []byte("secret"),
				}, time.Time{})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
	const left = "SELECT count(*) FROM attempts WHERE response_body IS NOT NULL"
	ctx, cancel := context.WithCancel(t.Context())
	c.beside("erase an event", blankChunk+10, func() {
		erased, err := c.s.Erase(ctx, bellhop.EraseSelector{Event: n.Event.ID}, nil, c.now)
		c.must(err)
		if len(erased) != 1 || rows(t, c.s, left) != 0 {
			t.Errorf("erased %v, and %d attempts are left", erased, rows(t, c.s, left))
		}
	})
	c.must(c.s.write(t.Context(), "as if it had been interrupted", 1, func(w *writer) error {
		if err := exec(w.conn, "UPDATE attempts SET response_body = x'00' WHERE id % 2 = 0"); err != nil {
			return err
		}
		return w.owe(owedBlank, name(n.Event.ID))
	}))
	cancel()
	c.must(c.s.Wipe(t.Context()))
	if got := rows(t, c.s, left) + rows(t, c.s, "SELECT count(*) FROM owed"); got != 0 {
		t.Errorf("%d attempts and marks are left", got)
	}
}

// TestAnAppWithManyEndpointsGoesInPieces: of some of them another app has deliveries.
func TestAnAppWithManyEndpointsGoesInPieces(t *testing.T) {
	testlong.Only(t)
	c := newCrowded(t)
	const endpoints = 4000
	var one bellhop.Endpoint
	for i := 0; i < endpoints; i += 500 {
		c.must(c.s.write(t.Context(), "fill", 1, func(w *writer) error {
			for _, x := range id.Take[id.Endpoint](c.ids, 500, c.now) {
				one = bellhop.Endpoint{ID: x, Apps: []string{"acme"}, Status: bellhop.EndpointActive}
				if x%2 == 0 {
					one.Apps = []string{"neighbour", "acme"}
				}
				if err := w.putEndpoint(&one); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	keys := id.Take[id.Key](c.ids, 1500, c.now)
	c.must(c.s.write(t.Context(), "fill", 1, func(w *writer) error {
		for _, k := range keys {
			if err := exec(w.conn, `INSERT INTO keys (id, name, role, apps, portal, created_at, expires_at, hash)
				VALUES (?, '', 'viewer', '["acme"]', 1, 0, 0, zeroblob(32))`, int64(k)); err != nil {
				return err
			}
		}
		return nil
	}))
	c.must(c.enqueue(t.Context(), c.event("acme", "", 2000, one.ID), c.event("neighbour", "", 1, one.ID)))
	c.beside("delete the app", 7*nameChunk, func() { c.must(c.s.DeleteApp(t.Context(), "acme", nil)) })
	r, err := c.s.Routes(t.Context(), 0)
	c.must(err)
	for _, e := range r.Endpoints {
		if len(e.Apps) != 1 || e.Apps[0] != "neighbour" {
			t.Fatalf("an endpoint of %v is left", e.Apps)
		}
	}
	if len(r.Endpoints) != endpoints/2 || rows(t, c.s, "SELECT count(*) FROM keys") != 0 {
		t.Errorf("%d endpoints and %d keys are left", len(r.Endpoints), rows(t, c.s, "SELECT count(*) FROM keys"))
	}
	if n, _, err := c.s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 1 {
		t.Errorf("%d are pending, %v", n, err)
	}
}

// TestAWideFanOutIsOneModestTransaction: 1000 events to 1000 endpoints each.
func TestAWideFanOutIsOneModestTransaction(t *testing.T) {
	testlong.Only(t)
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared lists: ", shared), func(t *testing.T) {
			c := newCrowded(t)
			const events, endpoints = 1000, 1000
			all := id.Take[id.Endpoint](c.ids, endpoints, c.now)
			for i := range all {
				all[i] += bellhop.EndpointID(i) << 21 // made some milliseconds apart
			}
			var list []bellhop.NewEvent
			for i := range events {
				n := c.event("acme", "", 0, 0)
				n.Event.Deliveries, n.Later = endpoints, all
				if !shared {
					n.Later = append(append([]bellhop.EndpointID{}, all[:i]...), all[i+1:]...)
				}
				list = append(list, n)
			}
			before := rows(t, c.s, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
			begun := time.Now()
			c.must(c.enqueue(t.Context(), list...))
			took := time.Since(begun)
			grown := rows(t, c.s, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") - before
			t.Logf("it took %v and %d KB", took, grown>>10)
			if most := map[bool]int64{true: 1 << 20, false: 8 << 20}[shared]; grown > most {
				t.Errorf("the file has grown by %d bytes, want at most %d", grown, most)
			}
			if took > 5*time.Second { // a million rows would take much longer
				t.Errorf("it took %v", took)
			}
			c.beside("spread", 2200, func() {
				for range 5 {
					got, err := c.s.Spread(t.Context(), c.lease, id.Take[id.Delivery](c.ids, 1000, c.now), c.now)
					c.must(err)
					if len(got) == 0 || len(got) > 100 { // each touches pages of its own
						t.Fatalf("%d endpoints have got some", len(got))
					}
				}
			})
			if n, _, err := c.s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n < 5*900 || n > 5*1000 {
				t.Errorf("%d are pending, %v", n, err)
			}
			c.must(c.s.DeleteApp(t.Context(), "acme", nil))
			if n := rows(t, c.s, "SELECT (SELECT count(*) FROM fanouts) + (SELECT count(*) FROM fanout_lists) + (SELECT count(*) FROM pending)"); n != 0 {
				t.Errorf("%d rows are left of the app", n)
			}
		})
	}
}
