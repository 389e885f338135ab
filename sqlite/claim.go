package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// maxBlocked bounds how many deliveries one Claim finds waiting for an earlier
// one, so that a long ordered backlog does not hold up the writer. Each is found
// once, and the rest by the next Claim.
const maxBlocked = 1000

// Claim makes a node the owner of due deliveries of one endpoint.
func (s *Store) Claim(ctx context.Context, r bellhop.ClaimRequest, now time.Time) (bellhop.Claimed, error) {
	var claimed bellhop.Claimed
	err := s.write(ctx, "claim", rowWeight*(1+max(r.Limit, 0)), func(w *writer) error {
		// What a node without a lease owns would never be released.
		if !w.state.nodes[r.Node] {
			return bellhop.ErrLeaseLost
		}
		c := claim{writer: w, request: r, events: map[bellhop.EventID]*bellhop.Event{}}
		if err := c.fill(now); err != nil {
			return err
		}
		claimed = bellhop.Claimed{Work: c.work}
		_, err := one(w.conn, func(st *sqlite.Stmt) { claimed.Next = moment(st.ColumnInt64(0)) },
			`SELECT due FROM pending INDEXED BY pending_due
				WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? ORDER BY due LIMIT 1`, int64(r.Endpoint))
		return err
	})
	return claimed, err
}

// claim is one Claim at work.
type claim struct {
	*writer
	request bellhop.ClaimRequest
	work    []bellhop.Work
	events  map[bellhop.EventID]*bellhop.Event
	bytes   int
	blocked int
}

// fill reads due rows in rounds. Each row of a round is claimed or set aside, so
// the next round finds others.
func (c *claim) fill(now time.Time) error {
	for len(c.work) < c.request.Limit && c.blocked < maxBlocked {
		rows, err := c.due(c.request.Limit-len(c.work), now)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if full, err := c.take(&rows[i]); err != nil || full {
				return err
			}
		}
	}
	return nil
}

func (c *claim) due(limit int, now time.Time) ([]bellhop.Delivery, error) {
	var rows []bellhop.Delivery
	err := each(c.conn, func(st *sqlite.Stmt) { rows = append(rows, scanPending(st)) },
		`SELECT id, event, endpoint, app, '', trigger, owner, due, attempts, last_attempt, order_key, order_pos
			FROM pending INDEXED BY pending_due
			WHERE owner IS NULL AND due IS NOT NULL AND endpoint = ? AND due <= ? ORDER BY due, id LIMIT ?`,
		int64(c.request.Endpoint), micros(now), limit)
	return rows, err
}

// aheadInOrder and firstInOrder agree on what comes first: two deliveries may have
// the same position. The index ends with the id by itself, as all of them do.
const (
	aheadInOrder = `SELECT 1 FROM pending INDEXED BY pending_order
		WHERE endpoint = ? AND order_key = ? AND (order_pos, id) < (?, ?) LIMIT 1`
	firstInOrder = `SELECT id FROM pending INDEXED BY pending_order
		WHERE endpoint = ? AND order_key = ? ORDER BY order_pos, id LIMIT 1`
)

// take claims a delivery, or sets it aside if an earlier one of its order is
// unfinished. It answers whether the claim is full.
func (c *claim) take(d *bellhop.Delivery) (full bool, err error) {
	if d.OrderKey != "" {
		waits, err := one(c.conn, func(*sqlite.Stmt) {},
			aheadInOrder,
			int64(d.Endpoint), d.OrderKey, int64(d.OrderPos), int64(d.ID))
		if err != nil {
			return false, err
		}
		if waits {
			c.blocked++
			return false, exec(c.conn, "UPDATE pending SET due = NULL WHERE id = ?", int64(d.ID))
		}
	}
	e, err := c.event(d.Event)
	if err != nil {
		return false, err
	}
	c.bytes += len(e.Data)
	if c.request.MaxBytes > 0 && c.bytes > c.request.MaxBytes && len(c.work) > 0 {
		return true, nil
	}
	d.Type, d.Owner = e.Type, c.request.Node
	c.work = append(c.work, bellhop.Work{Delivery: *d, Event: e})
	return false, exec(c.conn, "UPDATE pending SET owner = ? WHERE id = ?", int(d.Owner), int64(d.ID))
}

func (c *claim) event(id bellhop.EventID) (*bellhop.Event, error) {
	if e := c.events[id]; e != nil {
		return e, nil
	}
	e := &bellhop.Event{}
	found, err := one(c.conn, func(st *sqlite.Stmt) { *e = scanEvent(st) },
		"SELECT "+eventColumns+", data FROM events WHERE id = ?", int64(id))
	if err == nil && !found {
		err = fmt.Errorf("event %v is gone, but has a pending delivery", id)
	}
	c.events[id] = e
	return e, err
}

// Release gives deliveries back, due as they were.
func (s *Store) Release(ctx context.Context, node bellhop.NodeID, deliveries []bellhop.DeliveryID, _ time.Time) error {
	if len(deliveries) == 0 {
		return nil
	}
	return s.write(ctx, "release", rowWeight*len(deliveries), func(w *writer) error {
		for _, d := range deliveries {
			if err := exec(w.conn, "UPDATE pending SET owner = NULL WHERE id = ? AND owner = ?", int64(d), int(node)); err != nil {
				return err
			}
		}
		return nil
	})
}
