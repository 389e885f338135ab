package sqlite

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
)

// TestManyHeld lets some of a hundred thousand held deliveries of one endpoint go. That
// is done in steps: neither who changes the endpoint waits for it, nor a neighbour.
func TestManyHeld(t *testing.T) {
	testlong.Only(t)
	const many = 100_000
	c := newCrowded(t)
	e := c.endpoint("acme")
	n := c.event("acme", "", 0, 0)
	c.must(c.enqueue(t.Context(), n))
	first := int64(id.Next[id.Delivery](c.ids, c.now))
	c.must(c.s.write(t.Context(), "hold", rowWeight, func(w *writer) error {
		w.state.waits = append(w.state.waits, waits{endpoint: e.ID, app: "acme", n: many, held: many})
		return exec(w.conn, `WITH RECURSIVE made (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n + 1 < ?1)
			INSERT INTO pending (id, event, endpoint, app, trigger, owner, due, attempts, last_attempt, order_pos, born, held, holds)
			SELECT ?2 + n, ?3, ?4, 'acme', 'publish', NULL, NULL, 1, 0, ?2 + n, 1, 1, 1 FROM made`,
			many, first, int64(n.Event.ID), int64(e.ID))
	}))
	held, err := c.s.Held(t.Context(), bellhop.Everything(), e.ID)
	c.must(err)
	if held[e.ID] != many {
		t.Fatalf("%v are held", held)
	}
	e.URL = "https://example.com/new"
	var saving time.Duration
	const claims = 80
	c.beside("letting some go", 2*releaseChunk, func() {
		begun := time.Now()
		c.must(c.s.SaveEndpoint(t.Context(), e, nil, c.now))
		saving = time.Since(begun)
		if old, err := c.s.Oldest(t.Context(), c.now.Add(-time.Hour)); err != nil || len(old) > 0 {
			t.Errorf("old: %v, %v", old, err)
		}
		for range claims {
			got, err := ClaimOf(t, c.s, bellhop.ClaimRequest{Lease: c.lease, Endpoint: e.ID, Retries: true, Limit: 1}, c.now)
			c.must(err)
			if len(got.Work) != 1 {
				t.Fatalf("a claim gave %d", len(got.Work))
			}
		}
	})
	if saving > time.Second {
		t.Errorf("the endpoint was saved in %v", saving)
	}
	held, err = c.s.Held(t.Context(), bellhop.Everything(), e.ID)
	c.must(err)
	if want := int64(many - (1+claims)*releaseChunk); held[e.ID] != want {
		t.Errorf("%d are held then, want %d", held[e.ID], want)
	}
}
