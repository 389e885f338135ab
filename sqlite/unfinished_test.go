package sqlite

import (
	"slices"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// TestHeldAmongMany lists what is held of an endpoint at which newer ones wait, without
// going through those.
func TestHeldAmongMany(t *testing.T) {
	const many = 2000
	c := newCrowded(t)
	e, stopped := c.endpoint("acme"), c.endpoint("acme")
	stopped.Status = bellhop.EndpointPaused
	c.must(c.s.SaveEndpoint(t.Context(), stopped, nil, c.now))
	n := c.event("acme", "", 0, 0)
	c.must(c.enqueue(t.Context(), n))
	first := int64(id.Next[id.Delivery](c.ids, c.now))
	c.must(c.s.write(t.Context(), "make many", rowWeight, func(w *writer) error {
		for i, at := range []bellhop.EndpointID{e.ID, e.ID, stopped.ID} {
			held := int64(0)
			if i == 0 {
				held = many
			}
			w.state.waits = append(w.state.waits, waits{endpoint: at, app: "acme", n: many, held: held})
			err := exec(w.conn, `WITH RECURSIVE made (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n + 1 < ?1)
				INSERT INTO pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_pos, born, held, holds)
				SELECT ?2 + n, ?3, ?4, 'acme', 'publish', NULL, NULL, 1, 0, ?2 + n, 1, ?5, ?5 FROM made`,
				many, first+int64(i)*many, int64(n.Event.ID), int64(at), int64(min(held, 1)))
			if err != nil {
				return err
			}
		}
		return nil
	}))
	for _, x := range []struct {
		name   string
		filter bellhop.DeliveryFilter
		by     []string
		newest int64
	}{
		{"of the endpoint", bellhop.DeliveryFilter{Scope: bellhop.Only("acme"), Endpoint: e.ID}, []string{"pending_held"}, first + many - 1},
		{"of a paused one", bellhop.DeliveryFilter{Scope: bellhop.Only("acme"), Endpoint: stopped.ID}, []string{"pending_idle_endpoint", "pending_owner"}, first + 3*many - 1},
		{"of the app", bellhop.DeliveryFilter{Scope: bellhop.Only("acme")}, []string{"pending_held", "pending_idle_endpoint", "pending_owner"}, first + 3*many - 1},
		{"of all", bellhop.DeliveryFilter{Scope: bellhop.Everything()}, []string{"pending_held", "pending_idle_endpoint", "pending_owner"}, first + 3*many - 1},
		{"of all, themselves", bellhop.DeliveryFilter{Scope: bellhop.Everything(), Itself: true}, []string{"pending_held"}, first + many - 1},
		{"of another app", bellhop.DeliveryFilter{Scope: bellhop.Only("neighbour")}, nil, 0},
	} {
		x.filter.Status, x.filter.Limit = bellhop.DeliveryHeld, 10
		c.must(c.s.read(t.Context(), "look", func(conn *sqlite.Conn) error {
			queries, err := c.s.pendingQueriesIn(conn, &x.filter)
			var by []string
			for i := range queries {
				by = append(by, queries[i].index)
			}
			slices.Sort(by)
			if !slices.Equal(by, x.by) {
				t.Errorf("%s: looked up by %v, want %v", x.name, by, x.by)
			}
			return err
		}))
		list, err := c.s.Deliveries(t.Context(), x.filter)
		c.must(err)
		if x.newest == 0 && len(list) > 0 || x.newest != 0 && (len(list) != 10 || int64(list[0].ID) != x.newest) {
			t.Errorf("%s: %d listed: %v", x.name, len(list), list)
		}
	}
}
