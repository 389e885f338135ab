package sqlite

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
)

// TestManyRetrying has a hundred thousand deliveries of one endpoint tried now, and counts
// what failed. That is done in steps, and no neighbour waits for it.
func TestManyRetrying(t *testing.T) {
	testlong.Only(t)
	const many, step = 100_000, 250
	c := newCrowded(t)
	e := c.endpoint("acme")
	n := c.event("acme", "", 0, 0)
	c.must(c.enqueue(t.Context(), n))
	first, attempt := int64(id.Next[id.Delivery](c.ids, c.now)), int64(id.Next[id.Attempt](c.ids, c.now))
	later := c.now.Add(time.Hour)
	c.must(c.s.write(t.Context(), "make many", rowWeight, func(w *writer) error {
		w.state.waits = append(w.state.waits, waits{endpoint: e.ID, app: "acme", n: many})
		err := exec(w.conn, `WITH RECURSIVE made (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n + 1 < ?1)
			INSERT INTO pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_pos, born)
			SELECT ?2 + n, ?3, ?4, 'acme', 'publish', NULL, ?5, 1, ?6 + n, ?2 + n, 1 FROM made`,
			many, first, int64(n.Event.ID), int64(e.ID), micros(later), attempt)
		if err != nil {
			return err
		}
		return exec(w.conn, `INSERT INTO attempts (id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration,
				response_status, truncated, url, reason, detail)
			SELECT last_attempt, id, event, endpoint, app, 'a.b', trigger, 1, 1, 0, due, 0, 503, 0, '', 'status', 'no' FROM pending WHERE endpoint = ?`, int64(e.ID))
	}))
	begun := time.Now()
	found, err := c.s.Failures(t.Context(), bellhop.FailureFilter{Scope: bellhop.Everything(), Endpoints: []bellhop.EndpointID{e.ID}, Each: 15_000, All: 30_000})
	c.must(err)
	if took := time.Since(begun); len(found.List) != 1 || found.List[0].Waiting != 15_000 || !found.Partial || took > 3*time.Second {
		t.Errorf("%+v after %v", found, took)
	}
	begun = time.Now()
	due, waiting, next, err := c.s.WaitsAt(t.Context(), e.ID, c.now)
	c.must(err)
	if took := time.Since(begun); due != 0 || waiting != many || !next.Equal(later) || took > time.Second {
		t.Errorf("%d are due and %d later, from %v on, after %v", due, waiting, next, took)
	}
	moved := 0
	c.beside("trying many now", 2*step, func() {
		for after := bellhop.DeliveryID(0); moved < many/4; {
			list, next, err := c.s.Retrying(t.Context(), bellhop.RetryingFilter{Scope: bellhop.Everything(), Endpoint: e.ID, After: after, Scan: 2000, Cause: bellhop.Cause{ResponseStatus: 503}})
			c.must(err)
			for len(list) > 0 {
				some := list[:min(len(list), step)]
				n, err := c.s.Hasten(t.Context(), e.ID, some, c.now)
				c.must(err)
				moved, list = moved+n, list[len(some):]
			}
			if after = next; next == 0 {
				break
			}
		}
	})
	if due, waiting, _, err = c.s.WaitsAt(t.Context(), e.ID, c.now); err != nil || int(due) != moved || int(waiting) != many-moved || moved < many/4 {
		t.Errorf("moved %d; %d are due and %d later, %v", moved, due, waiting, err)
	}
}
